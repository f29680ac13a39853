import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CpuRatio, cpuTimesOfInfo, cpuTimesOfStats } from '../../src/drivers/libvirt/cpu-ratio.ts';

const s = 1_000_000_000;

describe('U1: between two samples', () => {
  it('the first tells nothing, the second the share of one processor since', () => {
    const ratio = new CpuRatio();
    expect(ratio.sample({ totalNs: 10 * s, userNs: 6 * s, systemNs: 4 * s }, 1_000)).toEqual({});
    expect(ratio.sample({ totalNs: 13 * s, userNs: 8 * s, systemNs: 5 * s }, 3_000)).toEqual({
      cpuUser: 1,
      cpuSystem: 0.5,
    });
  });

  it('two processors busy are 2', () => {
    const ratio = new CpuRatio();
    ratio.sample({ totalNs: 0 }, 0);
    expect(ratio.sample({ totalNs: 6 * s }, 3_000)).toEqual({ cpuUser: 2 });
  });

  it('an idle VM tells 0', () => {
    const ratio = new CpuRatio();
    ratio.sample({ totalNs: 5, systemNs: 2 }, 0);
    expect(ratio.sample({ totalNs: 5, systemNs: 2 }, 3_000)).toEqual({ cpuUser: 0, cpuSystem: 0 });
  });

  it('a VM that was started anew tells nothing, and goes on from there', () => {
    const ratio = new CpuRatio();
    ratio.sample({ totalNs: 100 * s }, 0);
    expect(ratio.sample({ totalNs: 1 * s }, 3_000)).toEqual({});
    expect(ratio.sample({ totalNs: 4 * s }, 6_000)).toEqual({ cpuUser: 1 });
  });

  it('a run that is over is forgotten, though the next has used more already', () => {
    const ratio = new CpuRatio();
    ratio.sample({ totalNs: 1 * s }, 0);
    ratio.reset();
    expect(ratio.ageS(1_000)).toBeUndefined();
    expect(ratio.sample({ totalNs: 50 * s }, 600_000)).toEqual({});
  });

  it('no time between them tells nothing', () => {
    const ratio = new CpuRatio();
    ratio.sample({ totalNs: 0 }, 5);
    expect(ratio.sample({ totalNs: 5 }, 5)).toEqual({});
  });

  it('a sample that tells nothing is none: the one before stands', () => {
    const ratio = new CpuRatio();
    ratio.sample({ totalNs: 0 }, 0);
    expect(ratio.sample({}, 1_000)).toEqual({});
    expect(ratio.ageS(1_000)).toBe(1);
    expect(ratio.sample({ totalNs: 3 * s }, 3_000)).toEqual({ cpuUser: 1 });
  });
});

describe('U2: with and without the part of the system', () => {
  it('where only the total is told, cpuUser carries it and cpuSystem is left out', () => {
    const ratio = new CpuRatio();
    ratio.sample(cpuTimesOfInfo({ cpuTimeNs: 0 }), 0);
    expect(ratio.sample(cpuTimesOfInfo({ cpuTimeNs: s }), 2_000)).toEqual({ cpuUser: 0.5 });
  });

  it('where one sample has the total only, so does the share', () => {
    const ratio = new CpuRatio();
    ratio.sample({ totalNs: 0, systemNs: 0, userNs: 0 }, 0);
    expect(ratio.sample({ totalNs: s }, 1_000)).toEqual({ cpuUser: 1 });
    expect(ratio.sample({ totalNs: 2 * s, systemNs: s, userNs: s }, 2_000)).toEqual({ cpuUser: 1 });
  });

  it('the sum is the total, whether or not the parts are told', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.nat(), fc.nat(), fc.integer({ min: 1, max: 1e6 }), (at, user, system, ms) => {
        const start = BigInt(at < 0 ? -at : at);
        const [parts, total] = [new CpuRatio(), new CpuRatio()];
        parts.sample({ totalNs: start, userNs: 0n, systemNs: start }, 0);
        total.sample({ totalNs: start }, 0);
        const end = start + BigInt(user) + BigInt(system);
        const shares = parts.sample({ totalNs: end, userNs: BigInt(user), systemNs: start + BigInt(system) }, ms);
        const { cpuUser } = total.sample({ totalNs: end }, ms);
        expect((shares.cpuUser ?? 0) + (shares.cpuSystem ?? 0)).toBeCloseTo(cpuUser ?? -1, 9);
      }),
    );
  });

  it('a system part that went back alone tells nothing', () => {
    const ratio = new CpuRatio();
    ratio.sample({ totalNs: 5 * s, systemNs: 3 * s }, 0);
    expect(ratio.sample({ totalNs: 6 * s, systemNs: 2 * s }, 1_000)).toEqual({});
  });

  it('user and system without a total are a total', () => {
    const ratio = new CpuRatio();
    ratio.sample({ userNs: 0, systemNs: 0 }, 0);
    expect(ratio.sample({ userNs: s, systemNs: s }, 1_000)).toEqual({ cpuUser: 1, cpuSystem: 1 });
  });
});

it('counters beyond 2^53 keep their differences', () => {
  const ratio = new CpuRatio();
  const start = 2n ** 60n + 1n;
  ratio.sample({ totalNs: start }, 0);
  expect(ratio.sample({ totalNs: start + 1n }, 1_000)).toEqual({ cpuUser: 1e-9 });
});

it('statsAge: seconds since the last sample', () => {
  const ratio = new CpuRatio();
  expect(ratio.ageS(0)).toBeUndefined();
  ratio.sample({ totalNs: 0 }, 1_000);
  expect(ratio.ageS(3_500)).toBe(2.5);
});

it('the times of statistics are read by their names; what is no number is left out', () => {
  const params = new Map<string, unknown>([
    ['cpu.time', 3n],
    ['cpu.user', 2],
    ['cpu.system', 'x'],
  ]);
  expect(cpuTimesOfStats(params)).toEqual({ totalNs: 3n, userNs: 2, systemNs: undefined });
});
