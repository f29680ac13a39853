import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AddressIndex } from '../src/drivers/memory/address-index.ts';

const key = fc.stringMatching(/^[46][0-3]{2,3}$/);
const range = fc.tuple(key, key).map(([a, b]) => (a < b ? { from: a, to: b } : { from: b, to: a }));
const held = fc.uniqueArray(fc.record({ key, number: fc.nat(20) }), {
  selector: (one) => `${one.key} ${one.number}`,
  maxLength: 60,
});

test('S2: the lowest places in a range come in order, page after page, each once', () => {
  fc.assert(
    fc.property(held, fc.nat(60), range, fc.integer({ min: 1, max: 7 }), (places, dropped, { from, to }, limit) => {
      const items = new Map(places.map(({ number }) => [number, { number }]));
      const index = new AddressIndex<{ readonly number: number }>();
      const itemOf = (number: number) => items.get(number) as { readonly number: number };
      for (const place of places) index.add(place.key, itemOf(place.number));
      for (const place of places.slice(0, dropped)) index.remove(place.key, itemOf(place.number));
      const expected = places
        .slice(dropped)
        .filter((place) => place.key.length === from.length && place.key >= from && place.key <= to)
        .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : a.number - b.number));
      const found: Array<{ readonly key: string; readonly number: number }> = [];
      for (;;) {
        const page = index.lowest({ from, to }, found.at(-1), limit);
        found.push(...page.map((place) => ({ key: place.key, number: place.item.number })));
        if (page.length < limit) break;
      }
      expect(found).toEqual(expected);
    }),
  );
});
