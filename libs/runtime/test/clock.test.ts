import { describe, expect, it } from 'vitest';
import { RealClock } from '../src/clock.ts';

describe('RealClock', () => {
  it('tells a monotonic time that never goes back', () => {
    const clock = new RealClock();
    const times = Array.from({ length: 1_000 }, () => clock.now());
    expect(times).toEqual(times.toSorted((a, b) => a - b));
  });

  it('labels with the wall clock', () => {
    const before = Date.now();
    expect(new RealClock().wallNow()).toBeGreaterThanOrEqual(before);
  });

  it('fires timers in the order of their delays, those below zero at the next turn', async () => {
    const clock = new RealClock();
    const fired: string[] = [];
    await new Promise<void>((resolve) => {
      clock.setTimer(resolve, 20);
      clock.setTimer(() => fired.push('later'), 10);
      clock.setTimer(() => fired.push('at once'), -5);
      fired.push('never in the same turn');
    });
    expect(fired).toEqual(['never in the same turn', 'at once', 'later']);
  });

  it('does not fire a cancelled timer, and cancelling twice or too late does nothing', async () => {
    const clock = new RealClock();
    const fired: string[] = [];
    const cancelled = clock.setTimer(() => fired.push('cancelled'), 1);
    cancelled.cancel();
    cancelled.cancel();
    await clock.sleep(5);
    const late = clock.setTimer(() => fired.push('fired'), 0);
    await clock.sleep(5);
    late.cancel();
    expect(fired).toEqual(['fired']);
  });

  it('waits longer than 32 bits of milliseconds can say instead of firing at once', async () => {
    const clock = new RealClock();
    const fired: string[] = [];
    const timer = clock.setTimer(() => fired.push('fired'), 2 ** 31 + 1_000);
    await clock.sleep(10);
    timer.cancel();
    expect(fired).toEqual([]);
  });

  it('ends a sleep when its signal aborts, with the reason', async () => {
    const clock = new RealClock();
    const controller = new AbortController();
    const sleeping = clock.sleep(60_000, { signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(sleeping).rejects.toThrow('enough');
    await expect(clock.sleep(0, { signal: controller.signal })).rejects.toThrow('enough');
  });
});
