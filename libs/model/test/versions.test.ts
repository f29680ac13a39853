import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareVersions, type Version, zeroVersion } from '../src/index.ts';

const part = fc.oneof(fc.nat(3), fc.constant(Number.MAX_SAFE_INTEGER));
const anyVersion: fc.Arbitrary<Version> = fc.record({ epoch: part, seq: part });

describe('versions', () => {
  it('I1: an epoch outranks any seq of the epoch before', () => {
    expect(compareVersions({ epoch: 2, seq: 1 }, { epoch: 1, seq: Number.MAX_SAFE_INTEGER })).toBeGreaterThan(0);
    expect(compareVersions({ epoch: 1, seq: 2 }, { epoch: 1, seq: 3 })).toBeLessThan(0);
    expect(compareVersions({ epoch: 1, seq: 2 }, { epoch: 1, seq: 2 })).toBe(0);
    expect(compareVersions(zeroVersion, { epoch: 1, seq: 1 })).toBeLessThan(0);
  });

  it('are totally ordered', () => {
    fc.assert(
      fc.property(anyVersion, anyVersion, anyVersion, (a, b, c) => {
        expect(Math.sign(compareVersions(a, b))).toBe(0 - Math.sign(compareVersions(b, a)));
        if (compareVersions(a, b) <= 0 && compareVersions(b, c) <= 0) {
          expect(compareVersions(a, c)).toBeLessThanOrEqual(0);
        }
        if (compareVersions(a, b) === 0) expect(a).toEqual(b);
      }),
    );
  });
});
