import type { VMState } from '@vedette/model';
import { createFleet, referenceChurn } from '@vedette/simulation';
import { describe, expect, it } from 'vitest';
import { FleetLedger } from '../src/fleet/fleet-ledger.ts';
import { changesOn, type HostChanges } from '../src/fleet/true-changes.ts';
import { type ToldState, verifyHost } from '../src/fleet/verify.ts';
import { LatencyHistogram } from '../src/harness/histogram.ts';

const options = { fromMs: 1_000, shortMs: 1_000, toleranceMs: 5 };

function truth(...steps: ReadonlyArray<readonly [atMs: number, state: VMState]>): HostChanges {
  return new Map([
    [
      'vm',
      steps.map(([atMs, state], at) => ({ atMs, state, untilMs: steps[at + 1]?.[0] ?? Number.POSITIVE_INFINITY })),
    ],
  ]);
}

function told(seq: number, atMs: number, to: VMState, passed: readonly VMState[] = []): ToldState {
  return { vm: 'vm', to, passed, version: { epoch: 1, seq }, atMs };
}

describe('V1: every change is told', () => {
  const stops = truth([2_000, 'stopping'], [5_000, 'stopped'], [9_000, 'starting'], [12_000, 'running']);

  it('and its delay is from the change itself to the arrival', () => {
    const latency = new LatencyHistogram();
    const events = [
      told(1, 2_010, 'stopping'),
      told(2, 5_010, 'stopped'),
      told(3, 9_010, 'starting'),
      told(4, 12_010, 'running'),
    ];
    const verdict = verifyHost(stops, events, options, latency);
    expect(verdict).toMatchObject({ changes: 4, told: 4, lost: [], untrue: [], duplicates: 0 });
    expect(latency.summary()).toMatchObject({ count: 4, maxMs: 10 });
  });

  it('one that never was is lost, the last one too', () => {
    const verdict = verifyHost(stops, [told(1, 2_010, 'stopping'), told(2, 9_010, 'starting')], options);
    expect(verdict.lost).toEqual([
      { vm: 'vm', state: 'stopped', atMs: 5_000 },
      { vm: 'vm', state: 'running', atMs: 12_000 },
    ]);
    expect(verdict).toMatchObject({ changes: 4, told: 2, untrue: [] });
  });

  it('one told by name in a later event is not', () => {
    const events = [told(1, 5_010, 'stopped', ['stopping']), told(2, 12_500, 'running', ['starting'])];
    expect(verifyHost(stops, events, options)).toMatchObject({ told: 2, passed: 2, lost: [] });
  });

  it('one that was over too soon to be seen is not', () => {
    const brief = truth([2_000, 'paused'], [2_400, 'running'], [6_000, 'paused']);
    const verdict = verifyHost(brief, [told(1, 6_005, 'paused')], options);
    expect(verdict).toMatchObject({ changes: 3, told: 1, short: 1, lost: [{ state: 'running', atMs: 2_400 }] });
  });

  it('one before the window counts no more, but explains what was told of it', () => {
    const verdict = verifyHost(
      truth([900, 'stopped'], [3_000, 'starting']),
      [told(1, 1_200, 'stopped'), told(2, 3_010, 'starting')],
      options,
    );
    expect(verdict).toMatchObject({ changes: 1, told: 1, lost: [], untrue: [] });
  });

  it('a poll that missed a state and its end tells the latest one', () => {
    const latency = new LatencyHistogram();
    const flaps = truth([2_000, 'paused'], [2_500, 'running'], [4_000, 'paused']);
    verifyHost(flaps, [told(1, 4_300, 'paused')], { ...options, shortMs: 6_000 }, latency);
    expect(latency.summary().maxMs).toBe(300);
  });

  it('events that come late and all at once are each of their own change', () => {
    const events = stops.get('vm')?.map(({ state }, at) => told(at + 1, 20_000, state)) ?? [];
    expect(verifyHost(stops, events, options)).toMatchObject({ told: 4, lost: [], untrue: [] });
  });
});

describe('V2: nothing is told that is not so', () => {
  it('a state that never was, and one told before it was, are untrue', () => {
    const verdict = verifyHost(
      truth([5_000, 'stopped']),
      [told(1, 2_000, 'failed'), told(2, 4_900, 'stopped')],
      options,
    );
    expect(verdict.untrue.map(({ state }) => state)).toEqual(['failed', 'stopped']);
    expect(verdict.lost).toHaveLength(1);
  });

  it('clocks may disagree by the tolerance', () => {
    expect(verifyHost(truth([5_000, 'stopped']), [told(1, 4_996, 'stopped')], options)).toMatchObject({
      told: 1,
      untrue: [],
    });
  });

  it('so is an event of a VM to which nothing happened', () => {
    expect(verifyHost(new Map(), [told(1, 2_000, 'failed')], options).untrue).toHaveLength(1);
  });
});

describe('V3: an event that comes twice', () => {
  it('counts once, and is counted as twice', () => {
    const twice = [told(1, 2_010, 'stopped'), told(1, 2_500, 'stopped')];
    expect(verifyHost(truth([2_000, 'stopped']), twice, options)).toMatchObject({ told: 1, duplicates: 1, untrue: [] });
  });
});

describe('what should be told of a simulated host', () => {
  const churn = Object.fromEntries(Object.entries(referenceChurn).map(([what, rate]) => [what, 20 * rate]));
  const fleet = createFleet({ seed: 3, hosts: 2, vmsPerHost: 20, churn });
  const toMs = 400_000;

  it('is every difference that looking at it every 100 ms would find', () => {
    for (let host = 0; host < 2; host++) {
      const changes = changesOn(fleet, host, 0, toMs);
      const state = new Map(
        fleet
          .host(host)
          .at(0)
          .map((view) => [view.identity.vm, view.state as VMState]),
      );
      for (let tMs = 100; tMs <= toMs; tMs += 100) {
        const now = new Map(
          fleet
            .host(host)
            .at(tMs)
            .map((view) => [view.identity.vm, view.state as VMState]),
        );
        for (const vm of new Set([...now.keys(), ...state.keys()])) {
          if (now.get(vm) === state.get(vm)) continue;
          const last = changes.get(vm)?.findLast(({ atMs }) => atMs <= tMs);
          expect(last?.state).toBe(now.get(vm) ?? 'absent');
          expect(last?.atMs).toBeGreaterThan(tMs - 100);
        }
        state.clear();
        for (const [vm, held] of now) state.set(vm, held);
      }
    }
  });

  it('includes VMs that come, go and move', () => {
    const states = new Set<string>();
    for (let host = 0; host < 2; host++) {
      for (const changes of changesOn(fleet, host, 0, toMs).values())
        for (const { state } of changes) states.add(state);
    }
    for (const state of ['absent', 'migrating_in', 'migrated_away', 'stopped', 'running'])
      expect(states).toContain(state);
  });
});

describe('the ledger of VMChanged', () => {
  const change = (vmVersion: number, state: VMState) =>
    ({ vm: 'vm', vmVersion, state, host: 'sim-00000', previous: { state: 'running' } }) as never;

  it('finds versions that were skipped and such that came again, and times changes of state', () => {
    const ledger = new FleetLedger();
    ledger.heard(change(1, 'running'), 500);
    ledger.heard(change(2, 'stopped'), 2_025);
    ledger.heard(change(2, 'stopped'), 2_030);
    ledger.heard(change(5, 'running'), 9_000);
    const judging = ledger.judge(1_000, 10_000);
    judging.host('sim-00000', truth([2_000, 'stopped'], [8_990, 'running']));
    const verdict = judging.verdict();
    expect(verdict).toMatchObject({ events: 4, missing: 2, repeated: 1, unmatched: 0 });
    expect(LatencyHistogram.decode(verdict.latency).summary()).toMatchObject({ count: 2, maxMs: 25 });
  });
});
