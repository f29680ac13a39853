import type { Bus } from '@vedette/bus';
import { eventually, startTcpProxy } from '@vedette/testbed';
import { natsAvailable, startNats } from '@vedette/testbed/nats';
import { describe, expect, test } from 'vitest';
import { bytes, clock, connect, failure, messages, ownStream, take, text, timeoutMs } from './nats-kit.ts';
import { everything, SteadyPublisher } from './nats-load.ts';

const available = await natsAvailable();
const patience = { timeoutMs: 15_000 };

async function until(condition: () => boolean, what: string): Promise<void> {
  await eventually(async () => {
    if (!condition()) throw new Error(what);
  }, patience);
}

describe.skipIf(!available.ok)(`faults and the nats driver${available.ok ? '' : ` (${available.reason})`}`, () => {
  test('F1: broker killed under load: nothing acknowledged is lost, nothing is stored twice, consumers go on', async () => {
    await using server = await startNats();
    const stream = ownStream();
    const subject = `${stream.base}.load`;
    await using publishing = await connect([server.url], { stream });
    await using consuming = await connect([server.url], { stream, limits: { ackWaitMs: 1_000 } });
    await using consumer = await consuming.consume({ group: 'live', patterns: [subject], maxInFlight: 100 });
    const live = new Set<string>();
    const publisher = new SteadyPublisher(publishing, subject);
    const following = take(consumer, (taken) => {
      for (const { payload } of taken.slice(-64)) live.add(text(payload));
      return publisher.stored.length > 0 && live.size >= publisher.stored.length && stopped;
    });
    let stopped = false;
    for (let crash = 0; crash < 2; crash++) {
      const before = publisher.stored.length;
      // oxlint-disable no-await-in-loop -- one crash after the other
      await until(() => publisher.stored.length > before + 100, 'publishing does not go on');
      await server.kill();
      await until(() => !publishing.connected, 'the client did not notice');
      await server.start();
      await until(() => publishing.connected && consuming.connected, 'a client did not come back');
      // oxlint-enable no-await-in-loop
    }
    await publisher.stop();
    const sent = publisher.stored.length;
    stopped = true;
    await publishing.publish(messages(subject, 1, 'last'), { timeoutMs });
    await following;
    const kept = await everything(publishing, subject, sent + 1);
    const texts = kept.map(({ payload }) => text(payload));
    expect(texts).toHaveLength(new Set(texts).size);
    expect(new Set(texts)).toEqual(new Set([...publisher.stored.map((id) => id.split('/')[1]), 'last0']));
    expect(live.size).toBeGreaterThanOrEqual(sent);
    expect(publisher.inDoubt).toBeGreaterThan(0);
  });

  test('I3: what was stored while its confirmation was lost is stored once when it is sent again', async () => {
    await using server = await startNats();
    await using proxy = await startTcpProxy({ port: server.port });
    const stream = ownStream();
    await using watching = await connect([server.url], { stream });
    await using bus = await connect([`nats://127.0.0.1:${proxy.port}`], { stream, discoverServers: false });
    const arrived: string[] = [];
    await watching.subscribe({ patterns: stream.subjects, handler: (_, payload) => arrived.push(text(payload)) });
    proxy.delayMs = 1_000;
    const batch = messages(`${stream.base}.x`, 5);
    const published = bus.publish(batch, { timeoutMs });
    await until(() => arrived.length === 5, 'the messages did not reach the broker');
    await proxy.cut();
    expect((await published).every(({ status }) => status === 'in_doubt')).toBe(true);
    proxy.delayMs = 0;
    await proxy.heal();
    await until(() => bus.connected, 'the client did not come back');
    expect((await bus.publish(batch, { timeoutMs })).every(({ status }) => status === 'stored')).toBe(true);
    expect(await everything(watching, `${stream.base}.x`, 5)).toHaveLength(5);
  });

  test('F1: a broker that comes back empty has its streams and groups made again', async () => {
    await using server = await startNats();
    const stream = { ...ownStream(), storage: 'memory' } as const;
    await using bus = await connect([server.url], { stream, limits: { ackWaitMs: 500 } });
    expect(bus.capabilities.persistent).toBe(false);
    await using consumer = await bus.consume({ group: 'g', patterns: stream.subjects, maxInFlight: 10 });
    await bus.publish(messages(`${stream.base}.x`, 5), { timeoutMs });
    const before = (await consumer.next(10)) ?? [];
    expect(before[0]?.position).toBe(1);
    await server.kill();
    await until(() => !bus.connected, 'the client did not notice');
    await server.start();
    await eventually(async () => {
      const [outcome] = await bus.publish(messages(`${stream.base}.x`, 1, 'new'), { timeoutMs: 1_000 });
      expect(outcome?.status).toBe('stored');
    }, patience);
    const [fresh] = (await consumer.next(1)) ?? [];
    expect([fresh && text(fresh.payload), fresh?.position]).toEqual(['new0', 1]);
    for (const delivery of before) delivery.ack(); // of the earlier stream: must not acknowledge what is new
    const [again] = (await consumer.next(1)) ?? [];
    expect([again && text(again.payload), again?.attempt]).toEqual(['new0', 2]);
  });

  test('B4: a connection on which nothing comes any more is given up; publishes and calls do not hang', async () => {
    await using server = await startNats();
    await using proxy = await startTcpProxy({ port: server.port });
    const stream = ownStream();
    const servers = [`nats://127.0.0.1:${proxy.port}`];
    await using bus = await connect(servers, { stream, pingIntervalMs: 200, discoverServers: false });
    await proxy.stall();
    const published = bus.publish(messages(`${stream.base}.x`, 1), { timeoutMs });
    const called = failure(bus.call('v.nobody', bytes(''), { timeoutMs }));
    await until(() => !bus.connected, 'the client did not notice');
    expect(await published).toMatchObject([{ status: 'in_doubt', error: { code: 'VDT_BUS_DISCONNECTED' } }]);
    expect(await called).toMatchObject({ code: 'VDT_BUS_DISCONNECTED' });
    const startMs = clock.now();
    expect(await bus.publish(messages(`${stream.base}.x`, 1), { timeoutMs })).toMatchObject([{ status: 'in_doubt' }]);
    expect(clock.now() - startMs).toBeLessThan(timeoutMs / 10);
    await proxy.heal();
    await until(() => bus.connected, 'the client did not come back');
    const [outcome] = await bus.publish(messages(`${stream.base}.x`, 1), { timeoutMs });
    expect(outcome?.status).toBe('stored');
  });

  test('what was acknowledged while the connection was lost is said when it is back', async () => {
    await using server = await startNats();
    await using proxy = await startTcpProxy({ port: server.port });
    const stream = ownStream();
    const servers = [`nats://127.0.0.1:${proxy.port}`];
    await using bus = await connect(servers, { stream, discoverServers: false, limits: { ackWaitMs: 3_000 } });
    await using consumer = await bus.consume({ group: 'g', patterns: stream.subjects, maxInFlight: 10 });
    await bus.publish(messages(`${stream.base}.x`, 1), { timeoutMs });
    const [delivery] = (await consumer.next(1)) ?? [];
    await proxy.cut();
    await until(() => !bus.connected, 'the client did not notice');
    delivery?.ack();
    await proxy.heal();
    await until(() => bus.connected, 'the client did not come back');
    const next = consumer.next(1);
    await clock.sleep(4_000);
    await bus.publish(messages(`${stream.base}.x`, 1, 'next'), { timeoutMs });
    expect(((await next) ?? []).map((each) => [text(each.payload), each.attempt])).toEqual([['next0', 1]]);
  });

  test('I10: closing ends in time, whatever the broker does', async () => {
    await using server = await startNats();
    const stream = ownStream();
    const buses: Bus[] = [];
    for (let at = 0; at < 2; at++) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const bus = await connect([server.url], { stream });
      // oxlint-disable-next-line no-await-in-loop -- as above
      const consumer = await bus.consume({ group: 'g', patterns: stream.subjects, maxInFlight: 10 });
      void consumer.next(1);
      buses.push(bus);
    }
    const [frozen, dead] = buses;
    await server.freeze();
    const startMs = clock.now();
    await frozen?.close({ timeoutMs: 200 });
    expect(clock.now() - startMs).toBeLessThan(15_000);
    await server.thaw();
    await server.kill();
    await until(() => dead?.connected === false, 'the client did not notice');
    await dead?.close({ timeoutMs: 200 });
    expect(clock.now() - startMs).toBeLessThan(30_000);
  });
});
