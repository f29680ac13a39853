import { describe, expect, test } from 'vitest';
import type { Bus, Subscription } from '../port.ts';
import { bytes, type Scene, scene, text } from './scene.ts';
import type { ConformanceTarget } from './target.ts';

/** Volatile messages: no acknowledgement, bounded queues, handlers that cannot hurt (B3, F7). */
export function volatileConformance(target: ConformanceTarget): void {
  const { maxVolatileMessages } = target.limits;

  describe('volatile messages', () => {
    scene(target, 'what is sent reaches every subscriber whose pattern matches, in order', async (s) => {
      const bus = await s.connect();
      const [one, two, other] = [
        await follow(s, bus),
        await follow(s, await s.connect()),
        await follow(s, bus, 'other'),
      ];
      for (let at = 0; at < 20; at++) bus.send(s.sample, bytes(`m${at}`));
      await s.until(() => one.length === 20 && two.length === 20);
      expect([one, two, other]).toEqual([s.numbered(0, 20), s.numbered(0, 20), []]);
      expect(bus.counters.volatileSent).toBe(20);
    });

    scene(target, 'the bytes received are the bytes sent', async (s) => {
      const bus = await s.connect();
      const every = Uint8Array.from({ length: 256 }, (_, at) => at);
      const received: Buffer[] = [];
      await s.within(
        bus.subscribe({ patterns: [s.sample], handler: (_, payload) => received.push(Buffer.from(payload)) }),
      );
      bus.send(s.sample, every);
      await s.until(() => received.length === 1);
      expect(received).toEqual([Buffer.from(every)]);
    });

    scene(target, 'what is published for keeps reaches volatile subscribers, too', async (s) => {
      const bus = await s.connect();
      const received = await follow(s, bus, s.events);
      await s.publish(bus, s.messages(3));
      await s.until(() => received.length === 3);
      expect(received).toEqual(s.numbered(0, 3));
    });

    scene(target, 'a message that several patterns match comes once; nothing from before comes', async (s) => {
      const bus = await s.connect();
      bus.send(s.sample, bytes('before'));
      await s.quiet();
      const received: string[] = [];
      const patterns = [s.sample, `vedette.v1.stats.*.${s.token}`, 'vedette.v1.stats.>'];
      await s.within(bus.subscribe({ patterns, handler: (_, payload) => received.push(text(payload)) }));
      bus.send(s.sample, bytes('m0'));
      await s.until(() => received.length > 0);
      await s.quiet();
      expect(received).toEqual(['m0']);
    });

    scene(target, 'a handler is never called within `send`', async (s) => {
      const bus = await s.connect();
      const received = await follow(s, bus);
      bus.send(s.sample, bytes('m0'));
      expect(received).toEqual([]);
      await s.until(() => received.length === 1);
    });

    scene(target, 'a handler that throws is counted and goes on with the next message', async (s) => {
      const [bus, subscriber] = [await s.connect(), await s.connect()];
      const received: string[] = [];
      const handler = (_: string, payload: Uint8Array): void => {
        received.push(text(payload));
        throw new Error('the handler failed');
      };
      await s.within(subscriber.subscribe({ patterns: [s.sample], handler }));
      for (let at = 0; at < 3; at++) bus.send(s.sample, bytes(`m${at}`));
      await s.until(() => received.length === 3);
      expect(subscriber.counters.handlerErrors).toBe(3);
    });

    scene(target, 'nothing comes after close, which is idempotent', async (s) => {
      const bus = await s.connect();
      const received: string[] = [];
      const subscription = await subscribe(s, bus, s.sample, received);
      await s.within(Promise.all([subscription.close(), subscription.close()]));
      bus.send(s.sample, bytes('late'));
      await s.quiet();
      expect(received).toEqual([]);
    });

    const burst = 'B3: a burst drops the oldest and counts them; the newest arrive, and other subscribers lose nothing';
    if (maxVolatileMessages === undefined) {
      test(burst, (context) => context.skip('the queue of a volatile subscription cannot be filled from outside'));
    } else {
      scene(target, burst, async (s) => {
        const bus = await s.connect();
        const flooded = await s.connect();
        const received = await follow(s, flooded);
        const calm = await follow(s, await s.connect(), `${s.sample}.calm`);
        const sent = maxVolatileMessages * 3;
        bus.send(`${s.sample}.calm`, bytes('m0'));
        for (let at = 0; at < sent; at++) bus.send(s.sample, bytes(`m${at}`));
        await s.until(() => received.at(-1) === `m${sent - 1}`);
        const { volatileDropped, volatileDelivered } = flooded.counters;
        expect(volatileDropped).toBeGreaterThan(0);
        expect(volatileDropped + volatileDelivered).toBe(sent);
        expect(received).toEqual(s.numbered(0, sent).filter((each) => new Set(received).has(each)));
        expect(received.slice(-maxVolatileMessages)).toEqual(s.numbered(sent - maxVolatileMessages, sent));
        await s.until(() => calm.length === 1);
      });
    }
  });
}

/** Subscribes and notes what comes. */
async function follow(s: Scene, bus: Bus, pattern = s.sample): Promise<string[]> {
  const received: string[] = [];
  await subscribe(s, bus, pattern, received);
  return received;
}

function subscribe(s: Scene, bus: Bus, pattern: string, received: string[]): Promise<Subscription> {
  const handler = (_: string, payload: Uint8Array): void => {
    received.push(text(payload));
  };
  return s.within(bus.subscribe({ patterns: [pattern], handler }));
}
