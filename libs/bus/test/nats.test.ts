import { headers, connect as rawConnect } from '@nats-io/transport-node';
import type { Bus } from '@vedette/bus';
import type { NatsOptions } from '@vedette/bus/nats';
import { type Clock, RealClock, type Timer, VedetteError } from '@vedette/runtime';
import { eventually, startTcpProxy } from '@vedette/testbed';
import { type NatsServer, natsAvailable, startNats } from '@vedette/testbed/nats';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bytes, clock, connect as connectTo, failure, messages, ownStream, take, text, timeoutMs } from './nats-kit.ts';

const available = await natsAvailable();
let server: NatsServer;

beforeAll(async () => {
  if (available.ok) server = await startNats();
});
afterAll(async () => {
  await server?.dispose();
});

async function connect(options: Partial<NatsOptions> = {}): Promise<Bus> {
  return connectTo([server.url], options);
}

describe.skipIf(!available.ok)(`the nats driver${available.ok ? '' : ` (${available.reason})`}`, () => {
  describe('publishing', () => {
    test('B1: order holds however few acknowledgements may be outstanding', async () => {
      const stream = ownStream();
      await using bus = await connect({ stream, limits: { maxPendingAcks: 3, maxPendingBytes: 100 } });
      const all = messages(`${stream.base}.x`, 200);
      const calls = [0, 50, 100, 150].map((from) => bus.publish(all.slice(from, from + 50), { timeoutMs }));
      const outcomes = (await Promise.all(calls)).flat();
      expect(outcomes.every(({ status }) => status === 'stored')).toBe(true);
      const options = { group: 'g', patterns: [`${stream.base}.>`], maxInFlight: 500, from: 'beginning' } as const;
      await using consumer = await bus.consume(options);
      const received = await take(consumer, ({ length }) => length >= 200);
      expect(received.map(({ payload }) => text(payload))).toEqual(all.map(({ payload }) => text(payload)));
    });

    test('B3: messages that would wait beyond the bound are in doubt at once', async () => {
      const stream = ownStream();
      await using proxy = await startTcpProxy({ port: server.port });
      const limits = { maxPendingAcks: 1, maxWaitingMessages: 10 };
      await using bus = await connect({ stream, limits, servers: [`nats://127.0.0.1:${proxy.port}`] });
      await proxy.stall();
      const held = bus.publish(messages(`${stream.base}.x`, 8), { timeoutMs });
      const [refused] = await bus.publish(messages(`${stream.base}.x`, 8, 'more'), { timeoutMs });
      expect(refused).toMatchObject({ status: 'in_doubt', error: { code: 'VDT_BUS_FULL' } });
      await proxy.heal();
      expect((await held).every(({ status }) => status === 'stored')).toBe(true);
    });

    test('a broker that does not confirm leaves messages in doubt at the deadline, and an abort at once', async () => {
      const stream = ownStream();
      await using proxy = await startTcpProxy({ port: server.port });
      await using bus = await connect({ stream, servers: [`nats://127.0.0.1:${proxy.port}`] });
      await proxy.stall();
      const late = await bus.publish(messages(`${stream.base}.x`, 1), { timeoutMs: 50 });
      expect(late).toMatchObject([{ status: 'in_doubt', error: { code: 'VDT_BUS_DEADLINE' } }]);
      const controller = new AbortController();
      const aborted = bus.publish(messages(`${stream.base}.x`, 1), { timeoutMs, signal: controller.signal });
      controller.abort();
      expect(await aborted).toMatchObject([{ status: 'in_doubt', error: { code: 'VDT_BUS_CANCELLED' } }]);
      await proxy.heal();
      const again = await bus.publish(messages(`${stream.base}.x`, 1), { timeoutMs });
      expect(again).toMatchObject([{ status: 'stored' }]);
    });

    test('what the stream does not keep is refused, and says so', async () => {
      const stream = ownStream();
      await using bus = await connect({ stream });
      const outcomes = await bus.publish([...messages('v.elsewhere', 1), ...messages(`${stream.base}.x`, 1)], {
        timeoutMs,
      });
      expect(outcomes).toMatchObject([{ status: 'refused', error: { code: 'VDT_BUS_REFUSED' } }, { status: 'stored' }]);
      expect(outcomes[0]).toMatchObject({ error: { message: expect.stringContaining('does not keep v.elsewhere') } });
      const wrong = bus.consume({ group: 'g', patterns: ['v.elsewhere'], maxInFlight: 1 });
      expect(await failure(wrong)).toMatchObject({ code: 'VDT_BUS_USAGE' });
    });

    test('a connection without a stream neither publishes nor consumes', async () => {
      await using bus = await connect();
      expect(bus.capabilities).toMatchObject({ persistent: false, replay: false, dedup: false, noResponders: true });
      const failures = [
        await failure(bus.publish(messages('v.x', 1), { timeoutMs })),
        await failure(bus.consume({ group: 'g', patterns: ['v.x'], maxInFlight: 1 })),
      ];
      for (const each of failures) expect(each).toMatchObject({ code: 'VDT_BUS_USAGE' });
    });
  });

  describe('consuming', () => {
    test('a group with patterns that meet each other gets each message once, and nothing else', async () => {
      const stream = ownStream();
      await using bus = await connect({ stream });
      const patterns = [`${stream.base}.*.x`, `${stream.base}.b.*`];
      await using consumer = await bus.consume({ group: 'g', patterns, maxInFlight: 10 });
      const subjects = ['a.x', 'b.x', 'b.y', 'c.y', 'c.x'].map((each) => `${stream.base}.${each}`);
      await bus.publish(
        subjects.flatMap((subject) => messages(subject, 1)),
        { timeoutMs },
      );
      const seen = await take(consumer, ({ length }) => length >= 4);
      expect(seen.map(({ subject }) => subject)).toEqual([subjects[0], subjects[1], subjects[2], subjects[4]]);
      const other = bus.consume({ group: 'g', patterns: [`${stream.base}.*.*`], maxInFlight: 1 });
      expect(await failure(other)).toMatchObject({ code: 'VDT_BUS_GROUP_PATTERNS' });
    });

    test('N2: what was asked for ahead and nobody takes goes to other members', async () => {
      const stream = ownStream();
      await using bus = await connect({ stream, limits: { ackWaitMs: 400 } });
      const options = { group: 'g', patterns: [`${stream.base}.>`], maxInFlight: 10 };
      await using idle = await bus.consume(options);
      await using busy = await bus.consume(options);
      const first = idle.next(4);
      await bus.publish(messages(`${stream.base}.x`, 8), { timeoutMs });
      const taken = new Set<string>();
      for (const delivery of (await first) ?? []) {
        taken.add(text(delivery.payload));
        delivery.ack();
      }
      while (taken.size < 8) {
        // oxlint-disable-next-line no-await-in-loop -- one next at a time is the contract
        for (const delivery of (await busy.next(10)) ?? []) {
          taken.add(text(delivery.payload));
          delivery.ack();
        }
      }
      expect(taken.size).toBe(8);
    });

    test('what is asked for ahead keeps its attempt while the member is at work', async () => {
      const stream = ownStream();
      await using bus = await connect({ stream, limits: { ackWaitMs: 1_500 } });
      const options = { group: 'g', patterns: [`${stream.base}.>`], maxInFlight: 10 };
      await using consumer = await bus.consume(options);
      const first = consumer.next(1);
      await bus.publish(messages(`${stream.base}.x`, 2), { timeoutMs });
      const [slow] = (await first) ?? [];
      for (let round = 0; round < 8; round++) {
        // oxlint-disable-next-line no-await-in-loop -- the work goes on while time passes
        await clock.sleep(500);
        slow?.extend();
      }
      slow?.ack();
      const [second] = (await consumer.next(1)) ?? [];
      expect([second && text(second.payload), second?.attempt]).toEqual(['m1', 1]);
    });
  });

  describe('requests', () => {
    test('a reply after the deadline is dropped, and later calls get their own', async () => {
      await using bus = await connect();
      await using other = await connect();
      const late = Promise.withResolvers<void>();
      await other.serve({
        pattern: 'v.late',
        concurrency: 10,
        maxQueued: 10,
        handler: async ({ payload }) => {
          if (text(payload) === 'slow') await late.promise;
          return payload;
        },
      });
      expect(await failure(bus.call('v.late', bytes('slow'), { timeoutMs: 50 }))).toMatchObject({
        code: 'VDT_BUS_DEADLINE',
      });
      late.resolve();
      for (let at = 0; at < 20; at++) {
        // oxlint-disable-next-line no-await-in-loop -- one call after the other
        expect(text(await bus.call('v.late', bytes(`${at}`), { timeoutMs }))).toBe(`${at}`);
      }
      expect(bus.counters).toMatchObject({ calls: 21, callsFailed: 1 });
    });

    test('a queue full of requests that nobody waits for makes room', async () => {
      await using bus = await connect();
      await using other = await connect();
      const stuck = Promise.withResolvers<void>();
      await other.serve({
        pattern: 'v.full',
        concurrency: 1,
        maxQueued: 2,
        handler: async ({ payload }) => {
          await stuck.promise;
          return payload;
        },
      });
      const running = bus.call('v.full', bytes('running'), { timeoutMs });
      const given = await Promise.all([1, 2].map(() => failure(bus.call('v.full', bytes(''), { timeoutMs: 50 }))));
      for (const each of given) expect(each).toMatchObject({ code: 'VDT_BUS_DEADLINE' });
      const next = bus.call('v.full', bytes('next'), { timeoutMs });
      await clock.sleep(50);
      stuck.resolve();
      expect((await Promise.all([running, next])).map(text)).toEqual(['running', 'next']);
    });

    test('another NATS program can call: its deadline is a header, a fault comes with one', async () => {
      await using bus = await connect();
      const signals: AbortSignal[] = [];
      await bus.serve({
        pattern: 'v.foreign.*',
        concurrency: 10,
        maxQueued: 10,
        handler: async ({ subject, payload, signal }) => {
          if (subject === 'v.foreign.fault') throw new VedetteError('VDT_BUS_FULL', { message: 'no room' });
          if (subject === 'v.foreign.hang') {
            signals.push(signal);
            await new Promise(() => undefined);
          }
          return payload;
        },
      });
      const raw = await rawConnect({ servers: server.url });
      try {
        expect((await raw.request('v.foreign.echo', 'hello')).string()).toBe('hello');
        const fault = await raw.request('v.foreign.fault', '');
        expect(fault.headers?.get('Vdt-Fault')).toBe('remote');
        expect(fault.json()).toMatchObject({ code: 'VDT_BUS_FULL', message: 'no room', retryable: true });
        const deadline = headers();
        deadline.set('Vdt-Timeout-Ms', '50');
        raw.publish('v.foreign.hang', '', { reply: 'anywhere', headers: deadline });
        await eventually(async () => expect(signals[0]?.aborted).toBe(true), { timeoutMs: 15_000 });
      } finally {
        await raw.close();
      }
      await bus.close({ timeoutMs: 0 });
    });

    test('servers of one group but of other patterns do not share requests', async () => {
      await using bus = await connect();
      const served = { wide: 0, narrow: 0 };
      const count = (who: keyof typeof served, payload: Uint8Array): Uint8Array => {
        served[who]++;
        return payload;
      };
      const options = { group: 'g', concurrency: 10, maxQueued: 10 };
      await bus.serve({ ...options, pattern: 'v.share.*', handler: ({ payload }) => count('wide', payload) });
      await bus.serve({ ...options, pattern: 'v.share.x', handler: ({ payload }) => count('narrow', payload) });
      for (let at = 0; at < 10; at++) {
        // oxlint-disable-next-line no-await-in-loop -- one call after the other
        await bus.call('v.share.x', bytes(''), { timeoutMs });
      }
      await eventually(async () => expect(served).toEqual({ wide: 10, narrow: 10 }), { timeoutMs: 15_000 });
    });

    test('a server of everything answers what is of the bus, and keeps out of what is of the broker', async () => {
      const stream = ownStream();
      await using everything = await connect();
      const seen: string[] = [];
      await everything.serve({
        pattern: '>',
        concurrency: 10,
        maxQueued: 10,
        handler: ({ subject, payload }) => {
          seen.push(subject);
          return payload;
        },
      });
      await using bus = await connect({ stream }); // asks the broker for its streams
      expect(text(await bus.call('v.anything', bytes('x'), { timeoutMs }))).toBe('x');
      expect(seen).toEqual(['v.anything']);
    });
  });

  describe('volatile messages', () => {
    test('B3: a slow handler has its oldest messages dropped and counted, and delays no call', async () => {
      const spent = new SpentClock();
      await using slow = await connect({ clock: spent, limits: { maxVolatileMessages: 10 } });
      await using bus = await connect();
      const received: string[] = [];
      await slow.subscribe({
        patterns: ['v.flood'],
        handler: (_, payload) => {
          received.push(text(payload));
          spent.spend(3); // as if it had computed for so long
        },
      });
      await slow.serve({ pattern: 'v.calm', concurrency: 1, maxQueued: 1, handler: ({ payload }) => payload });
      for (let at = 0; at < 500; at++) bus.send('v.flood', bytes(`${at}`));
      expect(text(await bus.call('v.calm', bytes('calm'), { timeoutMs }))).toBe('calm');
      await eventually(async () => expect(received.at(-1)).toBe('499'), { timeoutMs: 15_000 });
      const { volatileDelivered, volatileDropped } = slow.counters;
      expect(volatileDelivered + volatileDropped).toBe(500);
      expect(volatileDropped).toBeGreaterThan(0);
      expect(received.slice(-10)).toEqual(Array.from({ length: 10 }, (_, at) => `${490 + at}`));
      expect(received).toEqual([...received].sort((a, b) => Number(a) - Number(b)));
    });

    test('who follows everything sees messages, neither requests nor what is of the broker', async () => {
      const stream = ownStream();
      await using follower = await connect();
      await using bus = await connect({ stream });
      const seen = new Set<string>();
      await follower.subscribe({ patterns: ['>'], handler: (subject) => seen.add(subject) });
      await bus.serve({ pattern: 'v.asked', concurrency: 1, maxQueued: 1, handler: ({ payload }) => payload });
      await bus.call('v.asked', bytes(''), { timeoutMs });
      for await (const _ of bus.fanOut('v.asked', bytes(''), { timeoutMs, expected: 1 }));
      await using consumer = await bus.consume({ group: 'g', patterns: stream.subjects, maxInFlight: 1 });
      await bus.publish(messages(`${stream.base}.kept`, 1), { timeoutMs });
      for (const delivery of (await consumer.next(1)) ?? []) delivery.ack();
      bus.send('v.last', bytes(''));
      await eventually(async () => expect(seen.has('v.last')).toBe(true), { timeoutMs: 15_000 });
      expect([...seen]).toEqual([`${stream.base}.kept`, 'v.last']);
    });
  });
});

/** A real clock on which work can be pretended. */
class SpentClock implements Clock {
  readonly #real = new RealClock();
  #spentMs = 0;

  spend(ms: number): void {
    this.#spentMs += ms;
  }

  now(): number {
    return this.#real.now() + this.#spentMs;
  }

  wallNow(): number {
    return this.#real.wallNow();
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    return this.#real.setTimer(callback, delayMs);
  }

  sleep(delayMs: number, options?: { readonly signal?: AbortSignal }): Promise<void> {
    return this.#real.sleep(delayMs, options);
  }
}
