import { SimulatedClock } from '@vedette/runtime/simulated-clock';
import { describe, expect, it } from 'vitest';
import { Beats } from '../src/beats.ts';

function begin(clock: SimulatedClock, phases: readonly number[]): { readonly beats: Beats; readonly turns: string[] } {
  const turns: string[] = [];
  const hosts = phases.map((phaseMs, host) => ({
    phaseMs,
    beat: () => {
      turns.push(`${host}@${clock.now()}`);
    },
  }));
  const beats = new Beats(clock, 3_000, hosts);
  beats.start();
  return { beats, turns };
}

describe('turns', () => {
  it('come once an interval, each at its phase, with one timer', async () => {
    const clock = new SimulatedClock();
    const { beats, turns } = begin(clock, [2_000, 0, 1_000]);
    await clock.advance(5_500);
    expect(turns).toEqual(['1@0', '2@1000', '0@2000', '1@3000', '2@4000', '0@5000']);
    expect(clock.pendingTimers).toBe(1);
    beats.stop();
    expect(clock.pendingTimers).toBe(0);
    await clock.advance(10_000);
    expect(turns).toHaveLength(6);
  });

  it('that are close together share a wake-up', async () => {
    const clock = new SimulatedClock();
    const { turns } = begin(clock, [1_000, 1_001, 1_004, 1_006]);
    await clock.advance(2_000);
    expect(turns).toEqual(['0@1000', '1@1000', '2@1000', '3@1006']);
  });

  it('missed in a stall are given once, and the phases stay', () => {
    const clock = new LateClock();
    const turns: string[] = [];
    const turn = (host: string) => () => {
      turns.push(`${host}@${clock.nowMs}`);
    };
    const hosts = [
      { phaseMs: 0, beat: turn('a') },
      { phaseMs: 1_500, beat: turn('b') },
    ];
    const beats = new Beats(clock, 3_000, hosts);
    beats.start();
    clock.fireAt(0);
    clock.fireAt(61_000);
    clock.fireAt(61_500);
    clock.fireAt(63_000);
    expect(turns).toEqual(['a@0', 'b@61000', 'a@61000', 'b@61500', 'a@63000']);
    beats.stop();
  });

  it('of no host need no timer', () => {
    const clock = new SimulatedClock();
    begin(clock, []);
    expect(clock.pendingTimers).toBe(0);
  });
});

/** A clock whose timers fire when the test says, however late that is. */
class LateClock extends SimulatedClock {
  nowMs = 0;
  #callback: (() => void) | undefined;

  override now(): number {
    return this.nowMs;
  }

  override setTimer(callback: () => void): { cancel(): void } {
    this.#callback = callback;
    return { cancel: () => undefined };
  }

  fireAt(nowMs: number): void {
    this.nowMs = nowMs;
    this.#callback?.();
  }
}
