import { VedetteError } from '@vedette/runtime';
import { Accounting, type WindowCost } from '../harness/accounting.ts';
import type { EncodedHistogram } from '../harness/histogram.ts';
import type { GeneratorVerdict } from '../harness/saturation.ts';
import { sharedNowMs } from '../harness/shared-time.ts';
import { Cast } from '../roles/cast.ts';
import type { RoleHandle, RoleUsage } from '../roles/role.ts';
import type { WorkloadContext } from '../workload.ts';
import type { AuditVerdict } from './audit.ts';
import { type FleetCast, startFleetCast } from './cast.ts';
import type { MonitorProgress } from './monitor-role.ts';
import { type FleetOptionValues, type FleetSize, sizeOf } from './options.ts';
import type { WatcherProgress, WatcherVerdict } from './watcher-role.ts';

/** What a run of the fleet found; what it means, report.ts says. */
export interface FleetRun {
  readonly size: FleetSize;
  readonly vms: number;
  readonly broker: string;
  /** Connections of the agents to the bus; 0 where there are no agents. */
  readonly agentConnections: number;
  readonly firstContactSeconds: number;
  readonly cost: WindowCost;
  /** Through the agents' sockets, in the window; undefined where there are none. */
  readonly agentBytes: { readonly received: number; readonly sent: number } | undefined;
  readonly monitorBefore: RoleUsage;
  readonly monitorAfter: RoleUsage;
  /** Counters of the monitor over the window. */
  readonly counted: MonitorProgress;
  readonly ages: EncodedHistogram;
  /** The event loop of each part; empty where all share one. */
  readonly loops: Readonly<Record<string, GeneratorVerdict>>;
  readonly watcher: WatcherVerdict;
  readonly audit: AuditVerdict;
  /** From the freeze of the fleet until the store was right. */
  readonly settledSeconds: number;
}

const FIRST_CONTACT_TIMEOUT_MS = 600_000;
const PROGRESS_EVERY_MS = 5_000;
const VERIFY_TIMEOUT_MS = 600_000;

/** @throws VedetteError when a part cannot be started, or the first contact does not come to an end */
export async function runFleet(options: FleetOptionValues, context: WorkloadContext): Promise<FleetRun> {
  const size = sizeOf(options);
  const { clock, tell } = context;
  await using cast = await Cast.open({
    wires: options.bus === 'memory' ? 'memory' : 'nats',
    clock,
    tell,
    profiles: options.profiles,
  });
  const fleet = await startFleetCast(cast, options, size, tell);
  const run = new Run(options, context, cast, fleet);
  const monitorBefore = await fleet.monitor.ask<RoleUsage>('usage', { collect: true });
  const firstContactSeconds = await run.makeFirstContact();
  await clock.sleep(2_000 * options.interval, { signal: context.signal });
  const window = await run.measure();
  const frozen = await run.freezeAndSettle();
  const monitorAfter = await fleet.monitor.ask<RoleUsage>('usage', { collect: true });
  const fromMs = window.fromSharedMs - fleet.spec.originSharedMs;
  const request = { fromMs, toMs: frozen.atMs, shortMs: shortMsOf(options) };
  const watcher = await fleet.watcher.ask<WatcherVerdict>('verify', request, { timeoutMs: VERIFY_TIMEOUT_MS });
  return {
    ...{ size, vms: size.hosts * size.vmsPerHost, firstContactSeconds, monitorBefore, monitorAfter, watcher },
    ...{
      cost: window.cost,
      agentBytes: window.agentBytes,
      counted: window.counted,
      ages: window.ages,
      loops: window.loops,
    },
    ...{ audit: frozen.audit, settledSeconds: frozen.seconds },
    broker: cast.broker?.version ?? 'memory bus, in this process',
    agentConnections: fleet.agentConnections,
  };
}

/** Polls see what lasts from one to the next, and one may be late; hints leave out what the monitor coalesces. */
function shortMsOf({ 'poll-only': pollOnly, interval }: FleetOptionValues): number {
  return pollOnly ? 2_000 * interval : 1_000;
}

interface MeasuredWindow {
  readonly fromSharedMs: number;
  readonly cost: WindowCost;
  readonly agentBytes: FleetRun['agentBytes'];
  readonly counted: MonitorProgress;
  readonly ages: EncodedHistogram;
  readonly loops: FleetRun['loops'];
}

class Run {
  readonly #options: FleetOptionValues;
  readonly #context: WorkloadContext;
  readonly #cast: Cast;
  readonly #fleet: FleetCast;

  constructor(options: FleetOptionValues, context: WorkloadContext, cast: Cast, fleet: FleetCast) {
    this.#options = options;
    this.#context = context;
    this.#cast = cast;
    this.#fleet = fleet;
  }

  /** Until every host was listed and told whole. */
  async makeFirstContact(): Promise<number> {
    const { clock, tell, signal } = this.#context;
    const { monitor } = this.#fleet;
    const beganMs = clock.now();
    await monitor.ask('watch', undefined, { timeoutMs: FIRST_CONTACT_TIMEOUT_MS });
    for (let toldMs = beganMs; ; ) {
      signal.throwIfAborted();
      const progress = await monitor.ask<MonitorProgress>('progress');
      if (progress.told === progress.hosts) return (clock.now() - beganMs) / 1_000;
      if (clock.now() - toldMs >= PROGRESS_EVERY_MS) {
        toldMs = clock.now();
        tell(`first contact: ${progress.told} of ${progress.hosts} hosts told`);
      }
      if (clock.now() - beganMs > FIRST_CONTACT_TIMEOUT_MS) {
        const message = `after ${FIRST_CONTACT_TIMEOUT_MS / 60_000} min only ${progress.told} of ${progress.hosts} hosts were told`;
        throw new VedetteError('VDT_LOADGEN_ROLE', { message });
      }
      await clock.sleep(100, { signal });
    }
  }

  async measure(): Promise<MeasuredWindow> {
    const { clock } = this.#context;
    const { monitor, watcher } = this.#fleet;
    const accounting = new Accounting(clock, this.#cast.pids);
    await watcher.ask('begin');
    await monitor.ask('beginAges');
    const before = await monitor.ask<MonitorProgress>('progress');
    const bytesBefore = await this.#agentBytes();
    const fromSharedMs = sharedNowMs();
    await Promise.all(this.#parts.map((role) => role.ask('beginLoop')));
    accounting.begin();
    await this.#untilOver(60_000 * this.#options.minutes);
    const cost = accounting.end();
    const loops = await this.#loops();
    const bytesAfter = await this.#agentBytes();
    const after = await monitor.ask<MonitorProgress>('progress');
    const ages = await monitor.ask<EncodedHistogram>('endAges');
    const agentBytes =
      bytesBefore === undefined || bytesAfter === undefined
        ? undefined
        : { received: bytesAfter.received - bytesBefore.received, sent: bytesAfter.sent - bytesBefore.sent };
    return { fromSharedMs, cost, agentBytes, counted: difference(after, before), ages, loops };
  }

  /** The fleet stands still; the store must come to say what is so. */
  async freezeAndSettle(): Promise<{ readonly atMs: number; readonly audit: AuditVerdict; readonly seconds: number }> {
    const { clock, tell, signal } = this.#context;
    const { spec, frozen, updater } = this.#fleet;
    const sharedMs = sharedNowMs();
    await Promise.all(frozen.map((role) => role.ask('freeze', sharedMs)));
    const atMs = sharedMs - spec.originSharedMs;
    const beganMs = clock.now();
    for (;;) {
      await clock.sleep(1_000, { signal });
      const audit = await updater.ask<AuditVerdict>('audit', { atMs }, { timeoutMs: VERIFY_TIMEOUT_MS });
      const seconds = (clock.now() - beganMs) / 1_000;
      if (audit.wrongCount === 0 || seconds > this.#options.settle) return { atMs, audit, seconds };
      tell(`the fleet stands still; ${audit.wrongCount} VMs are not yet right in the store`);
    }
  }

  async #untilOver(ms: number): Promise<void> {
    const { clock, tell, signal } = this.#context;
    const endMs = clock.now() + ms;
    for (let leftMs = ms; leftMs > 1; leftMs = endMs - clock.now()) {
      await clock.sleep(Math.min(leftMs, PROGRESS_EVERY_MS), { signal });
      const { stateEvents, fleetEvents } = await this.#fleet.watcher.ask<WatcherProgress>('progress');
      const { polls, hints, pollFailures } = await this.#fleet.monitor.ask<MonitorProgress>('progress');
      const left = Math.max(0, Math.round((endMs - clock.now()) / 1_000));
      tell(
        `${left} s left: ${polls} polls (${pollFailures} failed), ${hints} hints, ${stateEvents} states, ${fleetEvents} VMChanged`,
      );
    }
  }

  /** Those with an event loop of their own. */
  get #parts(): readonly RoleHandle[] {
    const { updater, watcher, agents, monitor } = this.#fleet;
    return this.#cast.apart ? [updater, watcher, ...agents, monitor] : [];
  }

  async #loops(): Promise<FleetRun['loops']> {
    const asked = this.#parts.map(async (role) => [role.name, await role.ask<GeneratorVerdict>('endLoop')] as const);
    return Object.fromEntries(await Promise.all(asked));
  }

  async #agentBytes(): Promise<FleetRun['agentBytes']> {
    const { agents } = this.#fleet;
    if (agents.length === 0 || !this.#cast.apart) return undefined;
    const usages = await Promise.all(agents.map((role: RoleHandle) => role.ask<RoleUsage>('usage')));
    return {
      received: usages.reduce((sum, { received }) => sum + received, 0),
      sent: usages.reduce((sum, { sent }) => sum + sent, 0),
    };
  }
}

function difference(after: MonitorProgress, before: MonitorProgress): MonitorProgress {
  return {
    ...after,
    polls: after.polls - before.polls,
    pollFailures: after.pollFailures - before.pollFailures,
    hints: after.hints - before.hints,
    events: after.events - before.events,
    publishFailures: after.publishFailures - before.publishFailures,
    dropped: after.dropped - before.dropped,
  };
}
