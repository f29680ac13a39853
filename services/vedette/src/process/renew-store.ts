import { mkdir, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Clock, VedetteError } from '@vedette/runtime';
import { openSqliteStore, type SqliteThreads } from '@vedette/store/sqlite';

/**
 * Makes room for a new store at `path`: the one that is there is deleted, unless a process has it open.
 *
 * @throws VedetteError VDT_STORE_LOCKED
 */
export async function renewStore(path: string, clock: Clock, threads: SqliteThreads): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  try {
    const store = await openSqliteStore({ path, clock, threads }); // nobody else has it if this succeeds
    await store.close();
  } catch (error) {
    if (VedetteError.is(error, 'VDT_STORE_LOCKED')) throw error; // anything else is a store that cannot be read any more
  }
  await Promise.all(['', '-wal', '-shm'].map((suffix) => rm(`${path}${suffix}`, { force: true })));
}
