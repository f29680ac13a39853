import { seededRandom } from '@vedette/runtime';
import { describe, expect, it } from 'vitest';
import { isAtLeast, isAtMost, median, ratioOf } from '../src/harness/statistics.ts';

describe('the ratio of slices taken in turn', () => {
  it('is what both sides share, where every pair says the same', () => {
    const { ratio, low, high, pairs } = ratioOf([
      [90, 100],
      [180, 200],
      [45, 50],
    ]);
    expect([ratio, low, high].map((one) => Number(one.toFixed(9)))).toEqual([0.9, 0.9, 0.9]);
    expect(pairs).toBe(3);
  });

  it('lets opposite errors cancel out', () => {
    expect(
      ratioOf([
        [200, 100],
        [100, 200],
      ]).ratio,
    ).toBeCloseTo(1);
  });

  it('has the true ratio between its bounds about 95 times of 100', () => {
    const random = seededRandom(11);
    const noise = (): number => Math.exp(0.3 * (random() + random() + random() - 1.5));
    let held = 0;
    for (let run = 0; run < 1_000; run++) {
      const { low, high } = ratioOf(Array.from({ length: 8 }, () => [0.9 * noise(), noise()] as const));
      if (low <= 0.9 && 0.9 <= high) held++;
    }
    expect(held).toBeGreaterThan(925);
    expect(held).toBeLessThan(975);
  });

  it('says nothing about bounds from a single pair', () => {
    const estimate = ratioOf([[9, 10]]);
    expect(estimate.low).toBeNaN();
    expect(isAtLeast(estimate, 0.5)).toBeUndefined();
  });

  it('is held against a limit only where its bounds are on one side of it', () => {
    const estimate = { ratio: 0.9, low: 0.85, high: 0.95, pairs: 10 };
    expect([0.8, 0.9, 0.96].map((limit) => isAtLeast(estimate, limit))).toEqual([true, undefined, false]);
    expect([0.8, 0.9, 0.96].map((limit) => isAtMost(estimate, limit))).toEqual([false, undefined, true]);
  });
});

describe('a median', () => {
  it('is the middle one, or between the two middle ones', () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([9, 1, 5, 6])).toBe(5.5);
    expect(median([])).toBeNaN();
  });
});
