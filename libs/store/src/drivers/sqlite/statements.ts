import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';

/** A row as an array: node:sqlite builds it faster than an object. */
export type Row = readonly unknown[];

/** One prepared statement; rows come as arrays. */
export class Prepared {
  readonly sql: string;
  readonly #statement: StatementSync;

  constructor(database: DatabaseSync, sql: string) {
    this.sql = sql;
    this.#statement = database.prepare(sql);
    this.#statement.setReturnArrays(true);
  }

  get(...values: SQLInputValue[]): Row | undefined {
    return this.#statement.get(...values) as unknown as Row | undefined;
  }

  all(...values: SQLInputValue[]): readonly Row[] {
    return this.#statement.all(...values) as unknown as readonly Row[];
  }

  iterate(...values: SQLInputValue[]): Iterable<Row> {
    return this.#statement.iterate(...values) as unknown as Iterable<Row>;
  }

  /** Returns how many rows changed. */
  run(...values: SQLInputValue[]): number {
    return this.#statement.run(...values).changes as number;
  }
}

/** Statements by their text, for those whose text is put together: prepared once, on first use. */
export class Statements {
  readonly #database: DatabaseSync;
  readonly #prepared = new Map<string, Prepared>();

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  prepare(sql: string): Prepared {
    const held = this.#prepared.get(sql) ?? new Prepared(this.#database, sql);
    this.#prepared.set(sql, held);
    return held;
  }
}
