/**
 * Counts of latencies by size, mergeable: those of several processes or slices add up exactly, percentiles do not.
 *
 * A bucket is what shares the sign, the exponent and the first ten bits of the fraction of an IEEE 754 double, so that
 * its width is at most a thousandth of its values, from 2^-10 ms (1 us) to 2^22 ms (70 min); what lies beyond counts
 * in the first or last. That is the precision of HdrHistogram at three digits, which is what the tests hold it against;
 * recording takes one look at the bits of the number instead of 0.4 us in hdr-histogram-js 3.0.1, which would be a
 * tenth of what is measured.
 */
const FRACTION_BITS = 10;
const LOWEST_EXPONENT = -10;
const HIGHEST_EXPONENT = 22;
/** The bits of a double above its fraction's first ten: what its high word has above this shift. */
const SHIFT = 20 - FRACTION_BITS;
const EXPONENT_BIAS = 1023;
const FIRST = (EXPONENT_BIAS + LOWEST_EXPONENT) << FRACTION_BITS;
const BUCKETS = (HIGHEST_EXPONENT - LOWEST_EXPONENT) << FRACTION_BITS;

const double = new Float64Array(1);
const words = new Uint32Array(double.buffer);
const HIGH_WORD = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1 ? 1 : 0;

/** What a histogram says in a report; milliseconds. All but `count` are null where nothing was recorded. */
export interface LatencySummary {
  readonly count: number;
  readonly meanMs: number | null;
  readonly p50Ms: number | null;
  readonly p90Ms: number | null;
  readonly p99Ms: number | null;
  readonly p999Ms: number | null;
  readonly maxMs: number | null;
}

/** A histogram as it travels between processes and into reports: bucket numbers and their counts, in turn. */
export interface EncodedHistogram {
  readonly counts: readonly number[];
  readonly sumMs: number;
  readonly maxMs: number;
}

/** See the head of this file. */
export class LatencyHistogram {
  readonly #counts = new Float64Array(BUCKETS);
  #count = 0;
  #sumMs = 0;
  #maxMs = 0;

  get count(): number {
    return this.#count;
  }

  /** @param latencyMs negative (clocks of two readings that disagree by microseconds) counts as 0 */
  record(latencyMs: number): void {
    if (Number.isNaN(latencyMs)) throw new RangeError('a latency is not a number');
    const ms = latencyMs > 0 ? latencyMs : 0;
    const bucket = bucketOf(ms);
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1;
    this.#count++;
    this.#sumMs += ms;
    if (ms > this.#maxMs) this.#maxMs = ms;
  }

  add(other: LatencyHistogram): void {
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      const count = other.#counts[bucket] as number;
      if (count > 0) this.#counts[bucket] = (this.#counts[bucket] as number) + count;
    }
    this.#count += other.#count;
    this.#sumMs += other.#sumMs;
    this.#maxMs = Math.max(this.#maxMs, other.#maxMs);
  }

  /** The least latency that at least `share` of all do not exceed, to the upper end of its bucket; null when empty. */
  percentileMs(share: number): number | null {
    if (this.#count === 0) return null;
    const wanted = Math.max(1, Math.ceil(share * this.#count - 1e-9));
    let seen = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      seen += this.#counts[bucket] as number;
      if (seen >= wanted) return Math.min(upperEndOf(bucket), this.#maxMs);
    }
    return this.#maxMs;
  }

  /** How many were at most `latencyMs`, as a share; null when empty. */
  shareWithin(latencyMs: number): number | null {
    if (this.#count === 0) return null;
    const last = bucketOf(latencyMs);
    let seen = 0;
    for (let bucket = 0; bucket <= last; bucket++) seen += this.#counts[bucket] as number;
    return seen / this.#count;
  }

  summary(): LatencySummary {
    const rounded = (ms: number | null): number | null => (ms === null ? null : Number(ms.toPrecision(4)));
    return {
      count: this.#count,
      meanMs: rounded(this.#count === 0 ? null : this.#sumMs / this.#count),
      p50Ms: rounded(this.percentileMs(0.5)),
      p90Ms: rounded(this.percentileMs(0.9)),
      p99Ms: rounded(this.percentileMs(0.99)),
      p999Ms: rounded(this.percentileMs(0.999)),
      maxMs: rounded(this.#count === 0 ? null : this.#maxMs),
    };
  }

  encode(): EncodedHistogram {
    const counts: number[] = [];
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      const count = this.#counts[bucket] as number;
      if (count > 0) counts.push(bucket, count);
    }
    return { counts, sumMs: this.#sumMs, maxMs: this.#maxMs };
  }

  static decode({ counts, sumMs, maxMs }: EncodedHistogram): LatencyHistogram {
    const histogram = new LatencyHistogram();
    for (let at = 0; at < counts.length; at += 2) {
      const count = counts[at + 1] as number;
      histogram.#counts[counts[at] as number] = count;
      histogram.#count += count;
    }
    histogram.#sumMs = sumMs;
    histogram.#maxMs = maxMs;
    return histogram;
  }
}

function bucketOf(ms: number): number {
  double[0] = ms;
  const bucket = ((words[HIGH_WORD] as number) >>> SHIFT) - FIRST;
  return bucket < 0 ? 0 : bucket >= BUCKETS ? BUCKETS - 1 : bucket;
}

function upperEndOf(bucket: number): number {
  words[1 - HIGH_WORD] = 0;
  words[HIGH_WORD] = (bucket + 1 + FIRST) << SHIFT;
  return double[0] as number;
}
