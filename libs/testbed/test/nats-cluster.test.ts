import { type JetStreamClient, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { eventually } from '@vedette/testbed';
import { natsAvailable, startNatsCluster } from '@vedette/testbed/nats';
import { beforeEach, expect, it } from 'vitest';

const available = await natsAvailable({ cluster: true });

beforeEach((ctx) => {
  if (!available.ok) ctx.skip(available.reason);
});

const patient = { timeoutMs: 60_000 };

/** Stores a message, however often it takes. A server of 2.10 may say `seq: 0` of one that is not stored yet. */
const store = (client: JetStreamClient, id: string): Promise<void> =>
  eventually(async () => {
    expect((await client.publish('kept.a', 'x', { msgID: id })).seq).toBeGreaterThan(0);
  }, patient);

it('a cluster takes a stream of three replicas at once, loses the stream’s leader, goes on, and gets it back', async () => {
  await using cluster = await startNatsCluster();
  expect(cluster.servers.map(({ name }) => name)).toEqual(['n1', 'n2', 'n3']);
  const connection = await connect({ servers: cluster.urls, reconnectTimeWait: 50, maxReconnectAttempts: -1 });
  try {
    const { streams } = await jetstreamManager(connection, { timeout: 20_000 });
    const { cluster: placed } = await streams.add({ name: 'kept', subjects: ['kept.>'], num_replicas: 3 });
    expect(placed?.replicas).toHaveLength(2);
    const client = jetstream(connection, { timeout: 2_000 });
    await store(client, 'm1');
    const lost = await cluster.streamLeader('kept');
    expect((await streams.info('kept')).cluster?.leader).toBe(lost.name);
    await lost.kill();
    await store(client, 'm2');
    await cluster.usable();
    expect((await cluster.metaLeader()).name).not.toBe(lost.name);
    expect((await cluster.streamLeader('kept')).name).not.toBe(lost.name);
    await lost.start();
    await cluster.usable();
    await eventually(async () => {
      const { state, cluster: now } = await streams.info('kept');
      expect(state.messages).toBe(2);
      expect(now?.replicas?.map(({ current }) => current)).toEqual([true, true]);
    }, patient);
  } finally {
    await connection.close();
  }
}, 180_000);
