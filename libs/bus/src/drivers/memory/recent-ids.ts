/**
 * The latest message ids, at least `size` and at most twice as many: two sets, of which the older one goes whole when
 * the younger one is full. Costs no more per id than one set, and nothing is ever searched for the oldest.
 */
export class RecentIds {
  readonly #size: number;
  #young = new Set<string>();
  #old = new Set<string>();

  constructor(size: number) {
    this.#size = size;
  }

  has(id: string): boolean {
    return this.#young.has(id) || this.#old.has(id);
  }

  /** Notes an id; false when it was noted lately already. */
  add(id: string): boolean {
    if (this.#old.has(id)) return false;
    const { size } = this.#young;
    this.#young.add(id);
    if (this.#young.size === size) return false;
    if (this.#young.size === this.#size) {
      this.#old = this.#young;
      this.#young = new Set();
    }
    return true;
  }
}
