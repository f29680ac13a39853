import { join } from 'node:path';
import { seededRandom } from '@vedette/runtime';
import { openSqliteStore } from '@vedette/store/sqlite';
import { eventually, tempDir } from '@vedette/testbed';
import { natsAvailable, startNats } from '@vedette/testbed/nats';
import { beforeEach, expect, it } from 'vitest';
import { chainFaults, repetitions } from './history.ts';
import { NatsSpine } from './spine.ts';

const available = await natsAvailable();

beforeEach((ctx) => {
  if (!available.ok) ctx.skip(available.reason);
});

const patient = { timeoutMs: 30_000 };

it('F1: the broker is killed under load and started again, twice: nothing is lost, and nothing else restarts', async () => {
  await using server = await startNats();
  await using folder = await tempDir('store');
  const store = await openSqliteStore({ path: join(folder.path, 'fleet.sqlite') });
  await using spine = await NatsSpine.begin([server], { hosts: 8, vmsPerHost: 10, store });
  const { mark } = spine;
  const random = seededRandom(7);
  const states = new Map<string, 'running' | 'paused'>();
  const load = async (changes: number): Promise<void> => {
    for (let change = 0; change < changes; change++) {
      const host = Math.floor(random() * 8);
      const vm = spine.vm(host, Math.floor(random() * 10));
      const state = states.get(vm) === 'paused' ? 'running' : 'paused';
      states.set(vm, state);
      spine.setState(host, vm, state);
      await spine.clock.sleep(10);
    }
  };
  for (let round = 0; round < 2; round++) {
    await load(60);
    await server.kill();
    await load(60);
    await server.start();
  }
  await load(60);
  await spine.agree();
  const paused = [...states.values()].filter((state) => state === 'paused').length;
  expect(paused).toBeGreaterThan(20);
  expect(spine.told('VMStateChanged', mark).length).toBeGreaterThanOrEqual(paused);
  expect(chainFaults(spine)).toEqual([]);
  expect(repetitions(spine.kept)).toEqual([]);
  expect(spine.told('HostStateChanged', mark)).toEqual([]);
}, 120_000);

it('F2: the broker is away while VMs change: memory is bounded, net changes follow, no host is blamed', async () => {
  await using server = await startNats();
  await using spine = await NatsSpine.begin([server], { hosts: 2, vmsPerHost: 3 });
  const [restless, back, calm] = [spine.vm(0, 0), spine.vm(0, 1), spine.vm(1, 0)];
  const { mark } = spine;
  await server.stop();
  const rounds = 40;
  for (let round = 0; round < rounds; round++) {
    spine.setState(0, restless, round % 2 === 0 ? 'paused' : 'running');
    await spine.clock.sleep(100);
  }
  spine.setState(0, restless, 'stopped');
  spine.setState(0, back, 'paused');
  await spine.clock.sleep(1_000);
  spine.setState(0, back, 'running');
  await spine.clock.sleep(1_000);
  await server.start();
  await spine.agree();
  const told = spine.told('VMStateChanged', mark);
  // One may have been on its way when the broker left; everything since then is one event.
  const ofRestless = told.filter(({ data }) => data.vm === restless);
  expect(ofRestless.length).toBeLessThanOrEqual(2);
  expect(ofRestless.at(-1)?.data).toMatchObject({ to: 'stopped' });
  expect(Math.max(...ofRestless.map(({ data }) => data.passed.length))).toBeLessThanOrEqual(16);
  expect(told.filter(({ data }) => data.vm === calm)).toEqual([]);
  expect(spine.transitions(back, mark).length).toBeLessThanOrEqual(2);
  expect(chainFaults(spine)).toEqual([]);
  expect(spine.told('HostStateChanged', mark)).toEqual([]);
  await eventually(() => expect(spine.told('MonitorBlind', mark).at(-1)?.data.until).toBeDefined(), patient);
}, 120_000);
