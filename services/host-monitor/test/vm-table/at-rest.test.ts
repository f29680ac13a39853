import { describe, expect, it } from 'vitest';
import { WatchedFleet } from '../support/watched-fleet.ts';

const nothing = { vms: 0, awake: 0, usedBlockBytes: 0, sayings: 0, texts: 0, odd: 0 };

describe('the VMs of a monitor', () => {
  it('rest while all is told and nothing changes, and again after a change', async () => {
    await using watched = await WatchedFleet.begin({ hosts: 20 });
    await watched.pass(30_000);
    expect(watched.monitor.known).toMatchObject({ vms: 40, awake: 0, odd: 0 });
    const [host = ''] = watched.hosts;
    const vm = watched.fleet.vmId(0, 0);
    const atMs = watched.nowMs;
    watched.fleet.script.add({ kind: 'state', atMs, host, vm, state: 'paused' });
    const { events } = watched.monitor.counters;
    await watched.pass(500);
    expect(watched.monitor.counters.events).toBeGreaterThan(events);
    await watched.pass(30_000);
    expect(watched.monitor.known).toMatchObject({ vms: 40, awake: 0 });
  });

  it('are forgotten with their host, and with the monitor', async () => {
    await using watched = await WatchedFleet.begin({ hosts: 3 });
    await watched.pass(30_000);
    const [host = ''] = watched.hosts;
    const { monitor } = watched;
    const removed = monitor.removeHost(host);
    await watched.pass(10_000);
    await removed;
    expect(monitor.known).toMatchObject({ vms: 4, awake: 0 });
    await watched.stopMonitor();
    expect(monitor.known).toMatchObject(nothing);
  });
});
