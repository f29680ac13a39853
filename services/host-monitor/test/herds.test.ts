import { describe, expect, it, vi } from 'vitest';
import { mostAtOnce, mostWithin } from './support/beating-driver.ts';
import { WatchedFleet, type WatchedFleetOptions } from './support/watched-fleet.ts';

// A simulated minute of hundreds of hosts is thousands of instants: seconds on a busy machine.
vi.setConfig({ testTimeout: 120_000 });

/** Many hosts, whose agents do everything in the same instant: the worst case. */
const hosts = 300;
const intervalMs = 3_000;
const perTenth = (hosts / intervalMs) * 100;
/** The most polls in any 100 ms, as a multiple of the average of ordinary polls: what docs/limits.md promises. */
const mostMultiple = 6;
const places = 20;

function crowd(options: WatchedFleetOptions = {}): Promise<WatchedFleet> {
  const monitor = { statsIntervalMs: 0, wholeListings: places, ...options.monitor };
  return WatchedFleet.begin({ hosts, vmsPerHost: 1, inStep: true, latencyMs: 8, ...options, monitor });
}

/** All of them have been listed, and polls have stretched. */
async function atRest(watched: WatchedFleet): Promise<void> {
  await watched.pass(40_000);
  expect(watched.stretched).toBe(hosts);
  watched.forget();
}

function expectNoHerd(watched: WatchedFleet): void {
  expect(mostWithin(watched.driver.polls, 100)).toBeLessThanOrEqual(mostMultiple * perTenth);
  expect(mostAtOnce(watched.driver.polls.filter(({ whole }) => whole))).toBeLessThanOrEqual(places);
}

function hostsPolled(watched: WatchedFleet): number {
  return new Set(watched.driver.polls.map(({ host }) => host)).size;
}

describe('the polls of many hosts', () => {
  it('spread evenly by themselves, ordinary and stretched ones', async () => {
    await using watched = await crowd();
    for (const host of watched.hosts) watched.driver.silent.add(host);
    await watched.pass(12_000);
    watched.forget();
    await watched.pass(15_000);
    expect(watched.driver.polls).toHaveLength(5 * hosts);
    expect(mostWithin(watched.driver.polls, 100)).toBeLessThanOrEqual(2 * perTenth);
    watched.driver.silent.clear();
    await watched.pass(40_000);
    watched.forget();
    await watched.pass(30_000);
    expect(watched.driver.polls).toHaveLength(hosts);
    expect(mostWithin(watched.driver.polls, 100)).toBeLessThanOrEqual(0.6 * perTenth);
  });

  it('of a monitor that starts begin at once, no more than its bound at a time', async () => {
    await using watched = await crowd();
    await watched.stopMonitor();
    watched.forget();
    const beganMs = watched.nowMs;
    await watched.startMonitor();
    await watched.pass(0);
    expect(watched.driver.polls).toHaveLength(places);
    expect(watched.monitor.wholeListings).toMatchObject({ underWay: places, waiting: hosts - places });
    await watched.clock.advanceUntil(() => hostsPolled(watched) === hosts, { stepMs: 10 });
    expect(watched.nowMs - beganMs).toBeLessThan(intervalMs);
    await watched.pass(intervalMs);
    expect(mostAtOnce(watched.driver.polls.filter(({ whole }) => whole))).toBeLessThanOrEqual(places);
    expect(watched.monitor.wholeListings).toMatchObject({ underWay: 0, waiting: 0 });
  });

  it('of a small fleet all begin at once', async () => {
    await using watched = await crowd({ hosts: places });
    await watched.stopMonitor();
    watched.forget();
    await watched.startMonitor();
    await watched.pass(0);
    expect(watched.driver.polls).toHaveLength(places);
  });

  it('I6: hung hosts hold no place for long: the others are listed within an interval all the same', async () => {
    await using watched = await crowd();
    await watched.stopMonitor();
    const hung = watched.hosts.slice(0, 2 * places);
    for (const host of hung) {
      watched.fleet.script.add({ kind: 'fault', atMs: watched.nowMs, host, fault: { kind: 'hang' } });
    }
    watched.forget();
    await watched.startMonitor();
    await watched.pass(intervalMs);
    expect(hostsPolled(watched)).toBe(hosts);
    for (const host of watched.hosts) {
      if (!hung.includes(host)) expect(watched.proofAgeMs(host), host).toBeLessThanOrEqual(intervalMs);
    }
  });

  it('F1: make no herd when the bus comes back, and every host is polled within two intervals of that', async () => {
    await using watched = await crowd({ overBus: true });
    await atRest(watched);
    watched.broker.disconnect('monitor');
    await watched.pass(120_000);
    watched.forget();
    watched.broker.reconnect('monitor');
    await watched.pass(2 * intervalMs + 1_000); // the monitor looks at its bus every second
    expect(hostsPolled(watched)).toBe(hosts);
    await watched.pass(60_000);
    expectNoHerd(watched);
    expect(watched.stretched).toBe(hosts);
    expect(watched.told('vedette.HostStateChanged.v1')).toEqual([]);
  });

  it('S9: make no herd when all agents restart at once; whole listings keep to their bound', async () => {
    await using watched = await crowd();
    await atRest(watched);
    const atMs = watched.nowMs;
    for (const host of watched.hosts) watched.fleet.script.add({ kind: 'restart', atMs, host });
    await watched.pass(60_000);
    expect(watched.driver.polls.filter(({ whole }) => whole)).toHaveLength(2 * hosts);
    expectNoHerd(watched);
    expect(watched.heard).toEqual([]);
    expect(watched.stretched).toBe(hosts);
  });

  it('make no herd when every checksum differs at once', async () => {
    await using watched = await crowd();
    await atRest(watched);
    const [atMs, untilMs] = [watched.nowMs, watched.nowMs + 30_000];
    for (const host of watched.hosts) {
      watched.fleet.script.add({ kind: 'fault', atMs, untilMs, host, fault: { kind: 'disagree' } });
    }
    await watched.pass(90_000);
    expect(watched.driver.polls.filter(({ whole }) => whole).length).toBeGreaterThanOrEqual(hosts);
    expectNoHerd(watched);
  });

  it('make no herd when all heart-beats stop at once, and when they come back; each host is polled within an interval', async () => {
    await using watched = await crowd();
    await atRest(watched);
    for (const host of watched.hosts) watched.driver.silent.add(host);
    await watched.pass(7_500 + intervalMs);
    expect(hostsPolled(watched)).toBe(hosts);
    await watched.pass(30_000);
    watched.driver.silent.clear();
    await watched.pass(60_000);
    expectNoHerd(watched);
    expect(watched.stretched).toBe(hosts);
  });

  it('make no herd for a mark, which every host answers within an interval', async () => {
    await using watched = await crowd();
    await atRest(watched);
    await watched.castMark(3);
    await watched.pass(intervalMs + 500);
    expect(hostsPolled(watched)).toBe(hosts);
    const echoed = new Set(watched.coverages.flatMap(({ data }) => data.marks.map(({ host }) => host)));
    expect(echoed.size).toBe(hosts);
    expectNoHerd(watched);
  });
});

describe('one hung host among many', () => {
  it.each([true, false])(
    "N7: of 1,000, the others' polls are not one interval late, with heart-beats (%s) or without",
    async (heartBeats) => {
      await using watched = await WatchedFleet.begin({ hosts: 1_000, vmsPerHost: 1, latencyMs: 0, heartBeats });
      const hung = watched.host(7);
      await watched.pass(16_000);
      watched.fleet.script.add({ kind: 'fault', atMs: watched.nowMs, host: hung, fault: { kind: 'hang' } });
      watched.driver.silent.add(hung);
      watched.forget();
      const lastMs = new Map(watched.hosts.map((host) => [host, watched.nowMs]));
      let oldestMs = 0;
      for (let step = 0; step < 60; step++) {
        await watched.pass(500);
        for (const host of watched.hosts) {
          if (host !== hung) oldestMs = Math.max(oldestMs, watched.proofAgeMs(host));
        }
      }
      expect(oldestMs).toBeLessThanOrEqual(intervalMs + 100);
      let longestMs = 0;
      for (const { host, atMs } of watched.driver.polls) {
        if (host !== hung) longestMs = Math.max(longestMs, atMs - (lastMs.get(host) ?? 0));
        lastMs.set(host, atMs);
      }
      lastMs.delete(hung);
      for (const atMs of lastMs.values()) longestMs = Math.max(longestMs, watched.nowMs - atMs);
      expect(longestMs).toBeLessThanOrEqual(heartBeats ? 15_000 : intervalMs);
      expect(watched.told('vedette.MonitorBlind.v1')).toEqual([]);
    },
  );
});
