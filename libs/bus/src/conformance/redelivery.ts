import { describe, expect } from 'vitest';
import { declaredScene, type Scene, scene, shortMs, text, texts } from './scene.ts';
import type { ConformanceTarget } from './target.ts';

/** At least once: members that close, crash, refuse or forget; messages that nobody can handle. */
export function redeliveryConformance(target: ConformanceTarget): void {
  const { ackWaitMs, maxDeliveries } = target.limits;

  describe('redelivery', () => {
    scene(
      target,
      'what a closing consumer has not acknowledged goes to another member, as a further attempt',
      async (s) => {
        const bus = await s.connect();
        const leaving = await s.consume(bus);
        await s.publish(bus, s.messages(3));
        const held = await s.take(leaving, 3);
        held[0]?.ack();
        const other = await s.consume(await s.connect());
        await leaving.close();
        const again = await s.take(other, 2);
        expect(texts(again).sort()).toEqual(['m1', 'm2']);
        expect(again.map(({ attempt }) => attempt)).toEqual([2, 2]);
      },
    );

    scene(target, 'what a crashed member has not acknowledged goes to another member', async (s, context) => {
      if (s.world.cut === undefined) return context.skip('the target cannot cut a connection');
      const crashing = await s.connect();
      const publisher = await s.connect();
      const dying = await s.consume(crashing);
      await s.publish(publisher, s.messages(40));
      for (const delivery of (await s.take(dying, 20)).slice(0, 10)) delivery.ack();
      await s.quiet(); // acknowledgements are sent, not waited for
      await s.world.cut(crashing);
      const other = await s.consume(await s.connect());
      const received = new Set(texts(await s.take(other, 30)));
      expect([...received].sort()).toEqual(s.numbered(10, 40).sort());
    });

    scene(target, 'a delivery that is neither acknowledged nor refused comes again after the wait', async (s) => {
      const bus = await s.connect();
      const [idle, other] = [await s.consume(bus, s.group(), 1), await s.consume(await s.connect(), s.group(), 1)];
      await s.publish(bus, s.messages(1));
      const [forgotten] = await s.take(idle, 1);
      const [again] = await s.take(other, 1);
      expect([again && text(again.payload), again?.attempt]).toEqual(['m0', 2]);
      again?.ack();
      forgotten?.ack(); // too late, and harmless
    });

    scene(target, '`extend` holds a delivery beyond the wait without a further attempt', async (s) => {
      const bus = await s.connect();
      const [slow, other] = [await s.consume(bus, s.group(), 1), await s.consume(await s.connect(), s.group(), 1)];
      await s.publish(bus, s.messages(1));
      const [held] = await s.take(slow, 1);
      const stolen = other.next(1);
      for (let round = 0; round < 6; round++) {
        // oxlint-disable-next-line no-await-in-loop -- the work goes on while time passes
        await target.wait(ackWaitMs / 2);
        held?.extend();
      }
      held?.ack();
      await target.wait(ackWaitMs * 2);
      expect(await s.idle(stolen)).toBe(true);
    });

    scene(target, '`nak` has a message delivered again, and only the first word on a delivery counts', async (s) => {
      const bus = await s.connect();
      const consumer = await s.consume(bus);
      await s.publish(bus, s.messages(2));
      const [refused, done] = await s.take(consumer, 2);
      refused?.nak();
      refused?.ack();
      refused?.nak();
      done?.ack();
      done?.nak();
      const again = await s.take(consumer, 1);
      expect(again.map((each) => [text(each.payload), each.attempt])).toEqual([['m0', 2]]);
      expect(await s.idle(consumer.next(1))).toBe(true);
    });

    declaredScene(target, 'delayedNak', '`nak` with a delay waits that long, and others overtake', async (s) => {
      const bus = await s.connect();
      const consumer = await s.consume(bus);
      await s.publish(bus, s.messages(1));
      const startMs = target.clock.now();
      for (const delivery of await s.take(consumer, 1)) delivery.nak(shortMs * 2);
      await s.publish(bus, [s.message('overtaking')]);
      const overtaking = await s.take(consumer, 1);
      for (const delivery of overtaking) delivery.ack();
      expect(texts(overtaking)).toEqual(['overtaking']);
      expect(texts(await s.take(consumer, 1))).toEqual(['m0']);
      expect(target.clock.now() - startMs).toBeGreaterThanOrEqual(shortMs * 2);
    });

    scene(
      target,
      'B3: `maxInFlight` bounds what is handed out; an acknowledgement lets the next one through',
      async (s) => {
        const bus = await s.connect();
        const consumer = await s.consume(bus, s.group(), 3);
        await s.publish(bus, s.messages(5));
        const out = await s.take(consumer, 3);
        const next = consumer.next(5);
        expect(await s.idle(next)).toBe(true);
        out[0]?.ack();
        expect(texts((await s.within(next)) ?? [])).toEqual(['m3']);
      },
    );

    scene(target, '`next` never hands out more than it was asked for', async (s) => {
      const bus = await s.connect();
      const consumer = await s.consume(bus);
      await s.publish(bus, s.messages(10));
      await s.quiet();
      const batch = (await s.within(consumer.next(4))) ?? [];
      expect(batch.length).toBeGreaterThan(0);
      expect(batch.length).toBeLessThanOrEqual(4);
    });

    declaredScene(
      target,
      'deadLetters',
      'a poison message is set aside at the limit; it neither spins nor stops the rest',
      async (s) => {
        const bus = await s.connect();
        const consumer = await s.consume(bus);
        await s.publish(bus, [s.message('poison'), ...s.messages(5)]);
        const { attempts, handled } = await handleAllBut('poison', s, consumer, 5);
        await s.until(() => bus.counters.deadLettered === 1, 'the message was not set aside');
        expect(handled).toEqual(['m0', 'm1', 'm2', 'm3', 'm4']);
        expect(attempts).toEqual(Array.from({ length: maxDeliveries }, (_, at) => at + 1));
        expect(await s.idle(consumer.next(1))).toBe(true);
        const letters = (await s.world.deadLetters?.()) ?? [];
        expect(letters.map(text)).toEqual(['poison']);
      },
    );

    declaredScene(target, 'deadLetters', 'a message that its members never answer for is set aside, too', async (s) => {
      const bus = await s.connect();
      const consumer = await s.consume(bus, s.group(), 1);
      await s.publish(bus, [s.message('hanging')]);
      for (let attempt = 1; attempt <= maxDeliveries; attempt++) {
        // oxlint-disable-next-line no-await-in-loop -- one attempt follows the other
        expect((await s.take(consumer, 1)).map((each) => each.attempt)).toEqual([attempt]);
        // oxlint-disable-next-line no-await-in-loop -- the wait for an acknowledgement that does not come
        await target.wait(ackWaitMs);
      }
      await s.until(() => bus.counters.deadLettered === 1, 'the message was not set aside');
    });
  });

  /** Acknowledges everything but one message, which it refuses until it stops coming. */
  async function handleAllBut(
    poison: string,
    s: Scene,
    consumer: Awaited<ReturnType<Scene['consume']>>,
    others: number,
  ): Promise<{ attempts: number[]; handled: string[] }> {
    const attempts: number[] = [];
    const handled: string[] = [];
    while (handled.length < others || attempts.length < maxDeliveries) {
      // oxlint-disable-next-line no-await-in-loop -- one delivery after the other
      for (const delivery of await s.take(consumer, 1)) {
        const payload = text(delivery.payload);
        if (payload === poison) {
          attempts.push(delivery.attempt);
          delivery.nak();
        } else {
          handled.push(payload);
          delivery.ack();
        }
      }
    }
    return { attempts, handled };
  }
}
