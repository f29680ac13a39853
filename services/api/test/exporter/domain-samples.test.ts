import { expect, test } from 'vitest';
import { hostStats, SampleWorld, smallDevices, vmStats } from './support.ts';

const seen = (world: SampleWorld) => world.samples.view().domains.map(({ vm, host, state }) => [vm, host, state]);

test('the last sample of each VM is kept', async () => {
  await using world = await SampleWorld.start();
  await world.vms('h1', { vm: 'a' }, { vm: 'b', state: 'paused' });
  await world.vms('h1', { vm: 'a', state: 'stopped' });
  expect(seen(world)).toEqual([
    ['a', 'h1', 'stopped'],
    ['b', 'h1', 'paused'],
  ]);
});

test('a message speaks only for the VMs it names; a VM that none named for a minute is dropped', async () => {
  await using world = await SampleWorld.start();
  await world.vms('h1', { vm: 'a' }, { vm: 'b' });
  for (let at = 0; at < 4; at++) {
    await world.clock.advance(15_000);
    await world.vms('h1', { vm: 'a' });
  }
  expect(seen(world).map(([vm]) => vm)).toEqual(['a', 'b']);
  await world.clock.advance(1);
  expect(seen(world).map(([vm]) => vm)).toEqual(['a']);
});

test('what is outdated is dropped although nobody scrapes', async () => {
  await using world = await SampleWorld.start();
  await world.vms('h1', { vm: 'a' }, { vm: 'b' });
  await world.clock.advance(61_000);
  await world.vms('h2', { vm: 'c' });
  expect(world.samples.vms).toBe(1);
});

test('M1, M6: a VM that moved is its new host’s at once; what its old host still says of it does not take it back', async () => {
  await using world = await SampleWorld.start();
  await world.vms('h1', { vm: 'a', devices: smallDevices });
  await world.vms('h1', { vm: 'a', state: 'migrating_out' });
  await world.vms('h2', { vm: 'a', state: 'migrating_in' });
  expect(seen(world)).toEqual([['a', 'h1', 'migrating_out']]);
  await world.vms('h2', { vm: 'a' });
  expect(seen(world)).toEqual([['a', 'h2', 'running']]);
  expect(world.samples.view().domains[0]?.devices).toBeUndefined(); // its counters begin anew there
  for (const state of ['stopped', 'migrated_away', 'absent', 'migrating_out'] as const) {
    await world.vms('h1', { vm: 'a', state });
    expect(seen(world)).toEqual([['a', 'h2', 'running']]);
  }
});

test('M7: a VM that died with its host is shown where it was started again, and there stopped', async () => {
  await using world = await SampleWorld.start();
  await world.vms('h1', { vm: 'a', state: 'running' });
  await world.vms('h2', { vm: 'a', state: 'running' });
  expect(seen(world)).toEqual([['a', 'h2', 'running']]);
  await world.vms('h2', { vm: 'a', state: 'stopped' });
  expect(seen(world)).toEqual([['a', 'h2', 'stopped']]);
});

test('a stopped VM elsewhere is shown once the host that ran it is silent about it', async () => {
  await using world = await SampleWorld.start();
  await world.vms('h1', { vm: 'a' });
  await world.clock.advance(60_001);
  await world.vms('h2', { vm: 'a', state: 'stopped' });
  expect(seen(world)).toEqual([['a', 'h2', 'stopped']]);
});

test('a VM that its host says has left is dropped', async () => {
  await using world = await SampleWorld.start();
  await world.vms('h1', { vm: 'a' });
  await world.vms('h1', { vm: 'a', state: 'migrated_away' });
  expect(seen(world)).toEqual([]);
});

test('device figures stay between two samplings of them, and no longer than two', async () => {
  await using world = await SampleWorld.start();
  const devices = () => world.samples.view().domains[0]?.devices;
  await world.vms('h1', { vm: 'a', elapsedS: 10, devices: smallDevices });
  for (let s = 15; s <= 660; s += 15) {
    await world.clock.advance(15_000);
    await world.vms('h1', { vm: 'a', elapsedS: 10 + s });
  }
  expect(devices()).toEqual(smallDevices);
  await world.clock.advance(1);
  expect(devices()).toBeUndefined();
});

test('device figures end with the run of the VM they are of', async () => {
  await using world = await SampleWorld.start();
  const devices = () => world.samples.view().domains[0]?.devices;
  await world.vms('h1', { vm: 'a', elapsedS: 100, devices: smallDevices });
  await world.vms('h1', { vm: 'a', elapsedS: 3 }); // started anew between two samples
  expect(devices()).toBeUndefined();
  await world.vms('h1', { vm: 'a', elapsedS: 18, devices: smallDevices });
  await world.vms('h1', { vm: 'a', state: 'stopped' });
  await world.vms('h1', { vm: 'a', elapsedS: 1 });
  expect(devices()).toBeUndefined();
});

test('devices that cannot be asked twice keep their last figures and are said to have timed out, until they answer', async () => {
  await using world = await SampleWorld.start();
  const timedOut = () => world.lines('libvirt_domain_timed_out').map((line) => line.slice(-1));
  await world.vms('h1', { vm: 'a', elapsedS: 1, devices: smallDevices });
  expect(timedOut()).toEqual(['0']);
  await world.vms('h1', { vm: 'a', elapsedS: 2, devices: null }, { vm: 'b', devices: smallDevices });
  await world.vms('h1', { vm: 'a', elapsedS: 3 });
  expect(timedOut()).toEqual(['0', '0']); // a job of libvirt's own may have been in the way
  await world.vms('h1', { vm: 'a', elapsedS: 3, devices: null }, { vm: 'b', devices: smallDevices });
  await world.vms('h1', { vm: 'a', elapsedS: 3 });
  expect(timedOut()).toEqual(['1', '0']);
  expect(world.samples.view().domains[0]?.devices).toEqual(smallDevices);
  await world.vms('h1', { vm: 'a', elapsedS: 4, devices: smallDevices });
  expect(timedOut()).toEqual(['0', '0']);
  await world.vms('h1', { vm: 'a', state: 'not_responding' }, { vm: 'b', state: 'stopped' });
  expect(timedOut()).toEqual(['1']);
});

test('a host is up while anything is heard of it, then down with its last figures gone, then forgotten', async () => {
  await using world = await SampleWorld.start();
  const hosts = () => world.samples.view().hosts.map(({ host, up, sample }) => [host, up, sample?.cpuCount]);
  await world.host('h1');
  await world.vms('h2', { vm: 'a' });
  expect(hosts()).toEqual([
    ['h1', true, 8],
    ['h2', true, undefined],
  ]);
  await world.clock.advance(60_001);
  expect(hosts().map(([, up, cpus]) => [up, cpus])).toEqual([
    [false, undefined],
    [false, undefined],
  ]);
  await world.host('h2');
  expect(hosts()[1]).toEqual(['h2', true, 8]);
  await world.clock.advance(24 * 3_600_000 + 1);
  await world.host('h2');
  expect(hosts().map(([host]) => host)).toEqual(['h2']);
});

test('D1: what is no sample is counted and changes nothing', async () => {
  await using world = await SampleWorld.start();
  const good = vmStats('h1', [{ vm: 'a' }]);
  const torn = JSON.parse(good.toString());
  torn.data.columns.name.push('one too many');
  const documents = ['', '{}', '[1]', JSON.stringify(torn)].map((text) => Buffer.from(text));
  for (const document of documents) world.samples.take('vedette.v1.stats.vm.h1', document);
  world.samples.take('vedette.v1.stats.vm.h2', good); // speaks for another host than it was sent for
  world.samples.take('vedette.v1.stats.vm.h1', hostStats('h1'));
  expect(world.samples.counters).toMatchObject({ messages: 6, messagesRefused: 6 });
  expect(world.samples.view()).toMatchObject({ domains: [], hosts: [] });
});

test('at its bound further VMs and hosts are left out and counted; known ones go on', async () => {
  await using world = await SampleWorld.start({ maxVms: 2, maxHosts: 1 });
  await world.vms('h1', { vm: 'a' }, { vm: 'b' }, { vm: 'c' });
  await world.vms('h2', { vm: 'd' });
  await world.vms('h1', { vm: 'b', state: 'paused' });
  expect(seen(world)).toEqual([
    ['a', 'h1', 'running'],
    ['b', 'h1', 'paused'],
  ]);
  expect(world.samples.counters).toMatchObject({ vmsLeftOut: 1, hostsLeftOut: 1 });
});

test('stopped, nothing more is taken in', async () => {
  await using world = await SampleWorld.start();
  await world.samples.stop();
  await world.vms('h1', { vm: 'a' });
  expect(world.samples.vms).toBe(0);
});
