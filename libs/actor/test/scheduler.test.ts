import { SimulatedClock } from '@vedette/runtime/simulated-clock';
import { describe, expect, it } from 'vitest';
import { type Turn, TurnScheduler } from '../src/scheduler.ts';

/** A clock on which time passes while handlers compute: half a millisecond for each. */
class BusyClock extends SimulatedClock {
  computedMs = 0;

  override now(): number {
    return super.now() + this.computedMs;
  }
}

describe('a slice', () => {
  it('ends when its time is used up; the rest waits for one pass of the event loop', async () => {
    const clock = new BusyClock();
    const scheduler = new TurnScheduler(clock);
    const takenAtEvent: number[] = [];
    let taken = 0;
    const turns = Array.from(
      { length: 100 },
      (): Turn => ({
        nextTurn: undefined,
        runTurn: () => {
          taken++;
          clock.computedMs += 0.5;
          return 1;
        },
      }),
    );
    const event = (): void => {
      takenAtEvent.push(taken);
      if (taken < turns.length) setImmediate(event);
    };
    for (const turn of turns) scheduler.schedule(turn);
    setImmediate(event);
    await clock.advance(0);
    // The clock is looked at every 32 messages (16 ms here); the first event stands behind the second slice.
    expect(takenAtEvent).toEqual([64, 96, 100]);
  });
});
