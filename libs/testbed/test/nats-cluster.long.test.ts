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

it('a cluster that has lost two of three serves nothing until one is back, and has lost nothing', async () => {
  await using cluster = await startNatsCluster();
  const connection = await connect({ servers: cluster.urls, reconnectTimeWait: 50, maxReconnectAttempts: -1 });
  try {
    const { streams } = await jetstreamManager(connection, { timeout: 20_000 });
    await streams.add({ name: 'kept', subjects: ['kept.>'], num_replicas: 3 });
    const client = jetstream(connection, { timeout: 1_000 });
    await store(client, 'm1');
    const [, second, third] = cluster.servers;
    await Promise.all([second?.kill(), third?.kill()]);
    await expect(client.publish('kept.a', 'x', { msgID: 'm2' })).rejects.toThrow();
    await second?.start();
    await cluster.usable();
    await store(client, 'm2');
    expect((await streams.info('kept')).state.messages).toBe(2);
  } finally {
    await connection.close();
  }
}, 180_000);
