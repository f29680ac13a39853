export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** A ratio of two things measured in turn, and between which bounds it lies with 95 % confidence. */
export interface RatioEstimate {
  readonly ratio: number;
  readonly low: number;
  readonly high: number;
  readonly pairs: number;
}

/**
 * The mean ratio of neighbouring slices, from their logarithms (a ratio of 2 and one of 1/2 cancel out), with bounds by
 * Student's distribution. Slices of one pair see the same machine; what disturbs a whole pair cancels out.
 */
export function ratioOf(pairs: ReadonlyArray<readonly [numerator: number, denominator: number]>): RatioEstimate {
  const logs = pairs.map(([numerator, denominator]) => Math.log(numerator / denominator)).filter(Number.isFinite);
  const count = logs.length;
  const mean = logs.reduce((sum, log) => sum + log, 0) / count;
  const variance = logs.reduce((sum, log) => sum + (log - mean) ** 2, 0) / (count - 1);
  const margin = count < 2 ? Number.NaN : studentT(count - 1) * Math.sqrt(variance / count);
  return { ratio: Math.exp(mean), low: Math.exp(mean - margin), high: Math.exp(mean + margin), pairs: count };
}

/** Whether the ratio is that large; undefined: its bounds lie on both sides, more slices would tell. */
export function isAtLeast({ low, high }: RatioEstimate, limit: number): boolean | undefined {
  return low >= limit ? true : high < limit ? false : undefined;
}

/** The other way round. */
export function isAtMost({ low, high }: RatioEstimate, limit: number): boolean | undefined {
  return high <= limit ? true : low > limit ? false : undefined;
}

const tabled = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228];

/** The 97.5 % quantile; beyond ten degrees of freedom by its expansion about the normal one (0.1 % off at most). */
function studentT(degrees: number): number {
  const z = 1.959964;
  return (
    tabled[degrees - 1] ?? z + (z ** 3 + z) / (4 * degrees) + (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * degrees ** 2)
  );
}
