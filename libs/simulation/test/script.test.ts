import {
  abortMigration,
  addressesOf,
  course,
  crash,
  create,
  createFleet,
  type Fleet,
  migrate,
  reboot,
  referenceChurn,
  remove,
  type ScriptEntry,
  sectionOf,
} from '@vedette/simulation';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

function calm(): { fleet: Fleet; h1: string; h2: string; vm: string } {
  const fleet = createFleet({ seed: 31, hosts: 2, vmsPerHost: 2 });
  return { fleet, h1: fleet.host(0).id, h2: fleet.host(1).id, vm: fleet.vmId(0, 0) };
}

/** The VM's state on a host every 500 ms, without repetition; `-` where the host lacks it. */
function states(fleet: Fleet, host: string, vm: string, untilMs = 20_000): readonly string[] {
  const seen: string[] = [];
  for (let tMs = 0; tMs <= untilMs; tMs += 500) {
    const state = fleet.host(host).vmAt(vm, tMs)?.state ?? '-';
    if (seen.at(-1) !== state) seen.push(state);
  }
  return seen;
}

describe('a script', () => {
  it('is part of the pure function: the order of adding does not count, nor what was asked before', () => {
    const vm = 'scripted';
    const entry = fc.record({
      kind: fc.constant('state' as const),
      atMs: fc.integer({ min: 0, max: 1_000 }),
      host: fc.constantFrom('sim-00000', 'sim-00001'),
      vm: fc.constant(vm),
      state: fc.constantFrom('running' as const, 'paused' as const, 'stopped' as const),
    });
    const entries = fc.uniqueArray(entry, { selector: ({ atMs, host }) => `${atMs} ${host}`, maxLength: 8 });
    fc.assert(
      fc.property(entries, fc.integer({ min: 0, max: 1_000 }), (script, tMs) => {
        const one = calm().fleet;
        one.script.add(script);
        const other = calm().fleet;
        for (const each of script.toReversed()) {
          other.script.add(each);
          other.truth(tMs);
        }
        expect(other.truth(tMs)).toEqual(one.truth(tMs));
        for (const host of ['sim-00000', 'sim-00001']) {
          const last = script
            .filter((each) => each.host === host && each.atMs <= tMs)
            .toSorted((a, b) => a.atMs - b.atMs)
            .at(-1);
          expect(one.host(host).vmAt(vm, tMs)?.state).toBe(last?.state);
        }
      }),
    );
  });

  it('overrides what the seed decides until it releases it', () => {
    const fleet = createFleet({
      seed: 1,
      hosts: 1,
      vmsPerHost: 20,
      churn: { ...referenceChurn, stateChangesPerMinute: 0.5 },
    });
    const own = createFleet({
      seed: 1,
      hosts: 1,
      vmsPerHost: 20,
      churn: { ...referenceChurn, stateChangesPerMinute: 0.5 },
    });
    const host = fleet.host(0).id;
    const vm = fleet.vmId(0, 3);
    fleet.script.add(
      { kind: 'state', atMs: 60_000, host, vm, state: 'pm_suspended' },
      { kind: 'release', atMs: 600_000, host, vm },
    );
    for (let tMs = 0; tMs < 1_200_000; tMs += 10_000) {
      const scripted = tMs >= 60_000 && tMs < 600_000;
      const expected = scripted ? 'pm_suspended' : own.host(0).vmAt(vm, tMs)?.state;
      expect(fleet.host(0).vmAt(vm, tMs)?.state).toBe(expected);
    }
  });

  it('S10: gives a state with any raw words', () => {
    const { fleet, h1, vm } = calm();
    fleet.script.add({
      kind: 'state',
      atMs: 5,
      host: h1,
      vm,
      state: 'unknown',
      raw: { state: 'Quiescing', reason: '77' },
    });
    expect(fleet.host(h1).vmAt(vm, 5)).toMatchObject({
      state: 'unknown',
      reason: '77',
      raw: { state: 'Quiescing', reason: '77' },
    });
  });

  it('S2, S3: gives addresses, and sections that cannot be had, and takes them back', () => {
    const { fleet, h1, vm } = calm();
    const own = addressesOf(fleet.host(h1).vmAt(vm, 0) as never);
    const report = { address: '192.0.2.9', mac: '52:54:00:00:00:99', interface: 'eth0', source: 'lease' } as const;
    fleet.script.add(
      { kind: 'addresses', atMs: 10, vm, addresses: [report, { ...report, address: '127.0.0.1' }] },
      { kind: 'section', atMs: 20, vm, section: 'guest', observed: 'unavailable' },
      { kind: 'section', atMs: 30, vm, section: 'guest', observed: 'ok' },
      { kind: 'addresses', atMs: 40, vm, addresses: [] },
      { kind: 'section', atMs: 50, vm, section: 'guest', observed: 'unsupported' },
    );
    const guestAt = (tMs: number) => sectionOf(fleet.host(h1).vmAt(vm, tMs) as never, 'guest');
    expect(own?.length).toBeGreaterThan(0);
    expect(guestAt(10).content?.addresses).toEqual([{ ...report, family: 'ipv4', scope: 'public' }]);
    expect(guestAt(20)).toEqual({ observed: 'unavailable', content: undefined });
    expect(guestAt(30).content?.addresses).toHaveLength(1);
    expect(guestAt(40)).toMatchObject({ observed: 'ok', content: { addresses: [] } });
    expect(guestAt(50).observed).toBe('unsupported');
  });

  it('gives addresses on one host only where it names one', () => {
    const { fleet, h1, h2, vm } = calm();
    fleet.script.add({ kind: 'state', atMs: 0, host: h2, vm, state: 'running' });
    fleet.script.add({ kind: 'addresses', atMs: 0, host: h2, vm, addresses: [] });
    expect(addressesOf(fleet.host(h1).vmAt(vm, 0) as never)).not.toEqual([]);
    expect(addressesOf(fleet.host(h2).vmAt(vm, 0) as never)).toEqual([]);
  });

  it('S12: raises and clears conditions, changes members of documents and names', () => {
    const { fleet, h1, vm } = calm();
    fleet.script.add(
      { kind: 'conditions', atMs: 1, vm, conditions: ['io_error'] },
      { kind: 'conditions', atMs: 2, vm, conditions: [] },
      { kind: 'section', atMs: 1, vm, section: 'config', observed: 'ok', members: { vcpus: 64 } },
      { kind: 'name', atMs: 1, vm, name: 'renamed' },
    );
    const at = (tMs: number) => fleet.host(h1).vmAt(vm, tMs) as never;
    expect(sectionOf(at(1), 'status').content?.conditions).toEqual(['io_error']);
    expect(sectionOf(at(2), 'status').content?.conditions).toEqual([]);
    expect(sectionOf(at(1), 'config').content).toMatchObject({ vcpus: 64, name: 'renamed' });
    expect(sectionOf(at(0), 'config').content?.name).not.toBe('renamed');
  });

  it('creates, reboots, crashes and removes VMs, also such as no seed has', () => {
    const { fleet, h1 } = calm();
    fleet.script.add(create({ atMs: 1_000, host: h1, vm: 'new-vm', name: 'fresh' }));
    fleet.script.add(reboot({ atMs: 5_000, host: h1, vm: 'new-vm' }));
    fleet.script.add(crash({ atMs: 9_000, host: h1, vm: 'new-vm', restartAfterMs: 3_000 }));
    fleet.script.add(remove({ atMs: 16_000, host: h1, vm: 'new-vm' }));
    expect(states(fleet, h1, 'new-vm')).toEqual([
      '-',
      'starting',
      'running',
      'rebooting',
      'running',
      'failed',
      'starting',
      'running',
      '-',
    ]);
    expect(fleet.truth(4_000).get('new-vm')).toMatchObject({ name: 'fresh', host: h1, state: 'running' });
    expect(fleet.truth(17_000).has('new-vm')).toBe(false);
    const starts = [2_000, 6_000, 14_000].map((tMs) => fleet.host(h1).vmAt('new-vm', tMs)?.startedAtMs);
    expect(starts, 'a reboot starts nothing, a crash does').toEqual([1_000, 1_000, 12_000]);
  });

  it('S7: flaps', () => {
    const { fleet, h1, vm } = calm();
    fleet.script.add({
      kind: 'flap',
      atMs: 1_000,
      untilMs: 3_000,
      periodMs: 20,
      host: h1,
      vm,
      states: ['running', 'paused'],
    });
    let changes = 0;
    let last = 'running';
    for (let tMs = 0; tMs < 4_000; tMs = fleet.host(h1).nextChangeMs(tMs)) {
      const state = fleet.host(h1).vmAt(vm, tMs)?.state ?? '-';
      if (state !== last) changes++;
      last = state;
    }
    expect(changes).toBe(100);
    expect(last).toBe('running');
  });

  it('M1, M2: migrations with explicit phases and lags, and one that is aborted', () => {
    const one = calm();
    one.fleet.script.add(
      migrate({
        vm: one.vm,
        from: one.h1,
        to: one.h2,
        atMs: 1_000,
        arrivesAfterMs: 500,
        lingersMs: Number.POSITIVE_INFINITY,
      }),
    );
    expect(states(one.fleet, one.h1, one.vm)).toEqual(['running', 'migrating_out', 'migrated_away']);
    expect(states(one.fleet, one.h2, one.vm)).toEqual(['-', 'migrating_in', 'running']);
    const other = calm();
    other.fleet.script.add(abortMigration({ vm: other.vm, from: other.h1, to: other.h2, atMs: 1_000 }));
    expect(states(other.fleet, other.h1, other.vm)).toEqual(['running', 'migrating_out', 'running']);
    expect(states(other.fleet, other.h2, other.vm)).toEqual(['-', 'migrating_in', '-']);
  });

  it('M4, M5, M6: the truth names where a VM really is, whatever else is said of it', () => {
    const { fleet, h1, h2, vm } = calm();
    const truthAt = (tMs: number) => fleet.truth(tMs).get(vm);
    fleet.script.add(
      course({ host: h1, vm, atMs: 0 }, [
        [10, 'migrating_out'],
        [20, 'stopped'],
        [50, undefined],
      ]),
    );
    fleet.script.add(
      course({ host: h2, vm, atMs: 0 }, [
        [10, 'migrating_in'],
        [15, 'running'],
        [30, 'stopped'],
        [40, undefined],
      ]),
    );
    expect(truthAt(0)).toMatchObject({ host: h1, state: 'running' });
    expect(truthAt(10)).toMatchObject({ host: h1, state: 'migrating_out' });
    expect(truthAt(15)).toMatchObject({ host: h2, state: 'running' });
    expect(truthAt(20)).toMatchObject({ host: h2, state: 'running' });
    expect([...(truthAt(20)?.seen ?? [])]).toEqual([
      [h1, 'stopped'],
      [h2, 'running'],
    ]);
    expect(truthAt(30)?.state).toBe('stopped');
    expect(truthAt(50)).toBeUndefined();
  });

  it.each<ScriptEntry>([
    { kind: 'state', atMs: Number.NaN, host: 'h', vm: 'v', state: 'running' },
    { kind: 'fault', atMs: 10, untilMs: 9, host: 'h', fault: { kind: 'hang' } },
    { kind: 'flap', atMs: 1, untilMs: 2, periodMs: 0, host: 'h', vm: 'v', states: ['running'] },
  ])('refuses %j whole', (entry) => {
    const { fleet, h1, vm } = calm();
    expect(() => fleet.script.add({ kind: 'absent', atMs: 0, host: h1, vm }, entry)).toThrow(RangeError);
    expect(fleet.script.size).toBe(0);
    expect(fleet.host(h1).vmAt(vm, 0)?.state).toBe('running');
  });
});
