import { describe, expect, it } from 'vitest';
import { fleetOptions } from '../src/fleet/options.ts';
import { reportFleet } from '../src/fleet/report.ts';
import type { FleetRun } from '../src/fleet/run.ts';
import { loads } from '../src/fleet/spec.ts';
import { emptyVerdict } from '../src/fleet/verify.ts';
import { LatencyHistogram } from '../src/harness/histogram.ts';
import { readOptions } from '../src/harness/options.ts';

const pushed = readOptions(fleetOptions, []);
const polled = readOptions(fleetOptions, ['--poll-only']);

function encoded(...latenciesMs: readonly number[]) {
  const histogram = new LatencyHistogram();
  for (const latencyMs of latenciesMs) histogram.record(latencyMs);
  return histogram.encode();
}

const usage = { heapUsedMiB: 10, rssMiB: 100, sockets: 1, received: 0, sent: 0 };
const process = (name: string) => ({ name, cpuMs: 600, share: 0.05, memory: { rssMiB: 50, peakRssMiB: 60 } });

/** A run in which all is well, at load M, but for what is given. */
function runOf(changed: Partial<FleetRun> = {}, watched: Partial<FleetRun['watcher']> = {}): FleetRun {
  const counted = {
    hosts: 2_500,
    proved: 2_500,
    told: 2_500,
    polls: 100,
    pollFailures: 0,
    hints: 9,
    events: 9,
    publishFailures: 0,
    dropped: 0,
  };
  return {
    size: { load: 'M', ...loads.M },
    vms: 100_000,
    broker: 'nats-server 2.10.27',
    agentConnections: 2_500,
    firstContactSeconds: 2,
    cost: { seconds: 60, processes: [process('broker'), process('monitor')], share: 0.1, foreignShare: 0.01 },
    agentBytes: { received: 4_000_000, sent: 6_000_000 },
    monitorBefore: usage,
    monitorAfter: { ...usage, heapUsedMiB: 30, rssMiB: 150 },
    counted,
    ages: encoded(1_000, 2_000),
    loops: {},
    watcher: {
      states: { ...emptyVerdict(), changes: 3, told: 3 },
      lost: 0,
      untrue: 0,
      stateLatency: encoded(2, 3, 4),
      fleet: { events: 3, latency: encoded(5), unmatched: 0, missing: 0, repeated: 0 },
      probeLatency: encoded(1, 1),
      freshShare: 1,
      dropped: 0,
      ...watched,
    },
    audit: { trueVms: 100_000, storedVms: 100_000, wrong: [], wrongCount: 0 },
    settledSeconds: 1,
    ...changed,
  };
}

function reached(run: FleetRun, figure: string, options = pushed) {
  return reportFleet(options, run)
    .report.verdicts.filter((one) => one.figure === figure)
    .map((one) => one.reached);
}

describe('a run of the fleet fails', () => {
  const misfit = { vm: 'vm-7', state: 'stopped' as const, atMs: 5 };

  it('not where everything was told', () => {
    expect(reportFleet(pushed, runOf()).failures).toEqual([]);
  });

  it('when a change was never told, or what was told was not so, naming the first', () => {
    const states = { ...emptyVerdict(), lost: [misfit], untrue: [misfit] };
    expect(reportFleet(pushed, runOf({}, { states, lost: 2_000, untrue: 1 })).failures).toEqual([
      '2000 changes were never told, as stopped of vm-7',
      '1 events told what was not so, as stopped of vm-7',
    ]);
  });

  it('when VMChanged were lost, or the store is wrong in the end', () => {
    const fleet = { ...runOf().watcher.fleet, missing: 2 };
    const audit = {
      ...{ trueVms: 9, storedVms: 9, wrongCount: 1 },
      wrong: [{ vm: 'vm-7', what: 'state', stored: 'running on h1', truth: 'stopped' } as const],
    };
    expect(reportFleet(pushed, runOf({ audit }, { fleet })).failures).toEqual([
      '2 VMChanged were lost',
      '1 VMs are wrong in the store, as vm-7: running on h1 instead of stopped',
    ]);
  });

  it('when the subscriber itself was too slow, for then nobody knows', () => {
    expect(reportFleet(pushed, runOf({}, { dropped: 5 })).failures[0]).toContain('cannot tell what was lost');
  });
});

describe('the verdicts of a run', () => {
  it('P4 is against the bare probe of the same run, and an absolute bound at its load', () => {
    expect(reached(runOf(), 'P4')).toEqual([true, true]);
    expect(reached(runOf({}, { stateLatency: encoded(16) }), 'P4')).toEqual([false, false]);
    expect(reached(runOf({}, { stateLatency: encoded(16), probeLatency: encoded(4) }), 'P4')).toEqual([false, true]);
    expect(
      reached(
        runOf({ size: { load: 'XL', ...loads.XL } }, { stateLatency: encoded(16), probeLatency: encoded(4) }),
        'P4',
      ),
    ).toEqual([true, true]);
  });

  it('P4 has no absolute verdict on a machine busy with other things or by a generator that stood still, and none at another load', () => {
    const noisy = { ...runOf().cost, foreignShare: 0.4 };
    expect(reached(runOf({ cost: noisy }), 'P4')).toEqual([undefined, true]);
    const stalled = {
      saturated: true,
      loopDelayP99Ms: 90,
      loopDelayMaxMs: 99,
      cpuShareOfOneCore: 1,
      reason: 'stood still',
    };
    expect(reached(runOf({ loops: { agents: stalled } }), 'P4')).toEqual([undefined, true]);
    expect(reached(runOf({ loops: { monitor: stalled } }), 'P4')).toEqual([true, true]);
    expect(reached(runOf({ size: { load: undefined, hosts: 7, vmsPerHost: 40 } }), 'P4')).toEqual([
      undefined,
      undefined,
    ]);
  });

  it('P5 is for polled runs at L: the interval and 100 ms', () => {
    const large = { size: { load: 'L', ...loads.L } } as const;
    expect(reached(runOf(large, { stateLatency: encoded(3_090) }), 'P5', polled)).toEqual([true]);
    expect(reached(runOf(large, { stateLatency: encoded(3_200) }), 'P5', polled)).toEqual([false]);
    expect(reached(runOf(), 'P5', polled)).toEqual([undefined]);
  });

  it('P2 is the share of what the classic scheme took in the same run', () => {
    const small = runOf({ size: { load: 'S', ...loads.S }, vms: 10_000 });
    const classic = { bytesPerVmMinute: 5_000 } as NonNullable<Parameters<typeof reportFleet>[2]>;
    const verdict = (options: typeof pushed) =>
      reportFleet(options, small, classic).report.verdicts.find(({ figure }) => figure === 'P2');
    expect(verdict(pushed)).toMatchObject({ measured: '20.0 % (1000 of 5000 B)', reached: false });
    expect(reportFleet(pushed, small).report.verdicts.map(({ figure }) => figure)).not.toContain('P2');
  });

  it('P3 and P9 speak at XL: shares of the machine, growth of the monitor per VM', () => {
    const huge = { size: { load: 'XL', ...loads.XL }, vms: 1_000_000 } as const;
    expect(reached(runOf(huge), 'P3')).toEqual([true]);
    expect(reached(runOf({ ...huge, cost: { ...runOf().cost, share: 0.31 } }), 'P3')).toEqual([false]);
    expect(reached(runOf({ ...huge, cost: { ...runOf().cost, share: 0.31 } }), 'P3', polled)).toEqual([true]);
    expect(reached(runOf(huge), 'P9')).toEqual([true, true]);
    expect(reached(runOf({ ...huge, monitorAfter: { ...usage, heapUsedMiB: 300, rssMiB: 900 } }), 'P9')).toEqual([
      false,
      false,
    ]);
  });

  it('knowledge is fresh when 99 of 100 ages are at most 6 s', () => {
    const ages = (old: number) => encoded(...Array.from({ length: 1_000 }, (_, at) => (at < old ? 7_000 : 3_000)));
    expect(reached(runOf({ ages: ages(10) }), 'fresh')).toEqual([true]);
    expect(reached(runOf({ ages: ages(11) }), 'fresh')).toEqual([false]);
  });
});
