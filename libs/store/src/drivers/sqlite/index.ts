import { type Clock, RealClock } from '@vedette/runtime';
import type { Engine, EngineStart } from '../../engine/engine.ts';
import {
  type Backend,
  type Command,
  type CommandResult,
  type Query,
  type QueryResult,
  StoreFront,
} from '../../engine/front.ts';
import { defaultLimits, type StoreLimits } from '../../engine/limits.ts';
import type { Queries } from '../../engine/queries.ts';
import type { Store } from '../../port.ts';
import type { Thread } from './thread.ts';
import { SqliteThreads } from './threads.ts';
import type { WriterOptions } from './writer.ts';

export type { StoreLimits } from '../../engine/limits.ts';
export { openSqliteReader, type SqliteReaderOptions, type StoreReader } from './offline-reader.ts';
export { SqliteThreads } from './threads.ts';

export interface SqliteStoreOptions {
  /** The database file; made when it does not exist. Beside it stand `-wal`, `-shm`, `.lock` and `.pid`. */
  readonly path: string;
  /** Default: the machine's. */
  readonly clock?: Clock;
  /** Aborting it closes the store. */
  readonly signal?: AbortSignal;
  readonly limits?: Partial<StoreLimits>;
  /** The file grows to this many bytes at most. Default: what the disk holds. */
  readonly maxFileBytes?: number;
  /** Threads to use, and to hand back at the close. Default: two of its own, ended at the close. */
  readonly threads?: SqliteThreads;
}

/**
 * Opens a store in an SQLite file, for this process alone. A batch that was acknowledged survives the end of the
 * process however it comes; the last moments before a loss of power may be missing, but no epoch is ever minted twice,
 * and observers then tell again what is missing. Queries run on a thread of their own and delay no batch (D5).
 *
 * @throws VedetteError VDT_STORE_LOCKED when a process has it open, VDT_STORE_CANNOT_OPEN, VDT_STORE_NOT_A_DATABASE,
 *   VDT_STORE_NEWER_SCHEMA, VDT_STORE_CORRUPT; VDT_STORE_DISK_FULL and VDT_STORE_IO (retryable)
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const { path, clock = new RealClock(), signal, limits, maxFileBytes } = options;
  signal?.throwIfAborted();
  const own = options.threads === undefined ? new SqliteThreads() : undefined;
  const backend = new ThreadedBackend(options.threads ?? (own as SqliteThreads), own);
  const start = await backend.open({ path, limits: { ...defaultLimits, ...limits }, maxFileBytes });
  const store = new StoreFront(backend, clock, start);
  if (signal !== undefined) closeOnAbort(store, signal);
  return store;
}

/** Whoever closes the store learns what went wrong; here there is nobody to tell. */
function closeOnAbort(store: Store, signal: AbortSignal): void {
  const close = (): void => void store.close().catch(() => undefined);
  if (signal.aborted) close();
  else signal.addEventListener('abort', close, { once: true });
}

class ThreadedBackend implements Backend {
  readonly #threads: SqliteThreads;
  /** Set where the threads are this store's alone. */
  readonly #own: SqliteThreads | undefined;
  readonly #writer: Thread;
  readonly #reader: Thread;

  constructor(threads: SqliteThreads, own: SqliteThreads | undefined) {
    this.#threads = threads;
    this.#own = own;
    this.#writer = threads.take('writer');
    this.#reader = threads.take('reader');
  }

  /** The writer first: it makes the file, or brings it to the present schema. */
  async open(options: WriterOptions): Promise<EngineStart> {
    try {
      const start = await this.#writer.open<EngineStart>(options);
      await this.#reader.open({ path: options.path });
      return start;
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  command<C extends Command>(name: C, ...args: Parameters<Engine[C]>): Promise<CommandResult<C>> {
    return this.#writer.ask(name, args);
  }

  query<Q extends Query>(name: Q, ...args: Parameters<Queries[Q]>): Promise<QueryResult<Q>> {
    return this.#reader.ask(name, args);
  }

  /** The reader first: the writer then leaves one file, without a log beside it. */
  async close(): Promise<void> {
    try {
      await this.#reader.close();
      await this.#writer.close();
    } finally {
      this.#threads.giveBack('reader', this.#reader);
      this.#threads.giveBack('writer', this.#writer);
      await this.#own?.[Symbol.asyncDispose]();
    }
  }
}
