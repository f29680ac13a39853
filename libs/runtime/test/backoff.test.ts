import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Backoff, backoffDelayMs, seededRandom } from '../src/backoff.ts';

describe('backoff', () => {
  it('doubles from the initial wait up to the cap', () => {
    const backoff = new Backoff({ initialMs: 100, maxMs: 1_000, jitter: 0 }, seededRandom(1));
    expect(Array.from({ length: 6 }, () => backoff.nextDelayMs())).toEqual([100, 200, 400, 800, 1_000, 1_000]);
    expect(backoff.failures).toBe(6);
  });

  it('begins anew after a reset', () => {
    const backoff = new Backoff({ initialMs: 100, maxMs: 1_000, factor: 3, jitter: 0 }, seededRandom(1));
    backoff.nextDelayMs();
    backoff.nextDelayMs();
    backoff.reset();
    expect([backoff.nextDelayMs(), backoff.nextDelayMs()]).toEqual([100, 300]);
  });

  it('stays between the part without jitter and the whole, after any number of failures', () => {
    const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    const jitter = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5_000 }), jitter, random, (attempt, part, chance) => {
        const fullMs = backoffDelayMs({ initialMs: 50, maxMs: 9_000, jitter: 0 }, attempt, () => chance);
        const waitMs = backoffDelayMs({ initialMs: 50, maxMs: 9_000, jitter: part }, attempt, () => chance);
        expect(waitMs).toBeGreaterThanOrEqual(fullMs * (1 - part) - 1e-9);
        expect(waitMs).toBeLessThanOrEqual(fullMs + 1e-9);
        expect(fullMs).toBeLessThanOrEqual(9_000);
      }),
    );
  });

  it('gives the same waits for the same seed, and others for another', () => {
    const waits = (seed: number): number[] => {
      const backoff = new Backoff({ initialMs: 100, maxMs: 60_000 }, seededRandom(seed));
      return Array.from({ length: 8 }, () => backoff.nextDelayMs());
    };
    expect(waits(7)).toEqual(waits(7));
    expect(waits(7)).not.toEqual(waits(8));
  });

  it('draws evenly', () => {
    const random = seededRandom(42);
    const slots = Array.from({ length: 10 }, () => 0);
    for (let at = 0; at < 10_000; at++) {
      const slot = Math.floor(random() * 10);
      slots[slot] = (slots[slot] ?? 0) + 1;
    }
    const chiSquare = slots.reduce((sum, count) => sum + (count - 1_000) ** 2 / 1_000, 0);
    expect(chiSquare).toBeLessThan(27.9); // the 99.9 % point for 9 degrees of freedom
  });
});
