import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Blocks, contentOf, mostBlockBytes } from '../../src/vm-table/blocks.ts';

const contents = fc.oneof(
  { weight: 9, arbitrary: fc.uint8Array({ minLength: 1, maxLength: 100 }) },
  fc.uint8Array({ minLength: mostBlockBytes - 9, maxLength: mostBlockBytes, size: 'max' }),
);

describe('blocks of bytes', () => {
  it('B1: hold what was written, whatever is written, changed and freed beside them', () => {
    const acts = fc.array(fc.tuple(fc.constantFrom('write', 'rewrite', 'free'), contents, fc.nat()), {
      minLength: 100,
      maxLength: 1_000,
    });
    fc.assert(
      fc.property(acts, (taken) => {
        const blocks = new Blocks();
        const held = new Map<number, Uint8Array>();
        for (const [act, content, pick] of taken) {
          const block = [...held.keys()][held.size === 0 ? 0 : pick % held.size];
          if (act === 'write' || block === undefined) held.set(blocks.write(content, content.length), content);
          else {
            held.delete(block);
            if (act === 'free') blocks.free(block);
            else held.set(blocks.rewrite(block, content, content.length), content);
          }
        }
        for (const [block, content] of held) {
          const from = contentOf(block);
          expect(blocks.slabOf(block).compare(content, 0, content.length, from, from + content.length)).toBe(0);
        }
        for (const block of held.keys()) blocks.free(block);
        expect(blocks.usedBytes).toBe(0);
      }),
      { numRuns: 50 },
    );
  });

  it('B2: the room of what was freed serves again, whole or cut', () => {
    const blocks = new Blocks();
    const large = new Uint8Array(1_000);
    const written = Array.from({ length: 60 }, () => blocks.write(large, large.length));
    const { bytes } = blocks;
    for (let round = 0; round < 20; round++) {
      for (const block of written.splice(0)) blocks.free(block);
      const length = 20 + round;
      for (let left = 900; left > 0; left--) written.push(blocks.write(large, length));
    }
    expect(blocks.bytes).toBeLessThanOrEqual(2 * bytes);
  });

  it('nothing is no block', () => {
    const blocks = new Blocks();
    const one = blocks.write(Buffer.from('one'), 3);
    expect([blocks.write(Buffer.from(''), 0), blocks.rewrite(one, Buffer.from(''), 0), blocks.usedBytes]).toEqual([
      0, 0, 0,
    ]);
  });
});
