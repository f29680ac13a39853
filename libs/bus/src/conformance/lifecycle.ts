import { describe, expect } from 'vitest';
import type { Bus } from '../port.ts';
import { bytes, failureOf, gate, longMs, type Scene, scene, shortMs, text, texts } from './scene.ts';
import type { ConformanceTarget } from './target.ts';

/** Closing, losing the connection and getting it back (B4, I10). */
export function lifecycleConformance(target: ConformanceTarget): void {
  describe('close', () => {
    scene(target, 'every call of a closed connection fails at once', async (s) => {
      const bus = await s.connect();
      await s.within(bus.close());
      for (const work of callsOf(s, bus)) {
        // oxlint-disable-next-line no-await-in-loop -- each has to fail by itself
        expect(await s.atOnce(work)).toMatchObject({ code: 'VDT_BUS_CLOSED', retryable: false });
      }
      expect(bus.connected).toBe(false);
    });

    scene(target, 'it is idempotent, at the same time and afterwards', async (s) => {
      const bus = await s.connect();
      await s.within(Promise.all([bus.close(), bus.close(), bus[Symbol.asyncDispose]()]));
      await s.within(bus.close());
    });

    scene(target, 'a call that waits for its reply fails at once', async (s) => {
      const [bus, server] = [await s.connect(), await s.connect()];
      const stuck = gate();
      let running = 0;
      await s.within(
        server.serve({
          pattern: s.request,
          concurrency: 1,
          maxQueued: 1,
          handler: async () => {
            running++;
            await stuck.opened;
            return bytes('');
          },
        }),
      );
      const call = failureOf(bus.call(s.request, bytes(''), { timeoutMs: longMs }));
      await s.until(() => running === 1);
      await s.atOnce(() => bus.close({ timeoutMs: longMs }));
      expect(await call).toMatchObject({ code: 'VDT_BUS_CLOSED' });
      stuck.open();
    });

    scene(
      target,
      'it drains: running handlers and queued requests end, and their callers get the replies',
      async (s) => {
        const [bus, server] = [await s.connect(), await s.connect()];
        const stuck = gate();
        let running = 0;
        const handler = async ({ payload }: { payload: Uint8Array }): Promise<Uint8Array> => {
          running++;
          await stuck.opened;
          return payload;
        };
        await s.within(server.serve({ pattern: s.request, concurrency: 1, maxQueued: 5, handler }));
        const calls = s.numbered(0, 3).map((each) => bus.call(s.request, bytes(each), { timeoutMs: longMs }));
        await s.until(() => running === 1);
        await s.quiet();
        const closing = server.close({ timeoutMs: longMs });
        expect(await s.idle(closing)).toBe(true);
        stuck.open();
        expect((await s.within(Promise.all(calls))).map(text)).toEqual(s.numbered(0, 3));
        await s.within(closing);
      },
    );

    scene(target, 'its deadline ends the wait: handlers are told to stop, and callers are told', async (s) => {
      const [bus, server] = [await s.connect(), await s.connect()];
      const signals: AbortSignal[] = [];
      const handler = ({ signal }: { signal: AbortSignal }): Promise<Uint8Array> => {
        signals.push(signal);
        return new Promise(() => undefined);
      };
      await s.within(server.serve({ pattern: s.request, concurrency: 1, maxQueued: 5, handler }));
      const call = failureOf(bus.call(s.request, bytes(''), { timeoutMs: longMs / 10 }));
      await s.until(() => signals.length === 1);
      await s.within(server.close({ timeoutMs: shortMs }));
      expect(signals[0]?.aborted).toBe(true);
      const failure = await s.within(call);
      expect(failure).toMatchObject({ retryable: true });
    });

    scene(target, 'it waits for publishes to settle', async (s) => {
      const bus = await s.connect();
      const consumer = await s.consume(await s.connect());
      const published = s.publish(bus, s.messages(50));
      await s.within(bus.close());
      expect(await published).toEqual(Array.from({ length: 50 }, () => 'stored'));
      expect(texts(await s.take(consumer, 50))).toEqual(s.numbered(0, 50));
    });

    scene(target, 'a consumer ends with `undefined`, also while it waits; what it held goes to others', async (s) => {
      const [publisher, bus] = [await s.connect(), await s.connect()];
      const consumer = await s.consume(bus, s.group(), 2);
      await s.publish(publisher, s.messages(2));
      await s.take(consumer, 2);
      const waiting = consumer.next(1);
      await s.within(bus.close());
      expect(await s.within(waiting)).toBe(undefined);
      expect(await s.within(consumer.next(1))).toBe(undefined);
      expect(texts(await s.take(await s.consume(publisher, s.group(), 2), 2)).sort()).toEqual(['m0', 'm1']);
    });

    scene(target, 'aborting the signal of a consumer closes it', async (s) => {
      const bus = await s.connect();
      const controller = new AbortController();
      const options = { group: s.group(), patterns: [s.events], maxInFlight: 5, signal: controller.signal };
      const consumer = await s.within(bus.consume(options));
      await s.publish(bus, s.messages(1));
      await s.take(consumer, 1);
      const waiting = consumer.next(1);
      controller.abort();
      expect(await s.within(waiting)).toBe(undefined);
      expect(texts(await s.take(await s.consume(bus), 1))).toEqual(['m0']);
    });

    scene(target, 'closing a consumer is idempotent', async (s) => {
      const consumer = await s.consume(await s.connect());
      await s.within(Promise.all([consumer.close(), consumer.close()]));
      await s.within(Promise.resolve(consumer[Symbol.asyncDispose]()));
    });
  });

  describe('a lost connection', () => {
    const cuts = (title: string, body: (s: Scene, cut: Switch, heal: Switch) => Promise<void>): void =>
      scene(target, title, async (s, context) => {
        const { cut, heal } = s.world;
        if (cut === undefined || heal === undefined) context.skip('the target cannot cut and heal a connection');
        else await body(s, cut, heal);
      });

    cuts(
      'nobody waits for ever on a dead broker: calls fail as disconnected, publishes are in doubt',
      async (s, cut) => {
        const bus = await s.connect();
        expect(bus.connected).toBe(true);
        await cut(bus);
        await s.until(() => !bus.connected, 'the client did not notice');
        expect(await s.publish(bus, s.messages(2), shortMs)).toEqual(['in_doubt', 'in_doubt']);
        const options = { timeoutMs: shortMs };
        for (const call of [
          () => bus.call(s.request, bytes(''), options),
          () => bus.cast(s.request, bytes(''), options),
          () => s.collect(bus.fanOut(s.request, bytes(''), options)),
        ]) {
          // oxlint-disable-next-line no-await-in-loop -- each has to fail by itself
          expect(await s.within(failureOf(call()))).toMatchObject({ code: 'VDT_BUS_DISCONNECTED', retryable: true });
        }
        bus.send(s.sample, bytes('dropped'));
        expect(bus.counters.volatileDropped).toBe(1);
      },
    );

    cuts('a call under way fails when the connection is lost', async (s, cut) => {
      const [bus, server] = [await s.connect(), await s.connect()];
      let running = 0;
      const stuck = gate();
      const handler = async ({ payload }: { payload: Uint8Array }): Promise<Uint8Array> => {
        running++;
        await stuck.opened;
        return payload;
      };
      await s.within(server.serve({ pattern: s.request, concurrency: 1, maxQueued: 1, handler }));
      const call = failureOf(bus.call(s.request, bytes(''), { timeoutMs: longMs }));
      await s.until(() => running === 1);
      await cut(bus);
      expect(await s.within(call)).toMatchObject({ code: 'VDT_BUS_DISCONNECTED' });
      stuck.open();
    });

    cuts('consumers, subscriptions and servers take part again by themselves', async (s, cut, heal) => {
      const [bus, other] = [await s.connect(), await s.connect()];
      const consumer = await s.consume(bus);
      const received: string[] = [];
      const handler = (_: string, payload: Uint8Array): void => {
        received.push(text(payload));
      };
      await s.within(bus.subscribe({ patterns: [s.sample], handler }));
      await s.within(
        bus.serve({ pattern: s.request, concurrency: 1, maxQueued: 1, handler: ({ payload }) => payload }),
      );
      const waiting = consumer.next(10);
      await cut(bus);
      await s.until(() => !bus.connected, 'the client did not notice');
      await s.publish(other, s.messages(1));
      await heal(bus);
      await s.until(() => bus.connected, 'the client did not come back');
      expect(texts((await s.within(waiting)) ?? [])).toEqual(['m0']);
      await s.until(() => {
        other.send(s.sample, bytes('again'));
        return received.length > 0;
      });
      const reply = await s.within(other.call(s.request, bytes('here'), { timeoutMs: longMs }));
      expect(text(reply)).toBe('here');
    });

    cuts(
      'what was delivered before comes again, and a late acknowledgement takes nothing from it',
      async (s, cut, heal) => {
        const [bus, other] = [await s.connect(), await s.connect()];
        const consumer = await s.consume(bus);
        await s.publish(other, s.messages(1));
        const before = await s.take(consumer, 1);
        await cut(bus);
        await heal(bus);
        await s.until(() => bus.connected, 'the client did not come back');
        const after = await s.take(consumer, 1);
        expect(after.map((each) => [text(each.payload), each.attempt])).toEqual([['m0', 2]]);
        for (const delivery of [...after, ...before]) delivery.ack();
        await s.quiet();
      },
    );
  });

  describe('counters', () => {
    scene(target, 'they are born at zero and count what this connection did', async (s) => {
      const bus = await s.connect();
      expect(new Set(Object.values(bus.counters))).toEqual(new Set([0]));
      const consumer = await s.consume(bus);
      await s.publish(bus, s.messages(3));
      const [first, second] = await s.take(consumer, 3);
      first?.ack();
      second?.nak();
      await s.take(consumer, 1);
      await s.within(
        bus.publish([{ ...s.message('huge'), payload: new Uint8Array(target.limits.maxPayloadBytes + 1) }], {
          timeoutMs: longMs,
        }),
      );
      expect(bus.counters).toMatchObject({
        published: 3,
        publishFailed: 1,
        delivered: 4,
        acknowledged: 1,
        redelivered: 1,
        deadLettered: 0,
      });
    });
  });
}

type Switch = (bus: Bus) => Promise<void>;

function callsOf(s: Scene, bus: Bus): (() => Promise<unknown>)[] {
  const options = { timeoutMs: longMs };
  return [
    () => bus.publish(s.messages(1), options),
    async () => bus.send(s.sample, bytes('')),
    () => bus.consume({ group: s.group(), patterns: [s.events], maxInFlight: 1 }),
    () => bus.subscribe({ patterns: [s.sample], handler: () => undefined }),
    () => bus.call(s.request, bytes(''), options),
    () => bus.cast(s.request, bytes(''), options),
    () => s.collect(bus.fanOut(s.request, bytes(''), options)),
    () => bus.serve({ pattern: s.request, concurrency: 1, maxQueued: 1, handler: ({ payload }) => payload }),
  ];
}
