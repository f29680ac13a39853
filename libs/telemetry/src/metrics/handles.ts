/**
 * The handles that hot paths hold: one per series, resolved once. Using one is an addition to a field; nothing is
 * looked up, hashed or allocated. (prom-client's own children hash their labels at every use.)
 */

/** A number that only grows. */
export class Counter {
  #value = 0;
  #read: (() => number) | undefined;

  /** @throws RangeError when `by` is negative or no number */
  inc(by = 1): void {
    if (!(by >= 0)) throw new RangeError(`a counter cannot grow by ${by}`);
    this.#value += by;
  }

  /** From now on the value is read from elsewhere, whenever the metrics are rendered. */
  readFrom(read: () => number): void {
    this.#read = read;
  }

  get value(): number {
    return this.#read === undefined ? this.#value : this.#read();
  }
}

/** A number that goes up and down. */
export class Gauge {
  #value = 0;
  #read: (() => number) | undefined;

  set(value: number): void {
    this.#value = value;
  }

  /** Adds `by`, which may be negative. */
  add(by: number): void {
    this.#value += by;
  }

  /** From now on the value is read from elsewhere, whenever the metrics are rendered. */
  readFrom(read: () => number): void {
    this.#read = read;
  }

  get value(): number {
    return this.#read === undefined ? this.#value : this.#read();
  }
}

/** How many observed values lie below each of the bounds. */
export class Histogram {
  readonly bounds: readonly number[];
  /** Values per bucket, each counted in one bucket only; the last one is for those above every bound. */
  readonly #counts: Float64Array;
  #sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.#counts = new Float64Array(bounds.length + 1);
  }

  /** @throws RangeError when `value` is no number: it would spoil the sum for good */
  observe(value: number): void {
    if (Number.isNaN(value)) throw new RangeError('NaN cannot be observed');
    const { bounds } = this;
    let at = 0;
    while (at < bounds.length && value > (bounds[at] as number)) at++;
    (this.#counts[at] as number)++;
    this.#sum += value;
  }

  get sum(): number {
    return this.#sum;
  }

  /** Number of values observed. */
  get count(): number {
    return this.#counts.reduce((total, one) => total + one, 0);
  }

  /** For each bound, and for everything at last: how many values were not above it. */
  cumulative(): number[] {
    let total = 0;
    return Array.from(this.#counts, (one) => {
      total += one;
      return total;
    });
  }
}

/** What a series is made of. */
export type Handle = Counter | Gauge | Histogram;
