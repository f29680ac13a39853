import { jetstreamManager } from '@nats-io/jetstream';
import { connect as rawConnect } from '@nats-io/transport-node';
import { eventually } from '@vedette/testbed';
import { natsAvailable, startNatsCluster } from '@vedette/testbed/nats';
import { expect, test } from 'vitest';
import { bytes, connect, ownStream, take, text, timeoutMs } from './nats-kit.ts';
import { everything, SteadyPublisher } from './nats-load.ts';

const available = await natsAvailable();

test('F1: the leader of a replicated stream is killed under load: nothing is lost, calls and consumers go on', {
  timeout: 120_000,
}, async (context) => {
  if (!available.ok) return context.skip(available.reason);
  await using cluster = await startNatsCluster();
  const stream = { ...ownStream(), replicas: 3 };
  const subject = `${stream.base}.load`;
  await using bus = await connect(cluster.urls, { stream, limits: { ackWaitMs: 2_000 } });
  await using other = await connect([...cluster.urls].reverse(), { stream, limits: { ackWaitMs: 2_000 } });
  await other.serve({ pattern: 'v.echo', concurrency: 5, maxQueued: 5, handler: ({ payload }) => payload });
  await using consumer = await other.consume({ group: 'live', patterns: [subject], maxInFlight: 100 });
  const live = new Set<string>();
  const publisher = new SteadyPublisher(bus, subject);
  const following = take(consumer, (taken) => {
    for (const { payload } of taken.slice(-64)) live.add(text(payload));
    return live.has('last');
  });
  await eventually(async () => expect(publisher.stored.length).toBeGreaterThan(100), { timeoutMs });

  const raw = await rawConnect({ servers: cluster.urls });
  const { cluster: replicas } = await (await jetstreamManager(raw)).streams.info(stream.name);
  await raw.close();
  const leader = cluster.server(replicas?.leader ?? '');
  await leader.kill();
  const before = publisher.stored.length;
  await eventually(async () => expect(publisher.stored.length).toBeGreaterThan(before + 100), { timeoutMs });
  await eventually(
    async () => expect(text(await bus.call('v.echo', bytes('here'), { timeoutMs: 1_000 }))).toBe('here'),
    { timeoutMs },
  );
  await leader.start();
  await publisher.stop();
  const sent = publisher.stored.length;
  const [last] = await bus.publish([{ subject, id: 'last', payload: bytes('last') }], { timeoutMs });
  expect(last?.status).toBe('stored');
  await following;
  const texts = (await everything(bus, subject, sent + 1)).map(({ payload }) => text(payload));
  expect(texts).toHaveLength(new Set(texts).size);
  expect(new Set(texts)).toEqual(new Set([...publisher.stored.map((id) => id.split('/')[1]), 'last']));
});
