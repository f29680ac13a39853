import { RealClock } from '@vedette/runtime';
import { natsAvailable } from '@vedette/testbed/nats';
import { expect, type TestContext } from 'vitest';
import type { FleetRun } from '../src/fleet/run.ts';
import type { Workload, WorkloadOutcome } from '../src/workload.ts';

/** Runs a workload as its command would, quietly. */
export function smoke(workload: Workload, ...argv: string[]): Promise<WorkloadOutcome> {
  const context = { clock: new RealClock(), tell: () => undefined, signal: new AbortController().signal };
  return workload.run(argv, context);
}

/** Skips a test that needs a broker where there is none. */
export async function needsNats(ctx: TestContext): Promise<void> {
  const available = await natsAvailable();
  if (!available.ok) ctx.skip(available.reason);
  else if (available.by === 'container') ctx.skip('nats-server is only to be had in a container here');
}

/** A fleet so lively that something happens within seconds. */
export const smallFleet = [
  ...['--hosts', '8', '--vms-per-host', '40', '--minutes', '0.08', '--churn', '60', '--interval', '0.5'],
  ...['--settle', '60'],
];

/** What reports of fleets hold, as far as tests look at it. */
export interface FleetResults {
  readonly run: FleetRun;
  readonly bytesPerVmMinute: number | null;
  readonly monitorLiveBytesPerVm: number | null;
}

/** Every change was told, and the store says in the end what is so. */
export function expectAllTold({ run }: FleetResults): void {
  const { states, fleet } = run.watcher;
  expect(states.changes).toBeGreaterThan(0);
  expect(states.changes).toBe(states.told + states.passed + states.short);
  expect(fleet.events).toBeGreaterThan(0);
  expect(run.audit).toMatchObject({ wrongCount: 0 });
  expect(run.audit.trueVms).toBe(run.audit.storedVms);
}
