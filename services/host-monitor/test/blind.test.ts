import { describe, expect, it } from 'vitest';
import { WatchedFleet } from './support/watched-fleet.ts';

const minute = 60_000;

const blindnesses = (watched: WatchedFleet) =>
  watched.told('vedette.MonitorBlind.v1').map(({ data: { why, hosts, until } }) => ({
    why: why.split(':')[0],
    hosts,
    over: until !== undefined,
  }));

const hostStates = (watched: WatchedFleet) =>
  watched.told('vedette.HostStateChanged.v1').map(({ data }) => `${data.host} ${data.to}`);

describe('a monitor that cannot see', () => {
  it.each([true, false])(
    'N8: cut off from the bus for long (hosts asked over it: %s): one MonitorBlind, no host blamed, no VM event',
    async (overBus) => {
      await using watched = await WatchedFleet.begin({ hosts: 20, overBus });
      await watched.pass(minute);
      watched.forget();
      watched.broker.disconnect('monitor');
      await watched.pass(10 * minute);
      expect(watched.monitor.blind).toMatchObject({ hosts: 20 });
      expect(watched.heard).toEqual([]);
      watched.broker.reconnect('monitor');
      await watched.pass(5 * minute);
      expect(watched.monitor.blind).toBeUndefined();
      expect(watched.heard.map(({ type }) => type)).toEqual(['vedette.MonitorBlind.v1', 'vedette.MonitorBlind.v1']);
      expect(blindnesses(watched)).toEqual([
        { why: 'bus_disconnected', hosts: 20, over: false },
        { why: 'bus_disconnected', hosts: 20, over: true },
      ]);
      const [begun, over] = watched.told('vedette.MonitorBlind.v1').map(({ data }) => data);
      expect(over?.since).toBe(begun?.since);
      const lastedMs = Date.parse(over?.until ?? '') - Date.parse(over?.since ?? '');
      expect(lastedMs / minute).toBeCloseTo(10, 0);
    },
  );

  it('N8: coverage says so as long as it lasts', async () => {
    await using watched = await WatchedFleet.begin({ hosts: 12 });
    await watched.pass(minute);
    for (const host of watched.hosts) watched.driver.cut.add(host);
    await watched.pass(30_000);
    watched.forget();
    await watched.pass(minute);
    for (const { data } of watched.coverages) {
      expect(data.blind?.why).toMatch(/^hosts_failing: /);
      expect(Object.keys(data.exceptions)).toHaveLength(12);
    }
    expect(watched.coverages.length).toBeGreaterThanOrEqual(19);
    watched.driver.cut.clear();
    await watched.pass(minute);
    expect(watched.coverages.at(-1)?.data).toMatchObject({ exceptions: {} });
    expect(watched.coverages.at(-1)?.data.blind).toBeUndefined();
  });

  it('N8: more than half of the hosts fail at once: counts against us, however long; on return nothing is told of them', async () => {
    await using watched = await WatchedFleet.begin({ hosts: 20 });
    await watched.pass(minute);
    watched.forget();
    for (const host of watched.hosts.slice(0, 11)) watched.driver.cut.add(host);
    await watched.pass(10 * minute);
    expect(hostStates(watched)).toEqual([]);
    expect(blindnesses(watched)).toEqual([{ why: 'hosts_failing', hosts: 11, over: false }]);
    watched.driver.cut.clear();
    await watched.pass(2 * minute);
    expect(watched.heard.map(({ type }) => type)).toEqual(['vedette.MonitorBlind.v1', 'vedette.MonitorBlind.v1']);
    expect(blindnesses(watched).at(-1)).toEqual({ why: 'hosts_failing', hosts: 11, over: true });
  });

  it.each([
    ['half of the hosts', 20, 10],
    ['more than half of fewer than ten', 9, 5],
  ])('%s failing at once are judged as ever', async (_, hosts, failing) => {
    await using watched = await WatchedFleet.begin({ hosts });
    await watched.pass(minute);
    watched.forget();
    const dead = watched.hosts.slice(0, failing);
    for (const host of dead) watched.driver.cut.add(host);
    await watched.pass(3 * minute);
    expect(hostStates(watched).toSorted()).toEqual(dead.map((host) => `${host} non_responsive`).toSorted());
    expect(blindnesses(watched)).toEqual([]);
  });

  it('hosts that died one by one make it blind to none of the rest', async () => {
    await using watched = await WatchedFleet.begin({ hosts: 20 });
    for (const host of watched.hosts.slice(0, 8)) watched.driver.cut.add(host);
    await watched.pass(3 * minute);
    for (const host of watched.hosts.slice(8, 13)) watched.driver.cut.add(host);
    await watched.pass(3 * minute);
    expect(hostStates(watched)).toHaveLength(20 + 13); // all up, then 13 of them not
    expect(blindnesses(watched)).toEqual([]);
  });

  it('N8: hosts that really died meanwhile are found afterwards, with a full grace of their own', async () => {
    await using watched = await WatchedFleet.begin({ hosts: 20, overBus: true });
    await watched.pass(minute);
    watched.forget();
    watched.broker.disconnect('monitor');
    await watched.pass(minute);
    const dead = watched.hosts.slice(0, 3);
    for (const host of dead) watched.driver.cut.add(host);
    await watched.pass(9 * minute);
    watched.broker.reconnect('monitor');
    await watched.clock.advanceUntil(() => watched.monitor.blind === undefined, { stepMs: 100 });
    await watched.pass(minute); // the grace is 60 s and half a second a VM
    expect(hostStates(watched)).toEqual([]);
    await watched.pass(minute);
    expect(hostStates(watched).toSorted()).toEqual(dead.map((host) => `${host} non_responsive`));
    expect(watched.told('vedette.VMStateChanged.v1')).toEqual([]);
  });

  it('N8: started anew while nothing can be seen, it announces nothing either', async () => {
    await using watched = await WatchedFleet.begin({ hosts: 12 });
    await watched.pass(minute);
    for (const host of watched.hosts) watched.driver.cut.add(host);
    await watched.stopMonitor();
    watched.forget();
    await watched.startMonitor();
    await watched.pass(5 * minute);
    expect(hostStates(watched)).toEqual([]);
    expect(blindnesses(watched)).toEqual([{ why: 'hosts_failing', hosts: 12, over: false }]);
    watched.driver.cut.clear();
    await watched.pass(2 * minute);
    expect(hostStates(watched)).toEqual([]);
    expect(watched.told('vedette.VMStateChanged.v1')).toEqual([]);
  });

  it('hosts never met before are told of from the first failure on: whoever set them up wants to know', async () => {
    await using watched = await WatchedFleet.begin({ hosts: 12, cutFromTheStart: true });
    await watched.pass(30_000);
    expect(hostStates(watched)).toEqual(watched.hosts.map((host) => `${host} connecting`));
    expect(blindnesses(watched)).toEqual([]);
  });

  it('a bus that comes and goes is one blindness, not many', async () => {
    await using watched = await WatchedFleet.begin({ hosts: 12, overBus: true });
    await watched.pass(minute);
    watched.forget();
    for (let turn = 0; turn < 20; turn++) {
      watched.broker.disconnect('monitor');
      await watched.pass(4_000);
      watched.broker.reconnect('monitor');
      await watched.pass(3_000);
    }
    await watched.pass(minute);
    expect(blindnesses(watched).map(({ over }) => over)).toEqual([false, true]);
    expect(watched.monitor.counters.blindnesses).toBe(1);
    expect(hostStates(watched)).toEqual([]);
  });

  it('I3: a MonitorBlind in doubt is sent again unchanged', async () => {
    await using watched = await WatchedFleet.begin({ hosts: 12 });
    await watched.pass(minute);
    watched.forget();
    const sent: string[] = [];
    let doubts = 3;
    watched.broker.faults.publish = ({ subject, id }) => {
      if (!subject.startsWith('vedette.v1.monitor.blind.')) return 'ok';
      sent.push(id);
      return doubts-- > 0 ? 'in_doubt_lost' : 'ok';
    };
    for (const host of watched.hosts) watched.driver.cut.add(host);
    await watched.pass(3 * minute);
    expect(new Set(sent).size).toBe(1);
    expect(sent).toHaveLength(4);
    expect(blindnesses(watched)).toHaveLength(1);
  });
});

describe('the bus away for long', () => {
  it('F2: what is kept is bounded by the VMs, and the net change of each is told on return', async () => {
    await using watched = await WatchedFleet.begin({ hosts: 20, vmsPerHost: 3 });
    await watched.pass(minute);
    watched.forget();
    watched.broker.disconnect('monitor');
    for (let turn = 0; turn < 200; turn++) {
      for (let host = 0; host < 20; host++) watched.setState(host, 0, turn % 2 === 0 ? 'paused' : 'running');
      if (turn === 100) watched.setState(3, 1, 'stopped');
      await watched.pass(1_000);
    }
    watched.broker.reconnect('monitor');
    await watched.pass(minute);
    const told = watched.told('vedette.VMStateChanged.v1');
    const flapping = told.filter(({ data }) => data.vm !== watched.fleet.vmId(3, 1));
    // For each the change that was in doubt all the time, and what came of all the others.
    expect(flapping.length).toBeLessThanOrEqual(2 * 20);
    for (const { data } of flapping) expect(data.passed.length).toBeLessThanOrEqual(16);
    for (let host = 0; host < 20; host++) {
      const last = flapping.findLast(({ data }) => data.vm === watched.fleet.vmId(host, 0));
      expect(last?.data.to ?? 'running').toBe('running');
    }
    expect(told.filter(({ data }) => data.vm === watched.fleet.vmId(3, 1)).map(({ data }) => data.to)).toEqual([
      'stopped',
    ]);
    expect(hostStates(watched)).toEqual([]);
    expect(blindnesses(watched).map(({ over }) => over)).toEqual([false, true]);
  });

  it('F2: hosts asked over the bus: one listing each says what changed meanwhile', async () => {
    await using watched = await WatchedFleet.begin({ hosts: 20, overBus: true });
    await watched.pass(minute);
    watched.forget();
    watched.broker.disconnect('monitor');
    for (let turn = 0; turn < 100; turn++) {
      for (let host = 0; host < 20; host++) watched.setState(host, 0, turn % 2 === 0 ? 'paused' : 'running');
      await watched.pass(1_000);
    }
    for (let host = 0; host < 20; host++) watched.setState(host, 1, 'stopped');
    await watched.pass(1_000);
    watched.broker.reconnect('monitor');
    await watched.pass(minute);
    const told = watched.told('vedette.VMStateChanged.v1').map(({ data }) => `${data.vm} ${data.to}`);
    const stopped = Array.from({ length: 20 }, (_, host) => `${watched.fleet.vmId(host, 1)} stopped`);
    expect(told.toSorted()).toEqual(stopped.toSorted());
    expect(hostStates(watched)).toEqual([]);
  });
});
