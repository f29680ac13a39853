import type { HostDescription } from '@vedette/fetcher';
import { describe, expect, it } from 'vitest';
import { defaultMonitorConfig } from '../src/config.ts';
import { Describing } from '../src/describing.ts';

const of = (hostUuid: string, boot: string, unfit = ''): HostDescription => ({
  hostUuid,
  boot,
  hostname: 'h1.example',
  capabilities: {},
  unfit,
});

function describing() {
  const asked: number[] = [];
  const timers: number[] = [];
  const fetcher = {
    describe: ({ timeoutMs }: { timeoutMs: number }) => {
      asked.push(timeoutMs);
      return new Promise(() => undefined);
    },
  };
  const context = {
    clock: { now: () => 1_000 },
    setTimer: (_key: string, _message: unknown, delayMs: number) => timers.push(delayMs),
    self: { offer: () => true },
    signal: new AbortController().signal,
  };
  const one = new Describing(
    { config: defaultMonitorConfig } as never,
    { host: { id: 'h1' }, fetcher } as never,
    context as never,
  );
  return { one, asked, timers };
}

describe('describing a host', () => {
  it('asks of each run once it is believed, then at each turn, one question at a time', () => {
    const { one, asked, timers } = describing();
    one.listed('b1');
    one.listed('b1');
    one.again();
    expect(asked).toEqual([defaultMonitorConfig.pollTimeoutMs]);
    expect(one.described('b1', of('u', 'b1'), 'u')).toBe(true);
    one.listed('b1');
    expect(asked).toHaveLength(1);
    one.again();
    expect(one.described('b1', of('u', 'b1'), 'u')).toBe(true);
    one.listed('b2');
    expect(asked).toHaveLength(3);
    for (const delayMs of timers) expect(delayMs).toBeLessThanOrEqual(defaultMonitorConfig.describeIntervalMs);
    expect(timers).toHaveLength(3);
  });

  it('I2: does not believe what another machine, another run or nobody says; asks again after the next listing', () => {
    const { one, asked } = describing();
    one.listed('b1');
    expect(one.answered).toBe(false);
    for (const answer of [of('x', 'b1', 'unfit'), of('u', 'b0', 'unfit'), undefined]) {
      expect(one.described('b1', answer, 'u')).toBe(false);
      expect(one.description).toBeUndefined();
      one.listed('b1');
    }
    expect(asked).toHaveLength(4);
    expect(one.answered).toBe(true);
    one.described('b1', of('u', 'b1', 'KVM is missing'), 'u');
    one.again();
    one.described('b1', undefined, 'u');
    expect(one.description?.unfit).toBe('KVM is missing');
  });
});
