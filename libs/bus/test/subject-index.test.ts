import { matchSubject } from '@vedette/model';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Indexed, SubjectIndex } from '../src/subject-index.ts';

interface Target extends Indexed {
  readonly patterns: readonly string[];
}

const token = fc.constantFrom('a', 'b', 'vm', 'h-1', '~2e');
const subject = fc.array(token, { minLength: 1, maxLength: 5 }).map((tokens) => tokens.join('.'));
const pattern = fc
  .tuple(fc.array(fc.oneof(token, fc.constant('*')), { maxLength: 4 }), fc.boolean())
  .map(([tokens, rest]) => [...tokens, ...(rest || tokens.length === 0 ? ['>'] : [])].join('.'));
const targets = fc.array(
  fc.array(pattern, { minLength: 1, maxLength: 3 }).map((patterns): Target => ({ patterns, indexMark: 0 })),
  { maxLength: 12 },
);

function indexOf(held: readonly Target[]): SubjectIndex<Target> {
  const index = new SubjectIndex<Target>();
  for (const target of held) for (const each of target.patterns) index.add(each, target);
  return index;
}

function found(index: SubjectIndex<Target>, text: string): Target[] {
  const into: Target[] = [];
  index.match(text, into);
  return into;
}

function expected(held: readonly Target[], text: string): Target[] {
  return held.filter(({ patterns }) => patterns.some((each) => matchSubject(each, text)));
}

test('the index finds exactly the targets with a matching pattern, each once', () => {
  fc.assert(
    fc.property(targets, fc.array(subject, { minLength: 1, maxLength: 5 }), (held, subjects) => {
      const index = indexOf(held);
      for (const text of subjects) {
        const matches = found(index, text);
        expect(new Set(matches)).toEqual(new Set(expected(held, text)));
        expect(matches).toHaveLength(new Set(matches).size);
      }
    }),
  );
});

test('what was removed is found no more, and the rest still is', () => {
  fc.assert(
    fc.property(targets, fc.nat(), subject, (held, split, text) => {
      const index = indexOf(held);
      const kept = held.slice(split % (held.length + 1));
      for (const target of held) {
        if (!kept.includes(target)) for (const each of target.patterns) index.remove(each, target);
      }
      expect(new Set(found(index, text))).toEqual(new Set(expected(kept, text)));
    }),
  );
});

test('removing what was never added changes nothing', () => {
  const held: Target = { patterns: ['a.*.>'], indexMark: 0 };
  const index = indexOf([held]);
  for (const each of ['a.*.>', 'a.*', 'a.b.c', '>', 'x.y']) index.remove(each, { patterns: [], indexMark: 0 });
  expect(found(index, 'a.b.c')).toEqual([held]);
});

test('appends to what is in the array already', () => {
  const held: Target = { patterns: ['a'], indexMark: 0 };
  const before: Target = { patterns: [], indexMark: 0 };
  const into = [before];
  indexOf([held]).match('a', into);
  expect(into).toEqual([before, held]);
});
