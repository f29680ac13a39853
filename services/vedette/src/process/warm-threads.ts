import type { SqliteThreads } from '@vedette/store/sqlite';

/**
 * Threads for the store, loading from now on: it takes them as long as everything else of a start together, and the
 * path of the store need not be known for it. The caller disposes of them.
 */
export async function warmThreads(): Promise<SqliteThreads> {
  const { SqliteThreads: Threads } = await import('@vedette/store/sqlite');
  const threads = new Threads();
  threads.warm();
  return threads;
}
