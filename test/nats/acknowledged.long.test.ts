import { connectNats } from '@vedette/bus/nats';
import { RealClock } from '@vedette/runtime';
import { eventually } from '@vedette/testbed';
import { natsAvailable, startNatsCluster } from '@vedette/testbed/nats';
import { beforeEach, expect, it } from 'vitest';

const available = await natsAvailable({ cluster: true });

beforeEach((ctx) => {
  if (!available.ok) ctx.skip(available.reason);
});

it('B2: a publish repeated to a leader that has lost the others is in doubt, until it is really stored', async () => {
  await using cluster = await startNatsCluster();
  await using bus = await connectNats({
    servers: cluster.urls,
    clock: new RealClock(),
    name: 'publisher',
    reconnectWaitMs: 100,
    connectTimeoutMs: 30_000,
    stream: { replicas: 3 },
  });
  await using consumer = await bus.consume({
    group: 'reader',
    patterns: ['vedette.v1.vm.>'],
    maxInFlight: 10,
    from: 'beginning',
  });
  const publish = async (id: string): Promise<string> => {
    const payload = Buffer.from(id);
    const [outcome] = await bus.publish([{ subject: 'vedette.v1.vm.state.h1', id, payload }], { timeoutMs: 1_000 });
    return outcome?.status ?? 'no outcome';
  };
  const stored = (id: string): Promise<void> =>
    eventually(async () => expect(await publish(id)).toBe('stored'), { timeoutMs: 60_000, intervalMs: 100 });
  await stored('m1');
  const leader = await cluster.streamLeader('VEDETTE');
  const others = cluster.servers.filter((server) => server !== leader);
  await Promise.all(others.map((server) => server.kill()));
  await eventually(() => expect(bus.connected).toBe(true), { timeoutMs: 30_000 });
  // Soon nats-server 2.10 answers `duplicate` with the sequence 0: of a message that no majority has.
  for (let tries = 0; tries < 4; tries++) expect(await publish('m2')).toBe('in_doubt');
  await leader.kill();
  await Promise.all(others.map((server) => server.start()));
  await cluster.usable();
  await stored('m2');
  const read: string[] = [];
  await eventually(
    async () => {
      for (const delivery of (await consumer.next(10)) ?? []) {
        read.push(Buffer.from(delivery.payload).toString());
        delivery.ack();
      }
      expect([...new Set(read)]).toEqual(['m1', 'm2']);
    },
    { timeoutMs: 60_000 },
  );
}, 300_000);
