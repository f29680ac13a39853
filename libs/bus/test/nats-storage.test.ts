import { jetstreamManager } from '@nats-io/jetstream';
import { type NatsConnection, connect as rawConnect } from '@nats-io/transport-node';
import type { Bus } from '@vedette/bus';
import type { NatsOptions, NatsStreamOptions } from '@vedette/bus/nats';
import type { VedetteError } from '@vedette/runtime';
import { eventually } from '@vedette/testbed';
import { type NatsServer, natsAvailable, startNats } from '@vedette/testbed/nats';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect as connectTo, failure, messages, ownStream, take, text, timeoutMs } from './nats-kit.ts';

const available = await natsAvailable();
let server: NatsServer;
let raw: NatsConnection;

beforeAll(async () => {
  if (!available.ok) return;
  server = await startNats();
  raw = await rawConnect({ servers: server.url });
});
afterAll(async () => {
  await raw?.close();
  await server?.dispose();
});

async function connect(options: Partial<NatsOptions> = {}): Promise<Bus> {
  return connectTo([server.url], options);
}

async function configOf(name: string): Promise<Record<string, unknown>> {
  const { config } = await (await jetstreamManager(raw)).streams.info(name);
  return config as unknown as Record<string, unknown>;
}

describe.skipIf(!available.ok)(`streams of the nats driver${available.ok ? '' : ` (${available.reason})`}`, () => {
  test('are made as configured, and found by the next connection', async () => {
    const stream: Partial<NatsStreamOptions> = {
      ...ownStream(),
      storage: 'memory',
      maxAgeMs: 60_000,
      maxBytes: 1_000_000,
      dedupWindowMs: 5_000,
    };
    await using bus = await connect({ stream });
    await using again = await connect({ stream });
    expect(again.capabilities).toEqual({ ...bus.capabilities, persistent: false });
    expect(await configOf(stream.name ?? '')).toMatchObject({
      subjects: stream.subjects,
      storage: 'memory',
      retention: 'limits',
      discard: 'old',
      max_age: 60e9,
      max_bytes: 1_000_000,
      duplicate_window: 5e9,
      num_replicas: 1,
    });
    expect(await configOf(`${stream.name}-DEAD`)).toMatchObject({ storage: 'memory', max_bytes: 64 * 1024 * 1024 });
  });

  test('that exist with other settings are changed where that is possible', async () => {
    const stream = ownStream();
    await using bus = await connect({ stream });
    await bus.publish(messages(`${stream.base}.x`, 3), { timeoutMs });
    const more = { ...stream, subjects: [...stream.subjects, `w.${stream.name}.>`], maxAgeMs: 3_600_000 };
    await using other = await connect({ stream: more });
    expect(await configOf(stream.name)).toMatchObject({ subjects: more.subjects, max_age: 3_600e9 });
    const outcomes = await other.publish(messages(`w.${stream.name}.y`, 1), { timeoutMs });
    expect(outcomes).toMatchObject([{ status: 'stored' }]);
    await using consumer = await other.consume({ group: 'g', patterns: ['>'], maxInFlight: 10, from: 'beginning' });
    expect(await take(consumer, ({ length }) => length >= 4)).toHaveLength(4);
  });

  test('that cannot be changed so are refused with what differs', async () => {
    const stream = ownStream();
    await using _ = await connect({ stream });
    const error = await failure(connect({ stream: { ...stream, storage: 'memory' } }));
    expect(error).toMatchObject({ code: 'VDT_BUS_STORAGE', retryable: false });
    expect(error?.message).toContain(`stream ${stream.name} exists with storage "file" instead of "memory"`);
  });

  test('whose subjects another stream keeps are refused', async () => {
    const stream = ownStream();
    await using _ = await connect({ stream });
    const error = await failure(connect({ stream: { ...stream, name: `${stream.name}-other` } }));
    expect(error).toMatchObject({ code: 'VDT_BUS_STORAGE', message: expect.stringContaining('overlap') });
  });

  test('are only looked for by who is not to manage them', async () => {
    const stream = ownStream();
    const missing = await failure(connect({ stream: { ...stream, manage: false } }));
    expect(missing).toMatchObject({ code: 'VDT_BUS_STORAGE', message: expect.stringContaining('there is no stream') });
    await using _ = await connect({ stream: { ...stream, maxAgeMs: 3_600_000 } });
    await using bus = await connect({ stream: { ...stream, manage: false } });
    expect(await configOf(stream.name)).toMatchObject({ max_age: 3_600e9 });
    const outcomes = await bus.publish(messages(`${stream.base}.x`, 1), { timeoutMs });
    expect(outcomes).toMatchObject([{ status: 'stored' }]);
  });

  test('requests to what they keep are not served: the stream would answer them', async () => {
    const stream = ownStream();
    await using bus = await connect({ stream });
    const serve = { pattern: `${stream.base}.*`, concurrency: 1, maxQueued: 1 };
    const refused = await failure(bus.serve({ ...serve, handler: ({ payload }) => payload }));
    expect(refused).toMatchObject({ code: 'VDT_BUS_USAGE' });
  });

  test('settings that the broker would ignore without a word are refused', async () => {
    const refused = await failure(connect({ stream: { ...ownStream(), persistMode: 'async' } }));
    expect(refused).toMatchObject({ code: 'VDT_BUS_BROKER', message: expect.stringContaining('2.12') });
  });

  test('a message whose id alone is too large is refused, and the next one stored', async () => {
    const stream = ownStream();
    await using bus = await connect({ stream });
    const [large, small] = messages(`${stream.base}.x`, 2);
    if (large === undefined || small === undefined) throw new Error('no messages');
    const outcomes = await bus.publish([{ ...large, id: 'x'.repeat(1_100_000) }, small], { timeoutMs });
    expect(outcomes).toMatchObject([
      { status: 'refused', error: { code: 'VDT_BUS_PAYLOAD_TOO_LARGE' } },
      { status: 'stored' },
    ]);
  });

  test('settings that make no sense are refused before anything is asked', async () => {
    for (const stream of [{ name: 'a.b' }, { subjects: [] }, { replicas: 9 }, { maxAgeMs: 1_000 }]) {
      // oxlint-disable-next-line no-await-in-loop -- each has to fail by itself
      expect(await failure(connect({ stream }))).toMatchObject({ code: 'VDT_BUS_USAGE' });
    }
    expect(await failure(connect({ limits: { ackWaitMs: 0 } }))).toMatchObject({ code: 'VDT_BUS_USAGE' });
  });

  test('B3: a full stream of what groups still need holds publishers back, and drops nothing', async () => {
    const stream = { ...ownStream(), retention: 'interest', maxBytes: 64 * 1024 } as const;
    await using bus = await connect({ stream });
    expect(bus.capabilities.replay).toBe(false);
    await using consumer = await bus.consume({ group: 'g', patterns: stream.subjects, maxInFlight: 1_000 });
    const large = messages(`${stream.base}.x`, 20).map((each) => ({ ...each, payload: new Uint8Array(8 * 1024) }));
    const outcomes = await bus.publish(large, { timeoutMs });
    const stored = outcomes.filter(({ status }) => status === 'stored').length;
    expect(stored).toBeGreaterThan(0);
    expect(outcomes[stored]).toMatchObject({ status: 'in_doubt', error: { code: 'VDT_BUS_FULL', retryable: true } });
    await take(consumer, ({ length }) => length >= stored);
    await eventually(
      async () => {
        const [again] = await bus.publish(large.slice(-1), { timeoutMs });
        expect(again?.status).toBe('stored');
      },
      { timeoutMs: 15_000 },
    );
  });

  test('a dead letter tells where it is from', async () => {
    const stream = ownStream();
    await using bus = await connect({ stream, limits: { maxDeliveries: 2 } });
    await using consumer = await bus.consume({ group: 'g', patterns: stream.subjects, maxInFlight: 1 });
    await bus.publish(messages(`${stream.base}.x`, 1, 'poison'), { timeoutMs });
    for (let attempt = 1; attempt <= 2; attempt++) {
      // oxlint-disable-next-line no-await-in-loop -- one attempt after the other
      for (const delivery of (await consumer.next(1)) ?? []) delivery.nak();
    }
    await eventually(async () => expect(bus.counters.deadLettered).toBe(1), { timeoutMs: 15_000 });
    const letter = await (await jetstreamManager(raw)).streams.getMessage(`${stream.name}-DEAD`, { seq: 1 });
    expect(letter?.subject).toBe(`_VDT.dead.${stream.name}.g.${stream.base}.x`);
    expect(letter && text(letter.data)).toBe('poison0');
    const told = Object.fromEntries([...(letter?.header ?? [])].map(([name, [value]]) => [name, value]));
    expect(told).toMatchObject({
      'Vdt-Message-Id': `${stream.base}.x/poison0`,
      'Vdt-Group': 'g',
      'Vdt-Attempts': '2',
      'Vdt-Position': '1',
    });
  });

  test('a group that was removed is made again from where its member was', async () => {
    const stream = ownStream();
    const troubles: VedetteError[] = [];
    await using bus = await connect({ stream, onTrouble: (error) => troubles.push(error) });
    await using consumer = await bus.consume({ group: 'g', patterns: stream.subjects, maxInFlight: 10 });
    await bus.publish(messages(`${stream.base}.x`, 3), { timeoutMs });
    await take(consumer, ({ length }) => length >= 3);
    const waiting = consumer.next(10);
    const { consumers } = await jetstreamManager(raw);
    // nats-server 2.10 may complain of a folder that is not empty yet; the consumer is gone all the same.
    await consumers.delete(stream.name, 'g').catch(() => undefined);
    await bus.publish(messages(`${stream.base}.x`, 1, 'after'), { timeoutMs });
    expect(((await waiting) ?? []).map(({ payload }) => text(payload))).toEqual(['after0']);
  });

  test('streams that were removed are made again, and groups with them', async () => {
    const stream = ownStream();
    await using bus = await connect({ stream });
    await using consumer = await bus.consume({ group: 'g', patterns: stream.subjects, maxInFlight: 10 });
    await bus.publish(messages(`${stream.base}.x`, 3), { timeoutMs });
    await take(consumer, ({ length }) => length >= 3);
    const waiting = consumer.next(10);
    await (await jetstreamManager(raw)).streams.delete(stream.name);
    const [lost] = await bus.publish(messages(`${stream.base}.x`, 1, 'lost'), { timeoutMs });
    expect(lost).toMatchObject({ status: 'in_doubt', error: { code: 'VDT_BUS_UNAVAILABLE' } });
    await eventually(
      async () => {
        const [again] = await bus.publish(messages(`${stream.base}.x`, 1, 'again'), { timeoutMs });
        expect(again?.status).toBe('stored');
      },
      { timeoutMs: 15_000 },
    );
    expect(((await waiting) ?? []).map(({ payload }) => text(payload))).toEqual(['again0']);
  });
});
