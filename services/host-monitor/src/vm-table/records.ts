import { recordWords } from './layout.ts';

/** 120 KiB: small beside any fleet, and made in microseconds when one more is needed. */
const recordsPerPage = 1024;
const pageShift = 10;
const inPage = recordsPerPage - 1;

/**
 * Records of a fixed size, by number; 0 is none.
 *
 * R1. A record never moves: its number is good until it is freed. Growth adds a page and copies nothing.
 * R2. A freed record is given out again before a new page is made; pages are kept for that, never given back.
 */
export class Records {
  readonly #pages: Uint32Array[] = [];
  /** Never given out yet. */
  #next = 1;
  readonly #freed: number[] = [];

  /** Records in use. */
  get size(): number {
    return this.#next - 1 - this.#freed.length;
  }

  get bytes(): number {
    return this.#pages.length * recordsPerPage * recordWords * 4;
  }

  /** A record full of zeros. */
  allocate(): number {
    const freed = this.#freed.pop();
    if (freed !== undefined) return freed;
    const row = this.#next++;
    if (row >>> pageShift === this.#pages.length) this.#pages.push(new Uint32Array(recordsPerPage * recordWords));
    return row;
  }

  free(row: number): void {
    const at = placeOf(row);
    this.page(row).fill(0, at, at + recordWords);
    this.#freed.push(row);
  }

  /** The words among which the record's are, from {@link placeOf} on. */
  page(row: number): Uint32Array {
    return this.#pages[row >>> pageShift] as Uint32Array;
  }
}

/** Where a record's words begin in its page. */
export function placeOf(row: number): number {
  return (row & inPage) * recordWords;
}
