import { type EncodedHistogram, LatencyHistogram, type LatencySummary } from '../harness/histogram.ts';
import type { FleetRun } from './run.ts';

/** Knowledge is fresh up to this age (docs/performance.md). */
export const FRESH_MS = 6_000;

/** The figures of a run, as a report gives them. */
export interface FleetFigures {
  readonly stateLatency: LatencySummary;
  readonly fleetLatency: LatencySummary;
  readonly probe: LatencySummary;
  readonly ages: LatencySummary;
  readonly freshShare: number | null;
  readonly bytesPerVmMinute: number | null;
  readonly pollsPerSecond: number;
  /** null where the monitor has no process of its own. */
  readonly monitorLiveBytesPerVm: number | null;
  readonly monitorRssBytesPerVm: number | null;
}

export function figuresOf(run: FleetRun): FleetFigures {
  const { cost, vms, agentBytes, monitorBefore: before, monitorAfter: after } = run;
  const vmMinutes = (vms * cost.seconds) / 60;
  const perVm = (MiB: number): number | null => (cost.processes.length === 1 ? null : (MiB * 2 ** 20) / vms);
  return {
    stateLatency: summaryOf(run.watcher.stateLatency),
    fleetLatency: summaryOf(run.watcher.fleet.latency),
    probe: summaryOf(run.watcher.probeLatency),
    ages: summaryOf(run.ages),
    freshShare: LatencyHistogram.decode(run.ages).shareWithin(FRESH_MS),
    bytesPerVmMinute: agentBytes === undefined ? null : (agentBytes.received + agentBytes.sent) / vmMinutes,
    pollsPerSecond: run.counted.polls / cost.seconds,
    monitorLiveBytesPerVm: perVm(after.heapUsedMiB - before.heapUsedMiB),
    monitorRssBytesPerVm: perVm(after.rssMiB - before.rssMiB),
  };
}

function summaryOf(encoded: EncodedHistogram): LatencySummary {
  return LatencyHistogram.decode(encoded).summary();
}
