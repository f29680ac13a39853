const firstLength = 16;

/** A first-in first-out queue on a growing ring. Its bound is its owner's business. */
export class Deque<T extends object> implements Iterable<T> {
  /** Length is a power of two, so that positions wrap by a mask. */
  #ring: (T | undefined)[] = new Array<T | undefined>(firstLength);
  #head = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(item: T): void {
    if (this.#size === this.#ring.length) this.#grow();
    this.#ring[(this.#head + this.#size) & (this.#ring.length - 1)] = item;
    this.#size++;
  }

  /** Takes the oldest item; undefined when there is none. */
  shift(): T | undefined {
    if (this.#size === 0) return undefined;
    const item = this.#ring[this.#head];
    this.#ring[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#ring.length - 1);
    this.#size--;
    return item;
  }

  /** Drops everything, and the memory it took. */
  clear(): void {
    this.#ring = new Array<T | undefined>(firstLength);
    this.#head = 0;
    this.#size = 0;
  }

  /** Oldest first; the queue must not change meanwhile. */
  *[Symbol.iterator](): IterableIterator<T> {
    for (let at = 0; at < this.#size; at++) yield this.#ring[(this.#head + at) & (this.#ring.length - 1)] as T;
  }

  #grow(): void {
    const { length } = this.#ring;
    const larger = new Array<T | undefined>(length * 2);
    for (let at = 0; at < this.#size; at++) larger[at] = this.#ring[(this.#head + at) & (length - 1)];
    this.#ring = larger;
    this.#head = 0;
  }
}
