import type { LibvirtConnection } from '@vedette/libvirt';
import { phaseOf } from '@vedette/runtime';
import type { RuntimeRow } from '../../host-port.ts';
import { DefinitionReader } from './definition-reader.ts';
import { DiskErrors } from './disk-errors.ts';
import type { DomainEntry } from './domain-entry.ts';
import { DomainTable, type Listed } from './domain-table.ts';
import type { DriverContext } from './driver-context.ts';
import { FailedArrivals } from './failed-arrivals.ts';
import { GuestAgents } from './guest-agents.ts';
import { HostAddresses } from './host-addresses.ts';
import { JobReader } from './job-reader.ts';
import { ManagedSaves } from './managed-saves.ts';
import { MonitorProbe, type MonitorProbeOptions } from './monitor-probe.ts';
import { NeighbourReader } from './neighbours.ts';
import { ProcessFacts } from './process-facts.ts';

export interface ListingOptions {
  /** Between two questions to one guest agent. Default 15,000. */
  readonly agentIntervalMs?: number;
  /** Between two readings of a definition that no event has called stale. Default 1,800,000. */
  readonly definitionIntervalMs?: number;
  readonly monitorProbe?: MonitorProbeOptions;
  /** Whether the libvirtd is this machine's, whose processes and neighbours tell of its guests too. */
  readonly local?: boolean;
  /** What to put before /run and /proc for a libvirtd in namespaces of its own. */
  readonly hostRoot?: string;
}

export interface Call {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** What a listing waits for besides the states; what comes later is in the next one. */
const detailsTimeoutMs = 500;
const cpuTimeoutMs = 10_000;

/**
 * Lists the domains of one host, and has everything else about them read at its pace.
 *
 * L1. A listing asks only what no QEMU can delay: all states in one call; processor time, leases and, of this machine,
 *     processes and neighbours. Shares of a processor come from virDomainGetInfo for each active domain, which asks no QEMU
 *     (the statistics group for it does, since libvirt 8.10) and costs libvirtd 0.05 ms.
 * L2. Beside listings, never waited for: definitions when they may have changed; guest agents every 15 s; a question to
 *     every QEMU every 15 s; jobs every 15 s. Their parts say what bounds them.
 * L3. A state that only a job explains waits for it, {@link detailsTimeoutMs} at most. A VM whose job is not known then
 *     is in no row, as one that could not be read (I2); it is told as soon as the job is known.
 */
export class Listings {
  readonly table: DomainTable;
  readonly definitions: DefinitionReader;
  readonly agents: GuestAgents;
  readonly jobs: JobReader;
  readonly probe: MonitorProbe;
  readonly #context: DriverContext;
  readonly #addresses: HostAddresses;
  readonly #diskErrors: DiskErrors;
  readonly #saves: ManagedSaves;
  readonly #processes: ProcessFacts | undefined;
  readonly #failedArrivals = new FailedArrivals();
  #readingCpu = false;
  #listedOnce = false;

  constructor(context: DriverContext, options: ListingOptions) {
    const { agentIntervalMs = 15_000, definitionIntervalMs = 1_800_000, monitorProbe = {}, local = false } = options;
    const { clock } = context;
    const machine = { clock, ...(options.hostRoot === undefined ? {} : { hostRoot: options.hostRoot }) };
    this.#context = context;
    this.definitions = new DefinitionReader(context, definitionIntervalMs);
    this.agents = new GuestAgents(context, agentIntervalMs);
    this.jobs = new JobReader(context);
    this.probe = new MonitorProbe(context, monitorProbe);
    this.#addresses = new HostAddresses(context, local ? new NeighbourReader(machine) : undefined);
    this.#diskErrors = new DiskErrors(context);
    this.#saves = new ManagedSaves(context);
    this.#processes = local ? new ProcessFacts(machine) : undefined;
    const intervalMs = this.probe.intervalMs;
    this.table = new DomainTable((entry) => {
      const nowMs = clock.now();
      const { uuid } = entry.domain;
      entry.agentDueMs = nowMs + phaseOf(uuid, agentIntervalMs / 5);
      entry.jobDueMs = nowMs + phaseOf(uuid, intervalMs, 1);
      if (local) entry.expectProcess();
    });
  }

  /** The domains of the last listing, and those that events have changed since. */
  entries(): readonly DomainEntry[] {
    return [...this.table.values()];
  }

  /** Reads the state of every domain. @throws what LibvirtConnection.domainStats throws */
  async list(connection: LibvirtConnection, call: Call): Promise<Listed> {
    const askedMs = this.#context.clock.now();
    const stats = await connection.domainStats({ ...call, groups: ['state'] });
    const listed = this.table.take(stats, askedMs, this.#context.clock.now());
    if (!this.#listedOnce) for (const entry of listed.present) this.#failedArrivals.wasThere(entry);
    this.#listedOnce = true;
    return listed;
  }

  /** Adds what can be had soon to what is listed, and begins what is due besides. */
  async complete(present: readonly DomainEntry[]): Promise<void> {
    await this.#within(
      detailsTimeoutMs,
      Promise.all([
        this.definitions.readDue(present),
        this.#addresses.read(present),
        this.jobs.readMoving(present),
        this.probe.first(present),
        this.#saves.read(present),
        this.#readCpu(present),
        this.#readProcesses(present),
      ]),
    );
    this.agents.round(present);
    this.probe.round(present);
    this.jobs.round(present);
    this.#diskErrors.round(present);
  }

  /**
   * Rows as they are now, without those that wait for a job (L3) and what a failed move leaves for a moment. A
   * re-creation is in them once.
   */
  rows(entries: readonly DomainEntry[]): {
    readonly rows: readonly RuntimeRow[];
    readonly withheld: readonly string[];
  } {
    const nowMs = this.#context.clock.now();
    const rows: RuntimeRow[] = [];
    const withheld: string[] = [];
    for (const entry of entries) {
      entry.withheld = entry.awaitsJob;
      if (entry.withheld) {
        withheld.push(entry.domain.uuid);
        continue;
      }
      const row = entry.row(nowMs);
      if (this.#failedArrivals.keepsBack(entry, row, nowMs)) {
        withheld.push(entry.domain.uuid);
        continue;
      }
      this.#failedArrivals.wasTold(entry, row);
      rows.push(row);
      entry.returned = false;
    }
    return { rows, withheld };
  }

  /** L1. Never rejects: without it a row has the shares it had. */
  async #readCpu(present: readonly DomainEntry[]): Promise<void> {
    if (this.#readingCpu) return; // a libvirtd that is slow is not asked the same twice
    this.#readingCpu = true;
    const { clock, session, signal } = this.#context;
    const connection = await session.connection().catch(() => undefined); // lost meanwhile: the next listing tells
    const active = connection === undefined ? [] : present.filter((entry) => entry.isActive);
    await Promise.all(
      active.map(async (entry) => {
        const { domain } = entry;
        const asked = connection?.domainInfo(domain, { timeoutMs: cpuTimeoutMs, signal });
        const info = await asked?.catch(() => undefined);
        if (info !== undefined && entry.domain.id === domain.id) entry.used(info, clock.now());
      }),
    );
    this.#readingCpu = false;
  }

  async #readProcesses(present: readonly DomainEntry[]): Promise<void> {
    if (this.#processes === undefined) return;
    const active = present.filter((entry) => entry.isActive);
    const options = { timeoutMs: detailsTimeoutMs, signal: this.#context.signal };
    const facts = await this.#processes
      .read(
        active.map(({ domain }) => domain),
        options,
      )
      .catch(() => undefined); // the fetcher was closed
    for (const entry of active) {
      const { uuid } = entry.domain;
      if (facts?.has(uuid) === true) entry.runsAs(facts.get(uuid));
      else entry.wasNotLookedAt();
    }
  }

  /** Resolves when `work` has, or after `timeoutMs`; what it did not bring until then comes later. */
  async #within(timeoutMs: number, work: Promise<unknown>): Promise<void> {
    const { clock } = this.#context;
    const patience = new AbortController();
    const waited = clock.sleep(timeoutMs, { signal: patience.signal }).catch(() => undefined);
    await Promise.race([work, waited]);
    patience.abort();
  }
}
