import { SimulatedClock } from '@vedette/runtime/simulated-clock';
import { describe, expect, it } from 'vitest';
import { defaultMonitorConfig } from '../src/config.ts';
import { type Blindness, type HostInSight, Sight } from '../src/sight.ts';

function sighted(hosts: number) {
  const clock = new SimulatedClock();
  const bus = { connected: true };
  const told: Blindness[] = [];
  const sight = new Sight({ bus, clock, config: defaultMonitorConfig, onChange: (change) => told.push(change) });
  const seen: HostInSight[] = Array.from({ length: hosts }, () => sight.enter());
  for (const host of seen) host.report(true, false);
  /** Time goes on, and it looks every second. */
  const pass = async (ms: number): Promise<void> => {
    for (let atMs = 0; atMs < ms; atMs += 1_000) {
      await clock.advance(1_000);
      sight.look();
    }
  };
  return { sight, bus, seen, told, pass, clock };
}

const fail = (hosts: readonly HostInSight[]): void => {
  for (const host of hosts) host.report(true, true);
};

describe('the sight of a monitor', () => {
  it('V1: is lost with the bus at once, and back when it has stayed for a while', async () => {
    const { sight, bus, told, pass } = sighted(3);
    expect(sight.sightedMs).toBe(Number.NEGATIVE_INFINITY);
    bus.connected = false;
    sight.look();
    expect(sight.blindness).toMatchObject({ hosts: 3, why: expect.stringMatching(/^bus_disconnected: /) });
    expect(sight.sightedMs).toBeUndefined();
    await pass(10_000);
    bus.connected = true;
    await pass(6_000);
    expect(sight.blindness).toBeDefined();
    await pass(1_000);
    expect(sight.blindness).toBeUndefined();
    expect(sight.sightedMs).toBe(17_000);
    expect(told.map(({ until }) => until !== undefined)).toEqual([false, true]);
    expect(told[1]?.since).toBe(told[0]?.since);
  });

  it('V1: is lost when more than half of ten fail for an interval; since the beginning of that', async () => {
    const { sight, seen, told, pass } = sighted(10);
    fail(seen.slice(0, 5));
    await pass(60_000);
    expect(told).toEqual([]);
    fail(seen.slice(0, 6));
    await pass(2_000);
    expect(told).toEqual([]);
    await pass(1_000);
    expect(sight.blindness).toMatchObject({ hosts: 6, why: 'hosts_failing: 6 of 10 hosts in sight fail at once' });
    expect(sight.blindness?.since).toBe('2026-01-01T00:01:00.000Z');
    fail(seen);
    await pass(1_000);
    for (const host of seen) host.report(true, false);
    await pass(7_000);
    expect(told.at(-1)).toMatchObject({ hosts: 10, until: expect.any(String) });
  });

  it('V1: is kept by few hosts, by those out of sight, and by those that left', async () => {
    const { sight, seen, pass } = sighted(30);
    for (const host of seen.slice(0, 15)) host.report(false, true); // called non-responsive one by one
    fail(seen.slice(15, 22));
    await pass(10_000);
    expect(sight.blindness).toBeUndefined();
    fail(seen.slice(15, 23));
    await pass(10_000);
    expect(sight.blindness).toMatchObject({ hosts: 8 });
    for (const host of seen.slice(15, 23)) host.leave();
    await pass(10_000);
    expect(sight.blindness).toBeUndefined();
    fail(seen.slice(23)); // seven hosts in sight: too few to be sure
    for (const host of seen.slice(15, 23)) host.report(true, true); // they left
    await pass(10_000);
    expect(sight.blindness).toBeUndefined();
  });

  it('V2: a cause that comes and goes keeps it blind, in one piece', async () => {
    const { bus, told, pass } = sighted(3);
    for (let turn = 0; turn < 10; turn++) {
      bus.connected = false;
      await pass(2_000);
      bus.connected = true;
      await pass(5_000);
    }
    expect(told).toHaveLength(1);
    await pass(5_000);
    expect(told).toHaveLength(2);
  });
});
