import { subjects } from '@vedette/model';
import { describe, expect, it } from 'vitest';
import { World } from './world.ts';

const minute = 60_000;

describe('faults of our own', () => {
  it('F2: the bus away for long while VMs change: nothing is blamed on hosts, the net change is told on return', async () => {
    await using world = await World.begin({ vmsPerHost: 3 });
    const [flapping, stopped] = [world.vm(0, 0), world.vm(0, 1)];
    world.forget();
    world.broker.disconnect('monitor');
    for (let turn = 0; turn < 60; turn++) {
      world.setState(0, flapping, turn % 2 === 0 ? 'paused' : 'running');
      if (turn === 30) world.setState(0, stopped, 'stopped');
      await world.pass(1_000);
    }
    world.broker.reconnect('monitor');
    await world.pass(minute);
    expect(world.told('HostStateChanged')).toEqual([]);
    expect(world.transitions(stopped)).toEqual(['running>stopped']);
    expect(await world.state(stopped)).toBe('stopped');
    expect(await world.state(flapping)).toBe('running');
    const told = world.told('VMStateChanged', flapping);
    expect(told.length).toBeLessThanOrEqual(3);
    for (const { data } of told) expect(data.passed.length).toBeLessThanOrEqual(16);
  });

  it('F6: a monitor that was replaced and goes on has its events refused, is told so, and one of them stays', async () => {
    await using world = await World.begin();
    const vm = world.vm(0, 0);
    const former = await world.replaceMonitor();
    await world.pass(10_000);
    world.forget();
    world.setState(0, vm, 'paused');
    await world.pass(minute);
    expect(await world.state(vm)).toBe('paused');
    expect(world.truths(vm)).toEqual([`state:paused@${world.host(0)}`]);
    const stopping = former.stop({ deadlineMs: world.nowMs + 5_000, signal: new AbortController().signal });
    await world.pass(10_000);
    await stopping;
  });

  it('F6: what a superseded run had under way means nothing to the next one', async () => {
    // Polls take most of the interval: nearly always one is under way when its run ends.
    await using world = await World.begin({ latencyMs: 2_500 });
    const vm = world.vm(0, 0);
    await world.pass(10_000);
    for (let turn = 0; turn < 10; turn++) {
      await world.store.openObserver(world.host(0));
      world.setState(0, vm, turn % 2 === 0 ? 'paused' : 'running');
      await world.pass(3_300);
    }
    world.setState(0, vm, 'stopped');
    await world.pass(minute);
    expect(world.monitor.actorCounters().get('host')?.restarts).toBeGreaterThan(5);
    // The abort of a former run's poll is no failure of the host.
    expect(world.monitor.counters.pollFailures).toBe(0);
    expect(await world.state(vm)).toBe('stopped');
  });

  it('a snapshot asked for before the first listing of a host does not tell an empty one', async () => {
    await using world = await World.begin({ watch: [] });
    const asker = world.broker.connect({ name: 'asker' });
    const host = { id: world.host(0), realm: world.realmOf(world.host(0)), url: `sim://${world.host(0)}` };
    await world.store.registerHosts([{ ...host, name: host.id }]);
    world.script({ kind: 'fault', atMs: 0, untilMs: world.nowMs + 20_000, host: host.id, fault: { kind: 'refuse' } });
    await world.monitor.addHost(host);
    await world.pass(1_000);
    await asker.call(subjects.observer(host.id, 'snapshot'), Buffer.from('{}'), { timeoutMs: 1_000 });
    await world.pass(2 * minute);
    expect(world.told('HostSnapshot').map(({ data }) => data.columns.vm.length)).toEqual([2]);
    expect(world.told('VMStateChanged')).toEqual([]);
  });

  it('F7: a subscriber that never reads delays nobody', async () => {
    await using world = await World.begin({ vmsPerHost: 10 });
    const lazy = world.broker.connect({ name: 'lazy' });
    const consumer = await lazy.consume({ group: 'lazy', patterns: ['vedette.v1.>'], maxInFlight: 1 });
    const first = consumer.next(1); // takes one and never acknowledges it
    for (let turn = 0; turn < 50; turn++) {
      world.setState(0, world.vm(0, turn % 10), turn % 20 < 10 ? 'running' : 'paused');
      await world.pass(500);
    }
    await world.pass(5_000);
    for (let seat = 0; seat < 10; seat++) expect(await world.state(world.vm(0, seat))).toBe('running');
    expect(await first).toHaveLength(1);
    await lazy.close();
  });

  it('F10: the monitor restarted on its store announces nothing that did not change, with a new epoch', async () => {
    await using world = await World.begin({ vmsPerHost: 5 });
    await world.pass(10_000);
    const before = (await world.store.host(world.host(0)))?.epoch ?? 0;
    world.forget();
    await world.restartMonitor();
    await world.pass(minute);
    expect(world.changesTold).toEqual([]);
    expect((await world.store.host(world.host(0)))?.epoch).toBe(before + 1);
  });

  it('F10: after an unclean end the changes of the meantime are told as events, and a snapshot says the rest', async () => {
    await using world = await World.begin({ vmsPerHost: 5 });
    await world.pass(10_000);
    world.broker.disconnect('monitor');
    world.setState(0, world.vm(0, 0), 'stopped');
    await world.pass(5_000);
    world.forget();
    await world.stopMonitor();
    world.broker.reconnect('monitor');
    await world.startMonitor();
    await world.pass(minute);
    expect(world.transitions(world.vm(0, 0))).toEqual(['running>stopped']);
    expect(world.told('VMStateChanged')).toHaveLength(1);
    expect(world.told('HostSnapshot').map(({ data }) => data.host)).toContain(world.host(0));
    expect(world.truths(world.vm(0, 0))[0]).toBe(`stopped:stopped@${world.host(0)}`);
  });

  it('F12: a publish in doubt, then the VM changes again: both arrive as they were, in order', async () => {
    await using world = await World.begin();
    const vm = world.vm(0, 0);
    world.forget();
    let doubts = 2;
    world.broker.faults.publish = (message) =>
      message.subject === subjects.vmState(world.host(0), vm) && doubts-- > 0 ? 'in_doubt_stored' : 'ok';
    world.setState(0, vm, 'paused');
    await world.pass(20);
    world.setState(0, vm, 'stopped');
    await world.pass(10_000);
    expect(new Set(world.told('VMStateChanged', vm).map((event) => event.id)).size).toBe(2);
    expect(world.transitions(vm).at(0)).toBe('running>paused');
    expect(world.transitions(vm).at(-1)).toBe('paused>stopped');
    expect(await world.state(vm)).toBe('stopped');
  });

  it('I3: an event refused for good is told by a snapshot instead', async () => {
    await using world = await World.begin();
    const vm = world.vm(0, 0);
    world.forget();
    world.broker.faults.publish = (message) =>
      message.subject === subjects.vmState(world.host(0), vm) ? 'refused' : 'ok';
    world.setState(0, vm, 'paused');
    await world.pass(10_000);
    expect(world.told('HostSnapshot')).toHaveLength(1);
    expect(await world.state(vm)).toBe('paused');
  });

  it('F8: the wall clock jumps an hour either way: no host changes, no event is lost', async () => {
    await using world = await World.begin();
    const vm = world.vm(0, 0);
    world.forget();
    world.clock.jumpWall(3_600_000);
    await world.pass(minute);
    world.clock.jumpWall(-7_200_000);
    await world.pass(minute);
    expect(world.changesTold).toEqual([]);
    world.setState(0, vm, 'paused');
    await world.pass(5_000);
    expect(world.transitions(vm)).toEqual(['running>paused']);
  });

  it('F2, I2: a broker that is away for all of us says nothing of any host; silence after it does', async () => {
    await using world = await World.begin();
    await world.pass(10_000);
    world.forget();
    for (const name of ['monitor', 'updater']) world.broker.disconnect(name);
    await world.pass(minute);
    for (const name of ['monitor', 'updater']) world.broker.reconnect(name);
    await world.pass(minute);
    expect(world.told('HostChanged')).toEqual([]);
    for (const name of ['monitor', 'updater']) world.broker.disconnect(name);
    await world.pass(minute);
    world.broker.reconnect('updater');
    await world.pass(minute);
    expect(world.told('HostChanged').map(({ data }) => data.state)).toEqual(['unwatched', 'unwatched']);
  });

  it('I12: a monitor that ends without a word leaves its hosts unwatched, once, and back when it returns', async () => {
    await using world = await World.begin();
    await world.pass(10_000);
    world.forget();
    world.broker.disconnect('monitor');
    await world.pass(minute);
    expect(world.told('HostChanged').map(({ data }) => data.state)).toEqual(['unwatched', 'unwatched']);
    expect(await world.state(world.vm(0, 0))).toBe('unknown (running)');
    expect(world.told('VMChanged')).toEqual([]);
    world.broker.reconnect('monitor');
    await world.pass(minute);
    expect(
      world
        .told('HostChanged')
        .map(({ data }) => data.state)
        .slice(2),
    ).toEqual(['up', 'up']);
    expect(await world.state(world.vm(0, 0))).toBe('running');
    expect(world.told('VMChanged')).toEqual([]);
  });
});
