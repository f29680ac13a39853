import { seededRandom } from '@vedette/runtime';
import { natsAvailable, startNatsCluster } from '@vedette/testbed/nats';
import { beforeEach, expect, it } from 'vitest';
import { chainFaults, repetitions } from './history.ts';
import { NatsSpine } from './spine.ts';

const available = await natsAvailable({ cluster: true });

beforeEach((ctx) => {
  if (!available.ok) ctx.skip(available.reason);
});

it('F1: each server of a cluster is killed under load, one after the other: nothing is lost, nothing else restarts', async () => {
  await using cluster = await startNatsCluster();
  await using spine = await NatsSpine.begin(cluster.servers, { hosts: 8, vmsPerHost: 10, stream: { replicas: 3 } });
  const { mark } = spine;
  const random = seededRandom(7);
  const states = new Map<string, 'running' | 'paused'>();
  let loading = true;
  const load = (async () => {
    while (loading) {
      const host = Math.floor(random() * 8);
      const vm = spine.vm(host, Math.floor(random() * 10));
      const state = states.get(vm) === 'paused' ? 'running' : 'paused';
      states.set(vm, state);
      spine.setState(host, vm, state);
      await spine.clock.sleep(20);
    }
  })();
  for (const server of cluster.servers) {
    await server.kill();
    await spine.clock.sleep(1_000);
    await server.start();
    await cluster.usable();
  }
  loading = false;
  await load;
  await spine.agree(120_000);
  expect(spine.told('VMStateChanged', mark).length).toBeGreaterThan(20);
  expect(chainFaults(spine)).toEqual([]);
  expect(repetitions(spine.kept)).toEqual([]);
  expect(spine.told('HostStateChanged', mark)).toEqual([]);
}, 300_000);
