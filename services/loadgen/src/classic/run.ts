import { type FleetSize, sizeOf } from '../fleet/options.ts';
import type { FleetSpec } from '../fleet/spec.ts';
import { Accounting, type WindowCost } from '../harness/accounting.ts';
import type { OptionValues } from '../harness/options.ts';
import { openFilesLimitOf } from '../harness/processes.ts';
import { sharedNowMs } from '../harness/shared-time.ts';
import { Cast } from '../roles/cast.ts';
import type { RoleHandle, RoleUsage } from '../roles/role.ts';
import type { WorkloadContext } from '../workload.ts';
import type { ClassicCounters } from './classic-poller-role.ts';
import type { classicOptions } from './options.ts';

export type ClassicOptionValues = Omit<OptionValues<typeof classicOptions>, 'json'>;

export interface ClassicRun {
  readonly size: FleetSize;
  readonly broker: string;
  readonly connections: number;
  readonly cost: WindowCost;
  /** Through the hosts' sockets in the window, both ways; undefined in one process. */
  readonly bytes: number | undefined;
  readonly bytesPerVmMinute: number | undefined;
  readonly counted: ClassicCounters;
}

const SPARE_FILES = 200;
const PROGRESS_EVERY_MS = 5_000;

/** Runs the scheme of 2013. The first cycle of every host warms up; then whole cycles are measured. */
export async function runClassic(options: ClassicOptionValues, context: WorkloadContext): Promise<ClassicRun> {
  const size = sizeOf(options);
  const { clock, tell, signal } = context;
  await using cast = await Cast.open({
    wires: options.bus === 'memory' ? 'memory' : 'nats',
    clock,
    tell,
    profiles: options.profiles,
  });
  const { seed, churn } = options;
  const spec: FleetSpec = {
    seed,
    churn,
    hosts: size.hosts,
    vmsPerHost: size.vmsPerHost,
    originSharedMs: sharedNowMs(),
  };
  const connections = connectionsOf(options, size, cast);
  const hosts = await cast.start('classic-hosts', { spec, connections });
  const intervalMs = 1_000 * options.interval;
  const poller = await cast.start('classic-poller', { spec, intervalMs });
  await clock.sleep(intervalMs, { signal });
  const cycles = Math.ceil((60_000 * options.minutes) / intervalMs);
  const window = await measure({ cast, hosts, poller }, cycles * intervalMs, context);
  const bytes = cast.apart ? window.bytes : undefined;
  const vmMinutes = (size.hosts * size.vmsPerHost * window.cost.seconds) / 60;
  return {
    ...{ size, connections, bytes, cost: window.cost, counted: window.counted },
    bytesPerVmMinute: bytes === undefined ? undefined : bytes / vmMinutes,
    broker: cast.broker?.version ?? 'memory bus, in this process',
  };
}

interface Parts {
  readonly cast: Cast;
  readonly hosts: RoleHandle;
  readonly poller: RoleHandle;
}

interface MeasuredWindow {
  readonly cost: WindowCost;
  readonly bytes: number;
  readonly counted: ClassicCounters;
}

async function measure(
  { cast, hosts, poller }: Parts,
  windowMs: number,
  context: WorkloadContext,
): Promise<MeasuredWindow> {
  const accounting = new Accounting(context.clock, cast.pids);
  const counters = (): Promise<ClassicCounters> => poller.ask<ClassicCounters>('counters');
  const bytes = async (): Promise<number> => {
    const { received, sent } = await hosts.ask<RoleUsage>('usage');
    return received + sent;
  };
  const [countedBefore, bytesBefore] = [await counters(), await bytes()];
  accounting.begin();
  await untilOver(windowMs, context, counters);
  const cost = accounting.end();
  const [countedAfter, bytesAfter] = [await counters(), await bytes()];
  return { cost, bytes: bytesAfter - bytesBefore, counted: difference(countedAfter, countedBefore) };
}

function connectionsOf({ connections }: ClassicOptionValues, { hosts }: FleetSize, { broker }: Cast): number {
  if (connections !== undefined) return connections;
  if (broker === undefined) return 1;
  return hosts + SPARE_FILES <= openFilesLimitOf(process.pid) ? hosts : 1;
}

async function untilOver(
  ms: number,
  { clock, tell, signal }: WorkloadContext,
  counters: () => Promise<ClassicCounters>,
): Promise<void> {
  const endMs = clock.now() + ms;
  for (let leftMs = ms; leftMs > 1; leftMs = endMs - clock.now()) {
    await clock.sleep(Math.min(leftMs, PROGRESS_EVERY_MS), { signal });
    const { cycles, failedCycles } = await counters();
    tell(`${Math.max(0, Math.round((endMs - clock.now()) / 1_000))} s left: ${cycles} cycles, ${failedCycles} failed`);
  }
}

function difference(after: ClassicCounters, before: ClassicCounters): ClassicCounters {
  return {
    cycles: after.cycles - before.cycles,
    failedCycles: after.failedCycles - before.failedCycles,
    vmsRead: after.vmsRead - before.vmsRead,
    changesSeen: after.changesSeen - before.changesSeen,
  };
}
