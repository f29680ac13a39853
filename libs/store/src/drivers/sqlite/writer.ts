import { randomUUID } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import { VedetteError } from '@vedette/runtime';
import { Engine } from '../../engine/engine.ts';
import type { Command, CommandResult } from '../../engine/front.ts';
import type { StoreLimits } from '../../engine/limits.ts';
import { Checkpoints, mostPagesWrittenAhead } from './checkpoints.ts';
import { storeError } from './faults.ts';
import { FileLock } from './file-lock.ts';
import { migrate, pragma, schemaVersion } from './schema.ts';
import { WriteTables } from './write-tables.ts';

export interface WriterOptions {
  readonly path: string;
  readonly limits: StoreLimits;
  /** The database file grows to this at most; what would need more fails with VDT_STORE_DISK_FULL. */
  readonly maxFileBytes: number | undefined;
}

interface Loaded {
  readonly tables: WriteTables;
  readonly engine: Engine;
}

/** Commands that write nothing: they need no transaction. */
const looks: ReadonlySet<Command> = new Set(['start', 'identity', 'counts', 'pendingConfirmations']);

const cacheKiB = 64 * 1024;

/** How the writing connection is set up. */
export const connectionSettings = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = NORMAL;
  PRAGMA wal_autocheckpoint = ${mostPagesWrittenAhead};
  PRAGMA journal_size_limit = ${mostPagesWrittenAhead * 4096};
  PRAGMA cache_size = -${cacheKiB};
  PRAGMA temp_store = MEMORY;
`;

/**
 * The one connection that writes, with the engine on it.
 *
 * W1. A command is one transaction. What was answered survives the death of the process at any moment (WAL,
 *     synchronous = NORMAL); the last moments before a loss of power may be missing, the file is sound all the same.
 * W2. Epochs survive a loss of power too: a minted epoch is on the disk before it is answered (synchronous = FULL), for
 *     no epoch may ever be minted twice (I1).
 * W3. A command that fails leaves nothing, neither in the file nor in memory.
 */
export class Writer {
  readonly #path: string;
  readonly #limits: StoreLimits;
  readonly #lock: FileLock;
  readonly #database: DatabaseSync;
  readonly #checkpoints: Checkpoints;
  /** Undefined after a fault, until the next command makes them anew from what the file says. */
  #loaded: Loaded | undefined;

  /** @throws VedetteError VDT_STORE_LOCKED, and those of a file that cannot be used; nothing was written then */
  constructor({ path, limits, maxFileBytes }: WriterOptions) {
    this.#path = path;
    this.#limits = limits;
    this.#lock = new FileLock(path);
    let database: DatabaseSync | undefined;
    try {
      database = openForWriting(path, maxFileBytes);
      this.#database = database;
      this.#checkpoints = new Checkpoints(database, path);
      this.#load();
    } catch (error) {
      database?.close();
      this.#lock[Symbol.dispose]();
      throw storeError(error, path);
    }
  }

  /** Runs one command. @throws VedetteError of the engine, or for what went wrong with the file */
  run<C extends Command>(name: C, args: Parameters<Engine[C]>): CommandResult<C> {
    try {
      const loaded = this.#loaded ?? this.#load();
      return looks.has(name) ? call(loaded.engine, name, args) : this.#transaction(loaded, name, args);
    } catch (error) {
      throw storeError(error, this.#path);
    }
  }

  /** What was written ahead is moved into the file, so that one file is left; where that fails, two are. */
  close(): void {
    if (!this.#database.isOpen) return;
    try {
      this.#checkpoints[Symbol.dispose]();
      this.#database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    } finally {
      this.#database.close();
      this.#lock[Symbol.dispose]();
    }
  }

  #transaction<C extends Command>({ tables, engine }: Loaded, name: C, args: Parameters<Engine[C]>): CommandResult<C> {
    const durable = name === 'openObservers';
    if (durable) this.#database.exec('PRAGMA synchronous = FULL'); // W2
    try {
      this.#database.exec('BEGIN IMMEDIATE');
      const result = call(engine, name, args);
      tables.flush();
      this.#database.exec('COMMIT');
      tables.committed();
      this.#checkpoints.committed();
      return result;
    } catch (error) {
      this.#undo(error);
      throw error;
    } finally {
      if (durable) this.#database.exec('PRAGMA synchronous = NORMAL');
    }
  }

  /** W3. The engine refuses what is asked of it before it changes anything; after any other fault it is made anew. */
  #undo(error: unknown): void {
    if (!VedetteError.is(error)) this.#loaded = undefined;
    if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
  }

  #load(): Loaded {
    const tables = new WriteTables(this.#database);
    this.#loaded = { tables, engine: new Engine(tables, this.#limits) };
    return this.#loaded;
  }
}

function call<C extends Command>(engine: Engine, name: C, args: Parameters<Engine[C]>): CommandResult<C> {
  const method = engine[name] as (...args: Parameters<Engine[C]>) => CommandResult<C>;
  return method.apply(engine, args);
}

function openForWriting(path: string, maxFileBytes: number | undefined): DatabaseSync {
  const database = new DatabaseSync(path);
  try {
    schemaVersion(database, path); // refuses what is not ours before anything is written
    database.exec(connectionSettings);
    if (maxFileBytes !== undefined) {
      const pages = Math.max(1, Math.floor(maxFileBytes / pragma(database, 'page_size')));
      database.exec(`PRAGMA max_page_count = ${pages}`);
    }
    migrate(database, path);
    identify(database);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** A new file gets an identity of its own: positions of its log are never taken for those of another. */
function identify(database: DatabaseSync): void {
  database.prepare('INSERT OR IGNORE INTO counters VALUES (1, ?, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)').run(randomUUID());
}
