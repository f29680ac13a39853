import { busConformance } from '@vedette/bus/conformance';
import { type NatsCluster, natsAvailable, startNatsCluster } from '@vedette/testbed/nats';
import { afterAll, beforeAll, test, vi } from 'vitest';
import { clock, limits, NatsWorld, natsCapabilities } from './nats-world.ts';

// Elections take their time, most of all while the machine is busy.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const available = await natsAvailable();

if (available.ok) {
  let cluster: NatsCluster;
  beforeAll(async () => {
    cluster = await startNatsCluster();
  });
  afterAll(async () => {
    await cluster.dispose();
  });

  let worlds = 0;
  busConformance('nats, a cluster of three, three replicas', {
    capabilities: natsCapabilities,
    limits: { ...limits, ackWaitMs: 1_000 },
    clock,
    setup: async () => {
      const server = worlds++;
      return new NatsWorld({
        ports: cluster.servers.map(({ port }) => port),
        // The clients of one world share a server: what one of them subscribes to, others learn of a little later.
        server,
        stream: { name: `C${server}`, replicas: 3 },
        ackWaitMs: 1_000,
        restart: async () => {
          await Promise.all(cluster.servers.map((each) => each.stop()));
          await Promise.all(cluster.servers.map((each) => each.start()));
          await cluster.usable();
        },
      });
    },
    wait: (ms) => clock.sleep(ms),
  });
} else {
  test('bus conformance: nats, a cluster of three', (context) => context.skip(available.reason));
}
