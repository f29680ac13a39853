import { describe, expect, it } from 'vitest';
import { hash32, hash64, phaseOf } from '../src/hash.ts';

describe('hash32 and hash64', () => {
  it.each([
    ['', 0x811c9dc5, 0xcbf29ce484222325n],
    ['a', 0xe40c292c, 0xaf63dc4c8601ec8cn],
    ['b', 0xe70c2de5, 0xaf63df4c8601f1a5n],
    ['foobar', 0xbf9cf968, 0x85944171f73967e8n],
  ])('agree with the published FNV-1a vectors for %j', (text, narrow, wide) => {
    expect(hash32(text)).toBe(narrow);
    expect(hash64(text)).toBe(wide);
  });

  it('hash the UTF-8 bytes, wherever the first letter beyond ASCII stands', () => {
    const byBytes = (text: string): number => {
      let hash = 0x811c9dc5;
      for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
      return hash;
    };
    const wide = (text: string): bigint => {
      let hash = 0xcbf29ce484222325n;
      for (const byte of Buffer.from(text)) hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn;
      return hash;
    };
    for (const text of ['é', 'host-é', 'zürich-01', '日本', 'a😀b', 'x'.repeat(300)]) {
      expect(hash32(text)).toBe(byBytes(text));
      expect(hash64(text)).toBe(wide(text));
    }
  });

  it('give another spread for another seed', () => {
    expect(hash32('h1', 1)).not.toBe(hash32('h1'));
    expect(hash32('h1', 1)).not.toBe(hash32('h1', 2));
    expect(hash32('h1', 1)).toBe(hash32('h1', 1));
  });
});

describe('phaseOf', () => {
  it('keeps the place of a key, within the period', () => {
    expect(phaseOf('h1', 3_000)).toBe(phaseOf('h1', 3_000));
    for (let at = 0; at < 1_000; at++) {
      const phaseMs = phaseOf(`h${at}`, 3_000);
      expect(phaseMs).toBeGreaterThanOrEqual(0);
      expect(phaseMs).toBeLessThan(3_000);
    }
  });

  it.each([0, 7])('spreads numbered hosts evenly over the period (seed %i)', (seed) => {
    const slots = Array.from({ length: 30 }, () => 0);
    for (let at = 0; at < 3_000; at++) {
      const slot = Math.floor(phaseOf(`host-${String(at).padStart(4, '0')}`, 30, seed));
      slots[slot] = (slots[slot] ?? 0) + 1;
    }
    const chiSquare = slots.reduce((sum, count) => sum + (count - 100) ** 2 / 100, 0);
    expect(chiSquare).toBeLessThan(58.3); // the 99.9 % point for 29 degrees of freedom
  });
});
