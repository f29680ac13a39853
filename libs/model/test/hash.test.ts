import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson, contentHash, maxCanonicalDepth, SetChecksum } from '../src/index.ts';

/** The same document with the members of every object in another order. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([key, member]) => [key, reversed(member)]),
  );
}

const json = fc.jsonValue({ maxDepth: 4 });

describe('canonical JSON', () => {
  it('is JSON of the same value', () => {
    fc.assert(
      fc.property(json, (value) => {
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it('does not depend on the order of members', () => {
    fc.assert(
      fc.property(json, (value) => {
        expect(canonicalJson(reversed(value))).toBe(canonicalJson(value));
      }),
    );
  });

  it('tells different values apart', () => {
    fc.assert(
      fc.property(json, json, (a, b) => {
        const [left, right] = [a, b].map((value) => JSON.parse(JSON.stringify(value)) as unknown);
        const same = isDeepStrictEqual(left, right);
        expect(canonicalJson(a) === canonicalJson(b)).toBe(same);
        expect(contentHash(a) === contentHash(b)).toBe(same);
      }),
    );
  });

  it('sorts members by code units and leaves out what is undefined', () => {
    expect(canonicalJson({ b: 1, a: undefined, é: null, B: [true, { z: 1, y: -0 }], '"': 'x\n' })).toBe(
      '{"\\"":"x\\n","B":[true,{"y":0,"z":1}],"b":1,"é":null}',
    );
    expect(canonicalJson(Object.assign(Object.create(null), { a: 1 }))).toBe('{"a":1}');
  });

  const cyclic: Record<string, unknown> = {};
  cyclic.list = [cyclic, cyclic];

  it.each([
    ['NaN', { a: [Number.NaN] }, '/a/0'],
    ['Infinity', { 'a/b': Number.NEGATIVE_INFINITY }, '/a~1b'],
    ['undefined', undefined, 'the root'],
    ['undefined in a list', [1, undefined], '/1'],
    ['a bigint', { a: 1n }, '/a'],
    ['a function', { a: () => 1 }, '/a'],
    ['a symbol', Symbol('x'), 'the root'],
    ['a Map', { a: new Map() }, '/a'],
    ['a Date', [new Date(0)], '/0'],
    ['a cycle', cyclic, '/list/0/list/0'],
  ])('refuses %s and says where', (_, value, place) => {
    expect(() => canonicalJson(value)).toThrow(TypeError);
    expect(() => canonicalJson(value)).toThrow(place);
  });

  it('follows nesting to its limit and refuses one level more', () => {
    const nested = (depth: number) => JSON.parse('['.repeat(depth) + ']'.repeat(depth)) as unknown;
    expect(canonicalJson(nested(maxCanonicalDepth))).toHaveLength(2 * maxCanonicalDepth);
    expect(() => canonicalJson(nested(maxCanonicalDepth + 1))).toThrow(TypeError);
    expect(canonicalJson([1])).toBe('[1]'); // a refusal leaves nothing behind
  });
});

describe('content hash', () => {
  it('S9: is the first 64 bits of the SHA-1 of canonical JSON, in every process and for ever', () => {
    expect(contentHash({})).toBe('bf21a9e8fbc5a384');
    expect(contentHash({ name: 'web-1', vcpus: 2 })).toBe(contentHash({ vcpus: 2, name: 'web-1' }));
    fc.assert(
      fc.property(json, (value) => {
        const sha = createHash('sha1').update(canonicalJson(value)).digest('hex');
        expect(contentHash(value)).toBe(sha.slice(0, 16));
      }),
    );
  });
});

describe('set checksum', () => {
  const members = fc.uniqueArray(fc.tuple(fc.string(), fc.oneof(fc.nat(), fc.string())), {
    selector: ([id, stamp]) => JSON.stringify([id, String(stamp)]),
    maxLength: 20,
  });
  const sumOf = (pairs: ReadonlyArray<readonly [string, string | number]>): SetChecksum => {
    const sum = new SetChecksum();
    for (const [id, stamp] of pairs) sum.add(id, stamp);
    return sum;
  };

  it('is the same for ever: agents written by others must agree', () => {
    expect(new SetChecksum().toString()).toBe('0000000000000000');
    expect(sumOf([['407cb255-34be-432c-be7c-eb43b8de82be', 17]]).toString()).toBe('d5dcecfafe6c9034');
    expect(sumOf([['é', 'ü']]).toString()).toBe('eeb87eabd83674cb');
  });

  it('does not depend on the order of additions and removals', () => {
    const shuffles = members.chain((pairs) =>
      fc.tuple(
        fc.constant(pairs),
        fc.shuffledSubarray(pairs, { minLength: pairs.length, maxLength: pairs.length }),
        fc.shuffledSubarray(pairs),
      ),
    );
    fc.assert(
      fc.property(shuffles, ([pairs, shuffled, some]) => {
        const sum = sumOf([...shuffled, ...some]);
        for (const [id, stamp] of some) sum.remove(id, stamp);
        expect(sum.equals(sumOf(pairs))).toBe(true);
        expect(sum.toString()).toBe(sumOf(pairs).toString());
        for (const [id, stamp] of shuffled) sum.remove(id, stamp);
        expect(sum.equals(new SetChecksum())).toBe(true);
      }),
    );
  });

  it('differs when a single member or stamp does', () => {
    fc.assert(
      fc.property(members, fc.string(), fc.nat(), (pairs, id, stamp) => {
        const sum = sumOf(pairs);
        sum.add(id, stamp);
        expect(sum.equals(sumOf(pairs))).toBe(false);
        sum.remove(id, stamp + 1);
        expect(sum.equals(sumOf(pairs))).toBe(false);
      }),
    );
  });

  it('notices revs that moved between neighbours, and letters that moved between id and stamp', () => {
    for (let rev = 1; rev < 200; rev++) {
      const before = sumOf([
        ['vm-1', rev],
        ['vm-2', rev + 1],
      ]);
      expect(
        before.equals(
          sumOf([
            ['vm-1', rev + 1],
            ['vm-2', rev],
          ]),
        ),
      ).toBe(false);
    }
    expect(sumOf([['ab', 'c']]).equals(sumOf([['a', 'bc']]))).toBe(false);
    expect(
      sumOf([
        ['a', '1'],
        ['a', '1'],
      ]).equals(new SetChecksum()),
    ).toBe(false);
    expect(sumOf([['a', 12]]).equals(sumOf([['a', '12']]))).toBe(true);
  });

  it('spreads: 100,000 single changes of a large set all give different checksums in either half', () => {
    const [high, low] = [new Set<string>(), new Set<string>()];
    for (let member = 0; member < 100_000; member++) {
      const text = sumOf([[`vm-${member % 1000}`, Math.floor(member / 1000)]]).toString();
      high.add(text.slice(0, 8));
      low.add(text.slice(8));
    }
    // Of 100,000 random 32-bit values, 1.2 pairs are expected to collide; 12 or more happen once in 10^9.
    expect(high.size).toBeGreaterThan(100_000 - 12);
    expect(low.size).toBeGreaterThan(100_000 - 12);
  });

  it('can be cleared', () => {
    const sum = sumOf([['a', 1]]);
    sum.clear();
    expect(sum.equals(new SetChecksum())).toBe(true);
  });
});
