import type { Timer } from '@vedette/runtime';
import { SimulatedClock } from '@vedette/runtime/simulated-clock';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Gate, Scene } from './scene.ts';

/** An actor that notes when each message is handled; `set:key:delay` and `cancel:key` change its timers. */
function timed(scene: Scene, seen: string[]) {
  return scene.kindOf<string>((message, context) => {
    const [verb, key = '', delayMs] = message.split(':');
    if (verb === 'set') context.setTimer(key, `${key} fired`, Number(delayMs));
    else if (verb === 'cancel') context.cancelTimer(key);
    else seen.push(`${message} at ${scene.clock.now()}`);
  });
}

describe('a timer', () => {
  it('delivers its message once after the delay', async () => {
    await using scene = new Scene();
    const seen: string[] = [];
    scene.system.spawn(timed(scene, seen), { name: 'a' }).cast('set:poll:3000');
    await scene.clock.advance(2999);
    expect(seen).toEqual([]);
    await scene.clock.advance(10_000);
    expect(seen).toEqual(['poll fired at 3000']);
  });

  it('is replaced by a later one of the same key, and left alone by other keys', async () => {
    await using scene = new Scene();
    const seen: string[] = [];
    const actor = scene.system.spawn(timed(scene, seen), { name: 'a' });
    for (const message of ['set:poll:10', 'set:stats:20', 'set:poll:30']) actor.cast(message);
    await scene.clock.advance(100);
    expect(seen).toEqual(['stats fired at 20', 'poll fired at 30']);
  });

  it('can be cancelled', async () => {
    await using scene = new Scene();
    const seen: string[] = [];
    const actor = scene.system.spawn(timed(scene, seen), { name: 'a' });
    for (const message of ['set:poll:10', 'set:stats:20', 'cancel:poll']) actor.cast(message);
    await scene.clock.advance(100);
    expect(seen).toEqual(['stats fired at 20']);
  });

  it('keeps a cadence when its handler sets it again', async () => {
    await using scene = new Scene();
    const polls: number[] = [];
    const kind = scene.kindOfBehaviour<'poll'>((context) => {
      context.setTimer('poll', 'poll', 0);
      return {
        handle: () => {
          polls.push(context.clock.now());
          context.setTimer('poll', 'poll', 3000);
        },
      };
    });
    scene.system.spawn(kind, { name: 'host' });
    await scene.clock.advance(9000);
    expect(polls).toEqual([0, 3000, 6000, 9000]);
  });

  it('is not lost when the mailbox is full, and is handled before what waits there', async () => {
    await using scene = new Scene();
    const gate = new Gate();
    const seen: string[] = [];
    const kind = scene.kindOf<string>(
      async (message, context) => {
        seen.push(message);
        if (message !== 'first') return;
        context.setTimer('poll', 'poll', 5);
        await gate.opened;
      },
      { mailbox: { capacity: 2, overflow: 'reject' } },
    );
    const actor = scene.system.spawn(kind, { name: 'a' });
    actor.cast('first');
    await scene.settle();
    for (const message of ['x', 'y']) actor.cast(message);
    await scene.clock.advance(50);
    gate.open();
    await scene.settle();
    expect(seen).toEqual(['first', 'poll', 'x', 'y']);
  });

  it('that is due but not yet handled is still replaced, or cancelled, by the handler that runs', async () => {
    await using scene = new Scene();
    const seen: string[] = [];
    const kind = scene.kindOf<string>(async (message, context) => {
      seen.push(`${message} at ${context.clock.now()}`);
      if (message !== 'slow') return;
      context.setTimer('poll', 'old poll', 5);
      context.setTimer('stats', 'stats', 5);
      await context.clock.sleep(10);
      context.setTimer('poll', 'new poll', 5);
      context.cancelTimer('stats');
    });
    scene.system.spawn(kind, { name: 'a' }).cast('slow');
    await scene.clock.advance(100);
    expect(seen).toEqual(['slow at 0', 'new poll at 15']);
  });

  it('does not outlive its actor, nor can be set while the actor drains', async () => {
    await using scene = new Scene();
    const seen: string[] = [];
    const actor = scene.system.spawn(timed(scene, seen), { name: 'a' });
    actor.cast('set:poll:10');
    await scene.settle();
    expect(scene.clock.pendingTimers).toBe(1);
    actor.cast('set:late:10');
    await actor.stop();
    expect(scene.clock.pendingTimers).toBe(0);
    await scene.clock.advance(100);
    expect(seen).toEqual([]);
    expect(actor.mailbox.handled).toBe(2);
  });
});

describe('a delay', () => {
  it('that is not a number fails the handler and disturbs no other timer', async () => {
    await using scene = new Scene();
    const seen: string[] = [];
    const kind = timed(scene, seen);
    scene.system.spawn(kind, { name: 'a' }).cast('set:poll:10');
    scene.system.spawn(kind, { name: 'b' }).cast('set:poll:soon');
    await scene.clock.advance(50);
    expect(seen).toEqual(['poll fired at 10']);
    expect(scene.failures).toMatchObject([{ path: 'b', error: { code: 'VDT_ACTOR_DEFINITION' } }]);
  });

  it('longer than the clock of the machine can wait is waited for all the same', async () => {
    let alarms = 0;
    class MachineLikeClock extends SimulatedClock {
      override setTimer(callback: () => void, delayMs: number): Timer {
        alarms++;
        return super.setTimer(callback, delayMs > 2 ** 31 - 1 ? 1 : delayMs);
      }
    }
    await using scene = new Scene(undefined, new MachineLikeClock());
    const seen: string[] = [];
    const dayMs = 86_400_000;
    scene.system.spawn(timed(scene, seen), { name: 'a' }).cast(`set:audit:${60 * dayMs}`);
    await scene.clock.advance(70 * dayMs);
    expect(seen).toEqual([`audit fired at ${60 * dayMs}`]);
    expect(alarms).toBe(3);
  });
});

describe('the timers of many actors', () => {
  it('use one timer of the clock between them', async () => {
    await using scene = new Scene();
    const kind = timed(scene, []);
    for (let count = 0; count < 50; count++) scene.system.spawn(kind, { name: 'a' }).cast(`set:poll:${1000 - count}`);
    await scene.settle();
    expect(scene.clock.pendingTimers).toBe(1);
  });

  it('fire when due, in the order of their due time and then of their setting, whatever is set and cancelled', async () => {
    const setting = fc.record({
      actor: fc.nat(4),
      key: fc.constantFrom('a', 'b', 'c'),
      delayMs: fc.integer({ min: 0, max: 20 }),
      cancel: fc.boolean(),
    });
    const steps = fc.array(
      fc.oneof({ weight: 4, arbitrary: setting }, { weight: 1, arbitrary: fc.integer({ min: 0, max: 15 }) }),
    );
    await fc.assert(
      fc.asyncProperty(steps, async (script) => {
        await using scene = new Scene();
        const seen: string[] = [];
        const expected: { id: string; dueMs: number; slot: string }[] = [];
        const kind = scene.kindOf<{ slot: string; key: string; id: string; delayMs: number; cancel: boolean } | string>(
          (message, context) => {
            if (typeof message === 'string') seen.push(`${message} at ${scene.clock.now()}`);
            else if (message.cancel) context.cancelTimer(message.key);
            else context.setTimer(message.key, message.id, message.delayMs);
          },
        );
        const actors = Array.from({ length: 5 }, () => scene.system.spawn(kind, { name: 'a' }));
        for (const [at, step] of script.entries()) {
          if (typeof step === 'number') {
            await scene.clock.advance(step);
            continue;
          }
          const slot = `${step.actor} ${step.key}`;
          const running = expected.findIndex((timer) => timer.slot === slot && timer.dueMs > scene.clock.now());
          if (running >= 0) expected.splice(running, 1);
          if (!step.cancel) expected.push({ id: `${at}`, dueMs: scene.clock.now() + step.delayMs, slot });
          actors[step.actor]?.cast({ ...step, slot, id: `${at}` });
          await scene.settle();
        }
        await scene.clock.advance(100);
        expect(seen).toEqual(
          expected.toSorted((a, b) => a.dueMs - b.dueMs).map(({ id, dueMs }) => `${id} at ${dueMs}`),
        );
      }),
      { numRuns: 50 },
    );
  });
});
