import type { Clock, Timer } from '@vedette/runtime';
import { SimulatedClock } from '@vedette/runtime/simulated-clock';
import { describe, expect, it } from 'vitest';
import { LatencyHistogram } from '../src/harness/histogram.ts';
import { Pacer } from '../src/harness/pacer.ts';

/** A clock whose process stands still at will: time passes, and no timer fires. */
class StallingClock implements Clock {
  readonly #clock = new SimulatedClock();
  #stalledMs = 0;

  stall(ms: number): void {
    this.#stalledMs += ms;
  }

  advance(ms: number): Promise<void> {
    return this.#clock.advance(ms);
  }

  now(): number {
    return this.#clock.now() + this.#stalledMs;
  }

  wallNow(): number {
    return this.#clock.wallNow();
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    return this.#clock.setTimer(callback, delayMs);
  }

  sleep(delayMs: number, options?: { readonly signal?: AbortSignal }): Promise<void> {
    return this.#clock.sleep(delayMs, options);
  }
}

interface Emission {
  readonly number: number;
  readonly intendedMs: number;
  readonly atMs: number;
}

function bench(perSecond: number, options: { readonly mostPerTurn?: number } = {}) {
  const clock = new StallingClock();
  const emissions: Emission[] = [];
  const lateMs: number[] = [];
  const pacer = new Pacer({
    ...{ clock, perSecond, ...options },
    emit: (number, intendedMs) => emissions.push({ number, intendedMs, atMs: clock.now() }),
    onLate: (late) => lateMs.push(late),
  });
  return { clock, emissions, lateMs, pacer };
}

describe('a pacer', () => {
  it('keeps its rate, whatever the rate is', async () => {
    for (const perSecond of [1, 7, 1_000, 8_333]) {
      const { clock, emissions, pacer } = bench(perSecond);
      pacer.start();
      await clock.advance(10_000);
      expect(Math.abs(emissions.length - 10 * perSecond)).toBeLessThanOrEqual(1);
      pacer.stop();
    }
  });

  it('intends evenly spaced instants from its start, each once and in order', async () => {
    const { clock, emissions, pacer } = bench(400);
    await clock.advance(123);
    pacer.start();
    await clock.advance(1_000);
    emissions.forEach(({ number, intendedMs, atMs }, at) => {
      expect(number).toBe(at);
      expect(intendedMs).toBeCloseTo(123 + 2.5 * at, 6);
      expect(atMs).toBeGreaterThanOrEqual(intendedMs);
    });
  });

  it('is an open loop: answers that stall count from when they were intended, not from when they could be asked', async () => {
    const { clock } = bench(1);
    const latency = new LatencyHistogram();
    let freeFromMs = 0;
    const emit = (_number: number, intendedMs: number): void => {
      // A server that stands still from 1 s to 2 s and answers at once otherwise.
      freeFromMs = clock.now() >= 1_000 && clock.now() < 2_000 ? 2_000 : clock.now();
      const answeredMs = freeFromMs;
      clock.setTimer(() => latency.record(clock.now() - intendedMs), answeredMs - clock.now());
    };
    const pacer = new Pacer({ clock, perSecond: 100, emit });
    pacer.start();
    await clock.advance(4_000);
    // A quarter of the time stood still: 100 of 400 waited, half a second on average.
    expect(latency.percentileMs(0.74)).toBeLessThan(2);
    expect(latency.percentileMs(0.875)).toBeGreaterThan(450);
    expect(latency.percentileMs(1)).toBeGreaterThan(990);
  });

  it('catches up in bounded turns after it was held up itself, and tells how late it was', async () => {
    const { clock, emissions, lateMs, pacer } = bench(1_000, { mostPerTurn: 10 });
    pacer.start();
    await clock.advance(5);
    const before = emissions.length;
    clock.stall(200);
    await clock.advance(10);
    expect(emissions.length - before).toBeGreaterThanOrEqual(200);
    expect(pacer.behind).toBeLessThanOrEqual(1);
    expect(Math.max(...lateMs)).toBeGreaterThan(190);
  });

  it('emits nothing after it was stopped', async () => {
    const { clock, emissions, pacer } = bench(100);
    pacer.start();
    await clock.advance(50);
    pacer.stop();
    const before = emissions.length;
    await clock.advance(1_000);
    expect(emissions).toHaveLength(before);
  });
});
