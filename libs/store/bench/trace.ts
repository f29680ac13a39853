import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { pagesWrittenAhead } from '../src/drivers/sqlite/checkpoints.ts';
import { encodeId } from '../src/drivers/sqlite/codec.ts';
import { RowBatch } from '../src/drivers/sqlite/row-batch.ts';
import { Prepared } from '../src/drivers/sqlite/statements.ts';
import { connectionSettings } from '../src/drivers/sqlite/writer.ts';

/** One write as the store made it. */
interface Write {
  readonly sql: string;
  readonly values: readonly SQLInputValue[];
}

/** The writes of one transaction. */
export type Trace = readonly Write[];

type Run = (this: Prepared, ...values: SQLInputValue[]) => number;
type Add = (this: RowBatch, ...row: SQLInputValue[]) => void;
type Flush = (this: RowBatch) => void;

/** Notes every write that the store makes while `work` runs, row by row: what it writes several of at a time, too. */
export function traced(work: () => void): Trace {
  const writes: Write[] = [];
  let gathered = false;
  const run = Reflect.get(Prepared.prototype, 'run') as Run;
  const add = Reflect.get(RowBatch.prototype, 'add') as Add;
  const flush = Reflect.get(RowBatch.prototype, 'flush') as Flush;
  const noted = (write: () => void): void => {
    gathered = true;
    write();
    gathered = false;
  };
  Prepared.prototype.run = function (...values) {
    if (!gathered) writes.push({ sql: this.sql, values: values.map(copied) });
    return run.apply(this, values);
  };
  RowBatch.prototype.add = function (...row) {
    writes.push({ sql: this.sql, values: row.map(copied) });
    noted(() => add.apply(this, row));
  };
  RowBatch.prototype.flush = function () {
    noted(() => flush.apply(this));
  };
  try {
    work();
  } finally {
    Object.assign(Prepared.prototype, { run });
    Object.assign(RowBatch.prototype, { add, flush });
  }
  return writes;
}

/** Bytes are bound from a buffer that is used again. */
function copied(value: SQLInputValue): SQLInputValue {
  return value instanceof Uint8Array ? Uint8Array.from(value) : value;
}

/** Writes ready to be made: prepared statements with their values. */
export type Writes = ReadonlyArray<readonly [StatementSync, readonly SQLInputValue[]]>;

/**
 * What the store is measured against: the same writes, prepared, a statement a row, one transaction a batch, on the same
 * settings; the connection itself moves what it wrote ahead into the file, as often as the store's thread does.
 */
export class RawWriter implements Disposable {
  readonly #database: DatabaseSync;
  readonly #prepared = new Map<string, StatementSync>();
  readonly #look: StatementSync;

  constructor(path: string) {
    this.#database = new DatabaseSync(path);
    this.#database.exec(connectionSettings);
    this.#database.exec(`PRAGMA wal_autocheckpoint = ${pagesWrittenAhead}`);
    this.#look = this.#database.prepare('SELECT * FROM vms WHERE id = ?');
  }

  /** Prepares what a trace needs, so that measuring meets only writes. */
  prepare(trace: Trace): Writes {
    return trace.map(({ sql, values }) => [this.#statement(sql), values] as const);
  }

  /** @param look VMs whose rows are read before, as whoever compares versions has to */
  write(writes: Writes, look: readonly string[] = []): void {
    this.#database.exec('BEGIN IMMEDIATE');
    for (const id of look) this.#look.get(encodeId(id));
    for (const [statement, values] of writes) statement.run(...values);
    this.#database.exec('COMMIT');
  }

  /** Runs what returns nothing, such as making an index. */
  execute(sql: string): void {
    this.#database.exec(sql);
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }

  #statement(sql: string): StatementSync {
    const held = this.#prepared.get(sql) ?? this.#database.prepare(sql);
    this.#prepared.set(sql, held);
    return held;
  }
}
