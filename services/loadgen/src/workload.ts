import type { Clock } from '@vedette/runtime';
import type { BenchReport } from '@vedette/testbed';
import type { OptionSpecs } from './harness/options.ts';

export interface WorkloadContext {
  readonly clock: Clock;
  /** Progress, one line at a time. */
  readonly tell: (line: string) => void;
  /** Aborts when the person who runs it has had enough. */
  readonly signal: AbortSignal;
}

export interface WorkloadOutcome {
  readonly report: BenchReport;
  /** Something was lost, or something was told that was not so: the process exits with 1. */
  readonly failures: readonly string[];
  /** The file that the results are wanted in. */
  readonly json: string | undefined;
}

/** One command of the load generator. */
export interface Workload {
  readonly name: string;
  readonly summary: string;
  readonly options: OptionSpecs;
  /** @param argv what follows the workload's name */
  run(argv: readonly string[], context: WorkloadContext): Promise<WorkloadOutcome>;
}
