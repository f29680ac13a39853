import { busConformance } from '@vedette/bus/conformance';
import { type NatsServer, natsAvailable, startNats } from '@vedette/testbed/nats';
import { afterAll, beforeAll, test } from 'vitest';
import { clock, limits, NatsWorld, natsCapabilities } from './nats-world.ts';

const available = await natsAvailable();

if (available.ok) {
  let server: NatsServer;
  beforeAll(async () => {
    server = await startNats();
  });
  afterAll(async () => {
    await server.dispose();
  });

  let worlds = 0;
  busConformance('nats, one server', {
    capabilities: natsCapabilities,
    limits,
    clock,
    setup: async () =>
      new NatsWorld({
        ports: [server.port],
        server: 0,
        stream: { name: `C${worlds++}` },
        restart: async () => {
          await server.stop();
          await server.start();
        },
      }),
    wait: (ms) => clock.sleep(ms),
  });
} else {
  test('bus conformance: nats, one server', (context) => context.skip(available.reason));
}
