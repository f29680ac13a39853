import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { VedetteError } from '@vedette/runtime';
import '../../errors.ts';
import { isBusy, storeError } from './faults.ts';

/**
 * One process per store file (scenario F9): an exclusive lock of the operating system on a small database beside it,
 * which falls with the process however that ends. The file itself stays free for readers. The process that holds the
 * lock is named in a text file; a database of its own, since closing any handle of a locked file by other means would
 * release a POSIX lock.
 */
export class FileLock implements Disposable {
  readonly #database: DatabaseSync;
  readonly #pidFile: string;

  /** @throws VedetteError VDT_STORE_LOCKED naming the process, VDT_STORE_CANNOT_OPEN */
  constructor(path: string) {
    this.#pidFile = `${path}.pid`;
    this.#database = lockedDatabase(path, this.#pidFile);
    try {
      writeFileSync(this.#pidFile, `${process.pid}\n`);
    } catch (cause) {
      this.#database.close();
      throw new VedetteError('VDT_STORE_CANNOT_OPEN', { message: `${this.#pidFile} cannot be written`, cause });
    }
  }

  [Symbol.dispose](): void {
    if (!this.#database.isOpen) return;
    rmSync(this.#pidFile, { force: true });
    this.#database.close();
  }
}

function lockedDatabase(path: string, pidFile: string): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(`${path}.lock`, { timeout: 0 });
    database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT;');
    return database;
  } catch (error) {
    database?.close();
    if (!isBusy(error)) throw storeError(error, path);
    throw new VedetteError('VDT_STORE_LOCKED', { message: `store ${path} is open in ${holderOf(pidFile)}` });
  }
}

function holderOf(pidFile: string): string {
  try {
    const pid = readFileSync(pidFile, 'utf8').trim();
    if (/^[0-9]{1,10}$/.test(pid)) return Number(pid) === process.pid ? `this process (${pid})` : `process ${pid}`;
  } catch {
    // The holder has only just locked it, or its directory hides the file: the lock itself is what counts.
  }
  return 'another process';
}
