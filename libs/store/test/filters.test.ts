import fc from 'fast-check';
import { expect, test } from 'vitest';
import { foldText, textMatcher } from '../src/engine/filters.ts';

/** Letters that fold in some ways of folding: the long s, dotless i, the sign for kelvin. */
const letters = fc.oneof(
  fc.string({
    unit: fc.constantFrom('a', 'A', 's', 'ſ', 'i', 'I', 'ı', 'İ', 'k', 'K', 'ß', 'ẞ', '.', '*', '\\', '[', '/'),
  }),
  fc.string({ unit: 'grapheme' }),
);

test('a quick search for text finds what a folded comparison does', () => {
  fc.assert(
    fc.property(letters, letters, letters, (before, searched, after) => {
      const folded = foldText(searched, searched);
      for (const text of [before, `${before}${searched}${after}`, `${before}${searched.toUpperCase()}${after}`]) {
        expect(textMatcher(folded)(text)).toBe(foldText(text, folded).includes(folded));
      }
    }),
    { numRuns: 500 },
  );
});
