import type { BenchTable } from '@vedette/testbed';
import type { ClassicRun } from '../classic/run.ts';
import type { LatencySummary } from '../harness/histogram.ts';
import type { WorkloadOutcome } from '../workload.ts';
import { type FleetFigures, figuresOf } from './figures.ts';
import type { FleetOptionValues } from './options.ts';
import type { FleetRun } from './run.ts';
import { verdictsOf } from './verdicts.ts';

/** @param classic the scheme of 2013 with the same fleet, where it was run */
export function reportFleet(options: FleetOptionValues, run: FleetRun, classic?: ClassicRun): WorkloadOutcome {
  const figures = figuresOf(run);
  return {
    failures: failuresOf(run),
    json: options.json,
    report: {
      figures: options['poll-only'] ? ['P2', 'P3', 'P5', 'P9'] : ['P2', 'P3', 'P4', 'P9'],
      what: `a fleet of ${run.size.hosts} hosts x ${run.size.vmsPerHost} VMs ${options['poll-only'] ? 'polled only' : 'pushed'}, ${options.minutes} min`,
      settings: { ...options, ...run.size, broker: run.broker, agentConnections: run.agentConnections },
      results: { ...figures, run, classic },
      verdicts: verdictsOf(options, run, figures, classic),
      notMeasured: notMeasuredOf(run),
      tables: tablesOf(run, figures),
    },
  };
}

/** What makes the run a failure: something was lost, or told falsely. */
function failuresOf({ watcher, audit }: FleetRun): readonly string[] {
  const { states, fleet } = watcher;
  const [lost] = states.lost;
  const [untrue] = states.untrue;
  const [wrong] = audit.wrong;
  return [
    ...(watcher.dropped > 0
      ? [`the subscriber dropped ${watcher.dropped} messages: this run cannot tell what was lost`]
      : []),
    ...(lost ? [`${watcher.lost} changes were never told, as ${lost.state} of ${lost.vm}`] : []),
    ...(untrue ? [`${watcher.untrue} events told what was not so, as ${untrue.state} of ${untrue.vm}`] : []),
    ...(fleet.missing > 0 ? [`${fleet.missing} VMChanged were lost`] : []),
    ...(wrong
      ? [`${audit.wrongCount} VMs are wrong in the store, as ${wrong.vm}: ${wrong.stored} instead of ${wrong.truth}`]
      : []),
  ];
}

function tablesOf(run: FleetRun, figures: FleetFigures): readonly BenchTable[] {
  return [
    { title: 'processors and memory', rows: costRows(run) },
    { title: 'milliseconds from the change itself', rows: latencyRows(figures) },
    { title: 'what was told', rows: [toldRow(run)] },
    { title: 'the rest', rows: [otherRow(run, figures)] },
  ];
}

function costRows({ cost, loops }: FleetRun): BenchTable['rows'] {
  const rows = cost.processes.map(({ name, share, cpuMs, memory }) => ({
    process: name,
    'of the machine %': 100 * share,
    'of one core %': (100 * cpuMs) / 1_000 / cost.seconds,
    'event loop p99 ms': loops[name]?.loopDelayP99Ms,
    'RSS MiB': memory.rssMiB,
    'peak MiB': memory.peakRssMiB,
  }));
  return [
    ...rows,
    { process: 'together', 'of the machine %': 100 * cost.share },
    { process: 'others', 'of the machine %': 100 * cost.foreignShare },
  ];
}

function latencyRows({ stateLatency, fleetLatency, probe, ages }: FleetFigures): BenchTable['rows'] {
  const row = (what: string, of: LatencySummary) => ({
    ...{ what, count: of.count, p50: of.p50Ms, p90: of.p90Ms, p99: of.p99Ms, 'p99.9': of.p999Ms, max: of.maxMs },
  });
  return [
    row('VMStateChanged', stateLatency),
    row('VMChanged', fleetLatency),
    row('bare probe', probe),
    row('age of knowledge', ages),
  ];
}

function toldRow({
  watcher: { states, fleet, lost, untrue },
  audit,
  settledSeconds,
}: FleetRun): BenchTable['rows'][number] {
  return {
    changes: states.changes,
    told: states.told,
    'told later by name': states.passed,
    'too short': states.short,
    lost,
    untrue,
    twice: states.duplicates,
    VMChanged: fleet.events,
    'VMChanged lost': fleet.missing,
    'VMs wrong at the end': audit.wrongCount,
    'right after s': settledSeconds,
  };
}

function otherRow(run: FleetRun, figures: FleetFigures): BenchTable['rows'][number] {
  return {
    'first contact s': run.firstContactSeconds,
    'polls/s': figures.pollsPerSecond,
    'polls failed': run.counted.pollFailures,
    hints: run.counted.hints,
    'dropped by its bus': run.counted.dropped,
    'events published': run.counted.events,
    'B per VM-minute': figures.bytesPerVmMinute,
    'monitor live B/VM': figures.monitorLiveBytesPerVm,
    'monitor RSS B/VM': figures.monitorRssBytesPerVm,
    'fresh by coverage': run.watcher.freshShare,
  };
}

function notMeasuredOf({ cost, agentBytes }: FleetRun): readonly string[] {
  return [
    'headers of TCP and IP; a network between the processes',
    'addresses, definitions and guests on their way (their end is: the audit of the store)',
    ...(agentBytes === undefined ? ['agents: the monitor reads the simulation in its own process'] : []),
    ...(cost.processes.length === 1 ? ['shares of processors by part: everything is in one process'] : []),
  ];
}
