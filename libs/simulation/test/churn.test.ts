import { isActive, isMigrating, type VMState } from '@vedette/model';
import { createFleet, type Fleet, referenceChurn } from '@vedette/simulation';
import { beforeAll, describe, expect, it } from 'vitest';

const MINUTE_MS = 60_000;
const DAY_MINUTES = 24 * 60;

/** What happened on the hosts of a fleet, seen at every one of their changes. */
function count(fleet: Fleet, minutes: number) {
  const counted = { state: 0, reboots: 0, crashes: 0, arrivals: 0, addresses: 0, config: 0, created: 0, removed: 0 };
  for (const id of fleet.hostIds()) {
    const host = fleet.host(id);
    let before = new Map(host.at(0).map((view) => [view.identity.vm, view]));
    for (let tMs = host.nextChangeMs(0); tMs < minutes * MINUTE_MS; tMs = host.nextChangeMs(tMs)) {
      const now = new Map(host.at(tMs).map((view) => [view.identity.vm, view]));
      for (const [vm, view] of now) {
        const held = before.get(vm);
        if (view.state === 'migrating_in' && held === undefined) counted.arrivals++;
        else if (held === undefined) counted.created++;
        if (held === undefined) continue;
        counted.addresses += view.addressVersion - held.addressVersion;
        counted.config += view.configVersion - held.configVersion;
        if (held.state === view.state || isMigrating(held.state) || isMigrating(view.state)) continue;
        counted.state++;
        if (view.state === 'rebooting') counted.reboots++;
        if (view.state === 'failed') counted.crashes++;
      }
      for (const [vm, { state }] of before) if (!now.has(vm) && state === 'stopped') counted.removed++;
      before = now;
    }
  }
  return counted;
}

describe('churn over a long time', () => {
  const vms = 4 * 40;
  const minutes = 3 * DAY_MINUTES;
  // Above the reference, so that some days hold enough of each kind to count.
  const churn = {
    ...referenceChurn,
    stateChangesPerMinute: 0.025,
    migrationsPerMinute: 0.002,
    crashesPerMinute: 0.002,
    rebootsPerMinute: 0.002,
    configChangesPerMinute: 0.001,
    creationsPerMinute: 0,
  };
  let counted: ReturnType<typeof count>;
  beforeAll(() => {
    counted = count(createFleet({ seed: 42, hosts: 4, vmsPerHost: 40, churn }), minutes);
  });

  it.each([
    ['state', churn.stateChangesPerMinute, 0.04],
    ['reboots', churn.rebootsPerMinute, 0.08],
    ['crashes', churn.crashesPerMinute, 0.08],
    ['arrivals', churn.migrationsPerMinute, 0.08],
    ['addresses', churn.addressChangesPerMinute, 0.03],
    ['config', churn.configChangesPerMinute, 0.03],
  ] as const)('%s come at the rate asked for', (what, rate, tolerance) => {
    const ratio = counted[what] / (vms * minutes) / rate;
    expect(ratio, `${counted[what]} counted`).toBeGreaterThan(1 - tolerance);
    expect(ratio, `${counted[what]} counted`).toBeLessThan(1 + tolerance);
  });

  it('creations and removals keep the number of VMs about what it was', () => {
    const fleet = createFleet({ seed: 9, hosts: 4, vmsPerHost: 40, churn: { creationsPerMinute: 0.001 } });
    const { created, removed } = count(fleet, 10 * DAY_MINUTES);
    const perMinute = created / (4 * 40 * 10 * DAY_MINUTES);
    expect(perMinute / 0.001).toBeGreaterThan(0.97);
    expect(perMinute / 0.001).toBeLessThan(1.03);
    expect(Math.abs(created - removed)).toBeLessThan(30);
  });

  it('VMs that stand switched off are the share asked for, and run now and then', () => {
    const fleet = createFleet({
      seed: 9,
      hosts: 25,
      vmsPerHost: 40,
      stoppedShare: 0.3,
      churn: { stateChangesPerMinute: 0.01 },
    });
    const stopped = [...fleet.truth(0).values()].filter(({ state }) => state === 'stopped').length / 1_000;
    expect(stopped).toBeGreaterThan(0.25);
    expect(stopped).toBeLessThan(0.35);
    const { vm, host } = [...fleet.truth(0).values()].find(({ state }) => state === 'stopped') ?? { vm: '', host: 0 };
    const week = Array.from({ length: 7 * 24 * 12 }, (_, at) => fleet.host(host).vmAt(vm, at * 5 * MINUTE_MS)?.state);
    expect(week.filter((state) => state === 'running').length).toBeGreaterThan(10);
    expect(week.filter((state) => state === 'stopped').length).toBeGreaterThan(week.length / 2);
  });
});

describe('a live migration', () => {
  const fleet = createFleet({ seed: 4, hosts: 2, vmsPerHost: 10, churn: { migrationsPerMinute: 0.2 } });

  /** The VM's states on both hosts at every change of either, without repetition. */
  function course(vm: string, untilMs: number): ReadonlyArray<readonly [VMState | undefined, VMState | undefined]> {
    const pairs: Array<readonly [VMState | undefined, VMState | undefined]> = [];
    for (let tMs = 0; tMs < untilMs; tMs = Math.min(fleet.host(0).nextChangeMs(tMs), fleet.host(1).nextChangeMs(tMs))) {
      const pair = [fleet.host(0).vmAt(vm, tMs)?.state, fleet.host(1).vmAt(vm, tMs)?.state] as const;
      const last = pairs.at(-1);
      if (last === undefined || last[0] !== pair[0] || last[1] !== pair[1]) pairs.push(pair);
    }
    return pairs;
  }

  it('leads to the other host and back, never runs on both, and is never lost', () => {
    const pairs = course(fleet.vmId(0, 0), 4 * 3_600_000);
    expect(pairs.length).toBeGreaterThan(20);
    const shown = new Set(pairs.map(String));
    expect([...shown]).toEqual(
      expect.arrayContaining([
        'running,',
        'migrating_out,migrating_in',
        'migrated_away,running',
        ',running',
        'migrating_in,migrating_out',
      ]),
    );
    for (const [home, away] of pairs) {
      const there = [home, away].filter((state) => state !== undefined && isActive(state));
      expect(there.length, `${home} here, ${away} there`).toBeGreaterThan(0);
      expect(there.every((state) => state === 'running') && there.length === 2).toBe(false);
    }
  });

  it('is told in every order: the source before the destination and after it, at the beginning and at the end', () => {
    const orders = new Set([0, 1, 2].flatMap((seat) => course(fleet.vmId(0, seat), 2 * 3_600_000)).map(String));
    // Late destination at the beginning, late source at the end, and their opposites.
    for (const order of [
      'migrating_out,',
      'running,migrating_in',
      'migrating_out,running',
      'migrated_away,migrating_in',
    ]) {
      expect(orders).toContain(order);
    }
  });

  it('changes neither the addresses nor the running time', () => {
    const vm = fleet.vmId(0, 0);
    const views = course(vm, 3_600_000).length;
    expect(views).toBeGreaterThan(5);
    const starts = new Set<number | undefined>();
    for (let tMs = 0; tMs < 3_600_000; tMs += 7_000) {
      for (const host of [0, 1]) {
        const view = fleet.host(host).vmAt(vm, tMs);
        if (view?.state === 'running') starts.add(view.startedAtMs);
      }
    }
    expect(starts.size).toBe(1);
    const addresses = [0, 1_800_000].map((tMs) => JSON.stringify(fleet.truth(tMs).get(vm)?.addresses));
    expect(new Set(addresses.filter((text) => text !== undefined)).size).toBe(1);
  });
});
