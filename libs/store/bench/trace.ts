import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { encodeId } from '../src/drivers/sqlite/codec.ts';
import { Prepared } from '../src/drivers/sqlite/statements.ts';
import { connectionSettings } from '../src/drivers/sqlite/writer.ts';

/** One write as the store made it. */
interface Write {
  readonly sql: string;
  readonly values: readonly SQLInputValue[];
}

/** The writes of one transaction. */
export type Trace = readonly Write[];

/** Notes every write that the store makes while `work` runs. */
export function traced(work: () => void): Trace {
  const writes: Write[] = [];
  const run = Reflect.get(Prepared.prototype, 'run') as (this: Prepared, ...values: SQLInputValue[]) => number;
  Prepared.prototype.run = function (...values) {
    writes.push({ sql: this.sql, values: values.map(copied) });
    return run.apply(this, values);
  };
  try {
    work();
  } finally {
    Prepared.prototype.run = run;
  }
  return writes;
}

/** Bytes are bound from a buffer that is used again. */
function copied(value: SQLInputValue): SQLInputValue {
  return value instanceof Uint8Array ? Uint8Array.from(value) : value;
}

/** Writes ready to be made: prepared statements with their values. */
export type Writes = ReadonlyArray<readonly [StatementSync, readonly SQLInputValue[]]>;

/** What the store is measured against: the same writes, prepared, one transaction a batch, on the same settings. */
export class RawWriter implements Disposable {
  readonly #database: DatabaseSync;
  readonly #prepared = new Map<string, StatementSync>();
  readonly #look: StatementSync;

  constructor(path: string) {
    this.#database = new DatabaseSync(path);
    this.#database.exec(connectionSettings);
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

  [Symbol.dispose](): void {
    this.#database.close();
  }

  #statement(sql: string): StatementSync {
    const held = this.#prepared.get(sql) ?? this.#database.prepare(sql);
    this.#prepared.set(sql, held);
    return held;
  }
}
