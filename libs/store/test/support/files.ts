import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** A folder for store files, removed with everything in it. */
export interface StoreFolder extends AsyncDisposable {
  readonly path: string;
  /** The store file of most tests. */
  readonly file: string;
}

export async function storeFolder(): Promise<StoreFolder> {
  const path = await mkdtemp(join(tmpdir(), 'vedette-store-'));
  return {
    path,
    file: join(path, 'store.db'),
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  };
}

/** What SQLite itself says of a file; `ok` for a sound one. */
export function integrityOf(file: string): unknown {
  const database = new DatabaseSync(file);
  try {
    return database.prepare('PRAGMA integrity_check').get()?.integrity_check;
  } finally {
    database.close();
  }
}
