import { type Condition, subjects } from '@vedette/model';
import { describe, expect, it } from 'vitest';
import { World } from './world.ts';

const minute = 60_000;

/** What was told of a VM's conditions since the last `forget`, as `+raised -cleared`. */
function words(world: World, vm: string): string[] {
  return world
    .told('VMConditionChanged', vm)
    .map(({ data }) => [...data.raised.map((one) => `+${one}`), ...data.cleared.map((one) => `-${one}`)].join(' '));
}

function suffer(world: World, vm: string, ...conditions: Condition[]): void {
  world.script({ kind: 'conditions', atMs: world.nowMs, vm, conditions });
}

async function conditionsOf(world: World, vm: string) {
  return (await world.store.vm(vm))?.truth.conditions;
}

describe('conditions', () => {
  it.each([
    ['told by hints', { push: true }],
    ['by polls alone', { push: false, delta: false }],
  ])('S12: each condition is raised once and cleared once, at both levels, %s', async (_, options) => {
    await using world = await World.begin(options);
    const vm = world.vm(0, 0);
    world.forget();
    for (const conditions of [['watchdog'], ['io_error', 'watchdog'], ['io_error', 'memory', 'nic'], []] as const) {
      suffer(world, vm, ...conditions);
      await world.pass(10_000);
      expect(await conditionsOf(world, vm)).toEqual(conditions);
    }
    expect(words(world, vm)).toEqual(['+watchdog', '+io_error', '+memory +nic -watchdog', '-io_error -memory -nic']);
    expect(world.told('VMChanged', vm).map(({ data }) => data.reason)).toEqual(Array(4).fill('conditions'));
    expect(world.transitions(vm)).toEqual([]);
  });

  it('S12: those that a host has at first contact come with its snapshot, and in its snapshots ever after', async () => {
    await using world = await World.begin({ watch: [] });
    const [vm, host] = [world.vm(0, 0), world.host(0)];
    suffer(world, vm, 'nic');
    const added = { id: host, name: host, realm: world.realmOf(host), url: `sim://${host}` };
    await world.store.registerHosts([added]);
    await world.monitor.addHost(added);
    await world.pass(10_000);
    expect(await conditionsOf(world, vm)).toEqual(['nic']);
    expect(world.told('VMConditionChanged')).toEqual([]);
    const [snapshot] = world.told('HostSnapshot');
    expect(snapshot?.data.columns.conditions[snapshot.data.columns.vm.indexOf(vm)]).toEqual(['nic']);
  });

  it('S12, F10: a monitor that starts again announces no condition that did not change, and clears one that did', async () => {
    await using world = await World.begin();
    const [lasting, passing] = [world.vm(0, 0), world.vm(0, 1)];
    suffer(world, lasting, 'io_error');
    suffer(world, passing, 'watchdog');
    await world.pass(10_000);
    await world.stopMonitor();
    world.forget();
    suffer(world, passing);
    await world.startMonitor();
    await world.pass(minute);
    expect(words(world, lasting)).toEqual([]);
    expect(words(world, passing)).toEqual(['-watchdog']);
    expect(world.told('HostSnapshot')).toEqual([]);
  });

  it('S12, I2: conditions that cannot be had stay as they were; those never to be had are asked for once', async () => {
    await using world = await World.begin({ vmsPerHost: 1, hosts: 1 });
    const vm = world.vm(0, 0);
    suffer(world, vm, 'memory');
    await world.pass(10_000);
    world.forget();
    const section = { kind: 'section', vm, section: 'status' } as const;
    world.script({ ...section, atMs: world.nowMs, observed: 'unavailable' });
    suffer(world, vm);
    await world.pass(minute);
    expect(await conditionsOf(world, vm)).toEqual(['memory']);
    world.script({ ...section, atMs: world.nowMs, observed: 'unsupported' });
    await world.pass(2 * minute);
    const asked = world.monitor.counters.sectionFetches;
    await world.pass(10 * minute);
    expect(world.monitor.counters.sectionFetches).toBe(asked);
    expect(words(world, vm)).toEqual([]);
  });

  it('S12: a VM that went away and comes back does not bear what was wrong with it', async () => {
    await using world = await World.begin();
    const [vm, host] = [world.vm(0, 0), world.host(0)];
    suffer(world, vm, 'io_error');
    await world.pass(10_000);
    world.forget();
    world.script({ kind: 'absent', atMs: world.nowMs, host, vm });
    await world.pass(minute);
    expect(words(world, vm)).toEqual(['-io_error']);
    suffer(world, vm);
    world.setState(0, vm, 'running');
    await world.pass(10_000);
    expect(await conditionsOf(world, vm)).toEqual([]);
    expect(words(world, vm)).toHaveLength(1);
  });

  it('S12, F2: while the bus is away conditions become one change, told on return', async () => {
    await using world = await World.begin();
    const [net, none] = [world.vm(0, 0), world.vm(0, 1)];
    world.forget();
    world.broker.disconnect('monitor');
    for (const conditions of [['watchdog'], ['io_error', 'watchdog'], ['io_error']] as const) {
      suffer(world, net, ...conditions);
      suffer(world, none, ...conditions);
      await world.pass(10_000);
    }
    suffer(world, none);
    await world.pass(10_000);
    world.broker.reconnect('monitor');
    await world.pass(minute);
    // The first was on its way already when nothing came through any more.
    expect(words(world, net)).toEqual(['+watchdog', '+io_error -watchdog']);
    expect(words(world, none)).toEqual(['+watchdog', '-watchdog']);
  });
});

describe('sections that cannot be had', () => {
  it('are asked for again after 1, 2, 4 ... polls, at most 20, and at once in another state', async () => {
    await using world = await World.begin({ vmsPerHost: 1, hosts: 1, push: false });
    const vm = world.vm(0, 0);
    await world.pass(10_000);
    world.script({ kind: 'section', atMs: world.nowMs, vm, section: 'guest', observed: 'unavailable' });
    world.setState(0, vm, 'stopped');
    await world.pass(6_000);
    world.setState(0, vm, 'running'); // its addresses are wanted anew, and the guest does not answer
    const fetches = await pollsWithFetch(world, 90);
    expect(gapsOf(fetches)).toEqual([1, 2, 4, 8, 16, 20, 20]);
    world.setState(0, vm, 'paused');
    expect(gapsOf(await pollsWithFetch(world, 10))).toEqual([1, 2, 4]);
    world.script({ kind: 'section', atMs: world.nowMs, vm, section: 'guest', observed: 'ok' });
    world.script({ kind: 'addresses', atMs: world.nowMs, vm, addresses: [] });
    await world.pass(6_000);
    expect((await world.store.vm(vm))?.truth.addresses).toEqual([]);
  });

  it('are asked for at once when the store wants the documents', async () => {
    await using world = await World.begin({ vmsPerHost: 1, hosts: 1, push: false });
    const [vm, host] = [world.vm(0, 0), world.host(0)];
    world.script({ kind: 'section', atMs: world.nowMs, vm, section: 'guest', observed: 'unavailable' });
    world.setState(0, vm, 'stopped');
    await world.pass(6_000);
    world.setState(0, vm, 'running');
    await world.pass(30 * 3_000); // the next question by itself is many polls away
    const asker = world.broker.connect({ name: 'asker' });
    const asked = world.monitor.counters.sectionFetches;
    const request = Buffer.from(JSON.stringify({ vms: [vm] }));
    const called = asker.call(subjects.observer(host, 'documents'), request, { timeoutMs: 1_000 });
    await world.pass(100);
    await called;
    expect(world.monitor.counters.sectionFetches).toBe(asked + 2); // configuration and guest
  });
});

/** The polls, of so many from now on, with which a section was asked for. */
async function pollsWithFetch(world: World, polls: number): Promise<number[]> {
  const { counters } = world.monitor;
  const fetched: number[] = [];
  for (let poll = 1; poll <= polls; poll++) {
    const before = counters.sectionFetches;
    await world.pass(3_000);
    if (counters.sectionFetches > before) fetched.push(poll);
  }
  return fetched;
}

function gapsOf(polls: readonly number[]): number[] {
  return polls.slice(1).map((poll, at) => poll - (polls[at] ?? 0));
}
