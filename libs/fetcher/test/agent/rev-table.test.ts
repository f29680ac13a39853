import fc from 'fast-check';
import { expect, it } from 'vitest';
import { RevTable } from '../../src/drivers/agent/rev-table.ts';

const id = fc.oneof(
  fc.integer({ min: 0, max: 60 }).map((at) => `00000000-0000-4000-8000-${String(at).padStart(12, '0')}`),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 3 }),
);
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('raise' as const), id, rev: fc.nat({ max: 2 ** 31 }) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('delete' as const), id }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('clear' as const), expected: fc.nat({ max: 100 }) }) },
);

it('holds what a Map would hold, whatever is raised and deleted', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const table = new RevTable();
      const model = new Map<string, number>();
      for (const taken of steps) {
        if (taken.kind === 'raise') {
          const held = model.get(taken.id) ?? -1;
          expect(table.raise(taken.id, taken.rev)).toBe(held);
          model.set(taken.id, Math.max(held, taken.rev));
        } else if (taken.kind === 'delete') {
          table.delete(taken.id);
          model.delete(taken.id);
        } else {
          table.clear(taken.expected);
          model.clear();
        }
        expect(table.size).toBe(model.size);
      }
      for (const [held, rev] of model) expect(table.get(held)).toBe(rev);
      for (const { id: asked = '' } of steps as ReadonlyArray<{ readonly id?: string }>) {
        expect(table.get(asked)).toBe(model.get(asked) ?? -1);
      }
    }),
    { numRuns: 500 },
  );
});

it('100,000 ids that differ in their last digits only are told apart', () => {
  const table = new RevTable();
  for (let at = 0; at < 100_000; at++) table.raise(`4c4c4544-0042-4b10-8054-${String(at).padStart(12, '0')}`, at);
  expect(table.size).toBe(100_000);
  for (let at = 0; at < 100_000; at += 997) {
    expect(table.get(`4c4c4544-0042-4b10-8054-${String(at).padStart(12, '0')}`)).toBe(at);
  }
  expect(table.get('4c4c4544-0042-4b10-8054-100000000000')).toBe(-1);
});

it('a revision of 0 is one, and revisions beyond 32 bits are kept', () => {
  const table = new RevTable();
  table.raise('a', 0);
  table.raise('b', Number.MAX_SAFE_INTEGER);
  expect([table.get('a'), table.get('b'), table.get('c')]).toEqual([0, Number.MAX_SAFE_INTEGER, -1]);
});
