import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SimulatedClock } from '../src/simulated-clock.ts';

describe('SimulatedClock', () => {
  it('stands still until it is told to move', async () => {
    const clock = new SimulatedClock();
    await new Promise((resolve) => setImmediate(resolve));
    expect(clock.now()).toBe(0);
    await clock.advance(250);
    expect(clock.now()).toBe(250);
  });

  it('fires timers in the order of their due time, then of their setting', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: -5, max: 50 }), { maxLength: 40 }), async (delaysMs) => {
        const clock = new SimulatedClock();
        const fired: { dueMs: number; order: number; atMs: number }[] = [];
        delaysMs.forEach((delayMs, order) => {
          const dueMs = Math.max(0, delayMs);
          clock.setTimer(() => fired.push({ dueMs, order, atMs: clock.now() }), delayMs);
        });
        await clock.advance(50);
        expect(fired).toEqual(fired.toSorted((a, b) => a.dueMs - b.dueMs || a.order - b.order));
        expect(fired.length).toBe(delaysMs.length);
        expect(fired.every(({ dueMs, atMs }) => dueMs === atMs)).toBe(true);
      }),
      { numRuns: 25 },
    );
  });

  it('fires what falls due exactly at the end of an advance, and nothing later', async () => {
    const clock = new SimulatedClock();
    const fired: number[] = [];
    for (const delayMs of [99, 100, 101]) clock.setTimer(() => fired.push(delayMs), delayMs);
    await clock.advance(100);
    expect(fired).toEqual([99, 100]);
  });

  it('fires timers that timers set, at their own time', async () => {
    const clock = new SimulatedClock();
    const fired: string[] = [];
    clock.setTimer(() => {
      fired.push(`outer at ${clock.now()}`);
      clock.setTimer(() => fired.push(`inner at ${clock.now()}`), 10);
      clock.setTimer(() => fired.push(`same instant at ${clock.now()}`), 0);
    }, 5);
    clock.setTimer(() => fired.push(`neighbour at ${clock.now()}`), 5);
    await clock.advance(15);
    expect(fired).toEqual(['outer at 5', 'neighbour at 5', 'same instant at 5', 'inner at 15']);
  });

  it('lets promises run between two instants, so a chain of sleeps takes its whole time', async () => {
    const clock = new SimulatedClock();
    const woke: number[] = [];
    const chain = (async () => {
      for (let step = 0; step < 5; step++) {
        await clock.sleep(10);
        woke.push(clock.now());
      }
    })();
    await clock.advance(50);
    await chain;
    expect(woke).toEqual([10, 20, 30, 40, 50]);
  });

  it('lets promises run before a timer that was set in the same instant', async () => {
    const clock = new SimulatedClock();
    const ran: string[] = [];
    clock.setTimer(() => {
      clock.setTimer(() => ran.push('timer'), 0);
      void Promise.resolve().then(() => ran.push('promise'));
    }, 5);
    await clock.advance(5);
    expect(ran).toEqual(['promise', 'timer']);
  });

  it('counts the timers still to fire, without the cancelled and the fired ones', async () => {
    const clock = new SimulatedClock();
    const timers = [10, 20, 30].map((delayMs) => clock.setTimer(() => undefined, delayMs));
    expect(clock.pendingTimers).toBe(3);
    timers[1]?.cancel();
    timers[1]?.cancel();
    expect(clock.pendingTimers).toBe(2);
    await clock.advance(10);
    timers[0]?.cancel();
    expect(clock.pendingTimers).toBe(1);
    await clock.advance(100);
    expect(clock.pendingTimers).toBe(0);
  });

  it('lets a timer cancel another one of the same instant', async () => {
    const clock = new SimulatedClock();
    const fired: string[] = [];
    clock.setTimer(() => second.cancel(), 5);
    const second = clock.setTimer(() => fired.push('second'), 5);
    await clock.advance(10);
    expect(fired).toEqual([]);
    expect(clock.pendingTimers).toBe(0);
  });

  it('ends a sleep when its signal aborts and leaves no timer behind', async () => {
    const clock = new SimulatedClock();
    const controller = new AbortController();
    const sleeping = clock.sleep(1_000, { signal: controller.signal });
    expect(clock.pendingTimers).toBe(1);
    controller.abort(new Error('enough'));
    await expect(sleeping).rejects.toThrow('enough');
    expect(clock.pendingTimers).toBe(0);
    await expect(clock.sleep(1_000, { signal: controller.signal })).rejects.toThrow('enough');
    expect(clock.pendingTimers).toBe(0);
  });

  it('F8: jumps the wall clock either way without touching monotonic time', async () => {
    const clock = new SimulatedClock({ wallStartMs: 1_000_000 });
    await clock.advance(500);
    expect(clock.wallNow()).toBe(1_000_500);
    clock.jumpWall(3_600_000);
    expect([clock.now(), clock.wallNow()]).toEqual([500, 4_600_500]);
    clock.jumpWall(-7_200_000);
    expect([clock.now(), clock.wallNow()]).toEqual([500, -2_599_500]);
  });

  it('advances until a condition holds, and says so when it never does', async () => {
    const clock = new SimulatedClock();
    let done = false;
    clock.setTimer(() => {
      done = true;
    }, 1_234);
    await clock.advanceUntil(() => done, { stepMs: 100 });
    expect(clock.now()).toBe(1_300);
    await expect(clock.advanceUntil(() => false, { limitMs: 1_000 })).rejects.toThrow('1000 simulated ms');
  });

  it('never goes back when two advances overlap', async () => {
    const clock = new SimulatedClock();
    await Promise.all([clock.advance(100), clock.advance(60)]);
    expect(clock.now()).toBe(100);
  });
});
