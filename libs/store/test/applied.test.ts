import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Applied, addApplied, coverThrough, maxRanges } from '../src/engine/applied.ts';

const empty = (): Applied => ({ through: 0, beyond: [] });

/** Every number that counts as met. */
function met({ through, beyond }: Applied): number[] {
  const numbers = Array.from({ length: through }, (_, at) => at + 1);
  for (const [from, to] of beyond) for (let number = from; number <= to; number++) numbers.push(number);
  return numbers;
}

test('F11: whatever the order and repetition, exactly the numbers met are known', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 40 })), (numbers) => {
      const applied = empty();
      const known = new Set<number>();
      for (const number of numbers) {
        expect(addApplied(applied, number)).toBe(!known.has(number));
        known.add(number);
        expect(met(applied)).toEqual([...known].sort((a, b) => a - b));
      }
      for (const [at, [from, to]] of applied.beyond.entries()) {
        expect(from).toBeLessThanOrEqual(to);
        expect(from, 'ranges have gaps between them').toBeGreaterThan(
          (applied.beyond[at - 1]?.[1] ?? applied.through) + 1,
        );
      }
    }),
  );
});

test('what a snapshot covers counts as met, and joins what was met beyond it', () => {
  const applied = empty();
  for (const number of [1, 5, 6, 9]) addApplied(applied, number);
  coverThrough(applied, 4);
  expect(applied).toEqual({ through: 6, beyond: [[9, 9]] });
  coverThrough(applied, 3);
  expect(applied).toEqual({ through: 6, beyond: [[9, 9]] });
  coverThrough(applied, 20);
  expect(applied).toEqual({ through: 20, beyond: [] });
});

test('I6: the ranges beyond a gap are bounded; what found no room is simply not known', () => {
  const applied = empty();
  for (let number = 2; number < 4 * maxRanges; number += 2) addApplied(applied, number);
  expect(applied.beyond).toHaveLength(maxRanges);
  expect(addApplied(applied, 4 * maxRanges)).toBe(false);
  expect(addApplied(applied, 3), 'a number that joins two ranges needs no room').toBe(true);
  coverThrough(applied, 4 * maxRanges);
  expect(addApplied(applied, 4 * maxRanges + 1)).toBe(true);
});
