import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import { Prepared } from './statements.ts';

/** Rows that one statement writes: more save little. */
const rowsTogether = 16;

/**
 * Rows for one table, written several by one statement: a call into SQLite costs as much as the row it writes. Rows are
 * written in the order in which they came; what is gathered is in the table only after {@link flush}, which has to come
 * before anything looks for it there.
 */
export class RowBatch {
  /** What writes one row. */
  readonly sql: string;
  readonly #several: Prepared;
  readonly #one: Prepared;
  readonly #values: SQLInputValue[] = [];
  readonly #columns: number;

  /** @param into the statement up to its values, such as `INSERT INTO vms` */
  constructor(database: DatabaseSync, into: string, columns: number) {
    const row = `(${Array(columns).fill('?').join(', ')})`;
    this.#several = new Prepared(database, `${into} VALUES ${Array(rowsTogether).fill(row).join(', ')}`);
    this.sql = `${into} VALUES ${row}`;
    this.#one = new Prepared(database, this.sql);
    this.#columns = columns;
  }

  /** The values are kept until they are written: bytes must not be of a buffer that is used again. */
  add(...row: SQLInputValue[]): void {
    this.#values.push(...row);
    if (this.#values.length < rowsTogether * this.#columns) return;
    this.#several.run(...this.#values);
    this.#values.length = 0;
  }

  flush(): void {
    for (let at = 0; at < this.#values.length; at += this.#columns) {
      this.#one.run(...this.#values.slice(at, at + this.#columns));
    }
    this.#values.length = 0;
  }
}
