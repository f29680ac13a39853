import {
  type FetchOptions,
  type GuestDetails,
  type Hint,
  type HostCapabilities,
  type HostDescription,
  type HostFetcher,
  PendingCalls,
  type RuntimeRow,
  type RuntimeStats,
  type Section,
  type SectionName,
  type Sections,
  type StartOutcome,
  type StartRequest,
  type StatusDocument,
} from '@vedette/fetcher';
import type { DeviceSample, HostSample, SectionDocument } from '@vedette/model';
import { type Clock, VedetteError } from '@vedette/runtime';
import { sectionOf } from '../documents.ts';
import type { Fleet } from '../fleet.ts';
import {
  type CallFault,
  type FetcherCall,
  type HintFault,
  type HostFault,
  isCallFault,
  isListingFault,
  type ListingFault,
  type UnfitFault,
} from '../script/faults.ts';
import { recreationsOf } from '../view.ts';
import type { SimulatedAgent } from './agent.ts';
import { devicesOf, hostSampleOf } from './devices.ts';
import { HintWire } from './hint-wire.ts';
import { completeListing, emptyListing, withListingFault } from './listings.ts';

export interface SimulatedFetcherOptions {
  readonly fleet: Fleet;
  readonly clock: Clock;
  readonly capabilities: HostCapabilities;
  /** From the question to the answer; the host is looked at half-way. */
  readonly latencyMs: number;
  /** The fleet's time. */
  readonly nowMs: () => number;
  readonly agent: SimulatedAgent;
  /** The agent of another host, where a fault has that one answer. */
  readonly agentOf: (host: string) => SimulatedAgent;
}

/** The fetcher of one simulated host. Nothing of it is slower than the simulated network says. */
export class SimulatedHostFetcher implements HostFetcher {
  readonly capabilities: HostCapabilities;
  readonly #options: SimulatedFetcherOptions;
  readonly #pending: PendingCalls;
  readonly #wires = new Set<HintWire>();
  /** Polls answered; who of two agents in turn answers. */
  #polls = 0;
  #hostSampled = false;
  /** How often each VM was told to have been defined anew, or had been when this fetcher was opened. */
  readonly #recreationsTold = new Map<string, number>();
  readonly #openedMs: number;

  constructor(options: SimulatedFetcherOptions) {
    this.#options = options;
    this.capabilities = options.capabilities;
    this.#pending = new PendingCalls(options.clock);
    this.#openedMs = options.nowMs();
  }

  runtimeStats(options: Parameters<HostFetcher['runtimeStats']>[0]): Promise<RuntimeStats> {
    return this.#call('runtimeStats', options, (tMs) => this.#listing(tMs, options.since));
  }

  info(vms: readonly string[], options: FetchOptions): Promise<Sections<SectionDocument>> {
    return this.#call('info', options, (tMs) => this.#sections(vms, 'info', tMs));
  }

  config(vms: readonly string[], options: FetchOptions): Promise<Sections<SectionDocument>> {
    return this.#call('config', options, (tMs) => this.#sections(vms, 'config', tMs));
  }

  status(vms: readonly string[], options: FetchOptions): Promise<Sections<StatusDocument>> {
    return this.#call('status', options, (tMs) => this.#sections(vms, 'status', tMs) as Sections<never>);
  }

  guestDetails(vms: readonly string[], options: FetchOptions): Promise<Sections<GuestDetails>> {
    return this.#call('guestDetails', options, (tMs) => this.#sections(vms, 'guest', tMs) as Sections<never>);
  }

  deviceStats(options: FetchOptions): Promise<ReadonlyMap<string, DeviceSample>> {
    return this.#call('deviceStats', options, (tMs) => {
      const samples = new Map<string, DeviceSample>();
      for (const { view } of this.#answering(tMs)?.vms() ?? []) {
        const sample = devicesOf(view, tMs);
        if (sample !== undefined) samples.set(view.identity.vm, sample);
      }
      return samples;
    });
  }

  hostStats(options: FetchOptions): Promise<HostSample> {
    return this.#call('hostStats', options, (tMs) => {
      const { agent, fleet } = this.#options;
      const again = this.#hostSampled;
      this.#hostSampled = true;
      return hostSampleOf(this.#answering(tMs) ?? agent, fleet.options.cpu, tMs, again);
    });
  }

  describe(options: FetchOptions): Promise<HostDescription> {
    return this.#call('describe', options, (tMs) => {
      const agent = this.#answering(tMs);
      const unfit = this.#fault(tMs, (fault): fault is UnfitFault => fault.kind === 'unfit');
      const { hostUuid, boot } =
        agent === undefined
          ? emptyListing(this.#options.agent, 'stranger')
          : { hostUuid: agent.host.hostUuid, boot: agent.boot };
      return {
        hostUuid,
        boot,
        hostname: agent?.host.name ?? 'stranger.example',
        capabilities: { hypervisor: 'simulation', protocol: 1 },
        unfit: unfit?.reason ?? '',
      };
    });
  }

  start(request: StartRequest, options: FetchOptions): Promise<StartOutcome> {
    return this.#call('start', options, (tMs) => {
      if (!this.capabilities.start) throw new VedetteError('VDT_FETCHER_UNSUPPORTED');
      const { agent, clock } = this.#options;
      agent.look(tMs);
      return agent.start(request, clock.wallNow(), tMs);
    });
  }

  async *hints(options: { readonly signal: AbortSignal }): AsyncGenerator<Hint, void, undefined> {
    if (this.#pending.closed) return;
    const { agent, clock, nowMs } = this.#options;
    agent.look(nowMs());
    const faultNow = () => this.#fault(nowMs(), (fault): fault is HintFault => fault.kind === 'hints');
    const wire = new HintWire(clock, faultNow, { boot: agent.boot, stateRev: agent.stateRev });
    this.#wires.add(wire);
    const stop = this.capabilities.push ? agent.listen(wire) : undefined;
    try {
      for await (const hint of wire.channel.hints(options.signal)) {
        yield hint.kind === 'rows' ? { kind: 'rows', rows: this.#withRecreations(hint.rows, agent) } : hint;
      }
    } finally {
      stop?.();
      wire.close();
      this.#wires.delete(wire);
    }
  }

  close(): Promise<void> {
    this.#pending.close();
    for (const wire of this.#wires) wire.close();
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** One question to the host and its answer, with what the script has go wrong. No timer where nothing takes time. */
  async #call<T>(call: FetcherCall, options: FetchOptions, answer: (tMs: number) => T | Promise<T>): Promise<T> {
    this.#pending.signal.throwIfAborted();
    options.signal?.throwIfAborted();
    const { nowMs, latencyMs } = this.#options;
    const askedMs = nowMs();
    const fault = this.#fault(askedMs, isCallFault);
    const met = fault?.only === undefined || fault.only.includes(call) ? fault : undefined;
    if (met === undefined && latencyMs === 0) return answer(askedMs);
    const what = `${call} of ${this.#options.agent.host.id}`;
    return this.#pending.run(what, options, (signal) => this.#travel(met, signal, answer));
  }

  async #travel<T>(
    fault: CallFault | undefined,
    signal: AbortSignal,
    answer: (tMs: number) => T | Promise<T>,
  ): Promise<T> {
    const { clock, nowMs, latencyMs } = this.#options;
    if (latencyMs > 0) await clock.sleep(latencyMs / 2, { signal });
    if (fault?.kind === 'hang') await clock.sleep(Number.MAX_SAFE_INTEGER, { signal });
    if (fault !== undefined && fault.kind !== 'slow') throw failureOf(fault);
    const answered = await answer(nowMs());
    const wayBackMs = latencyMs / 2 + (fault?.delayMs ?? 0);
    if (wayBackMs > 0) await clock.sleep(wayBackMs, { signal });
    return answered;
  }

  #listing(tMs: number, since: { readonly boot: string; readonly rev: number } | undefined): RuntimeStats {
    const { agent } = this.#options;
    agent.look(tMs);
    const fault = this.#fault(tMs, isListingFault);
    this.#polls++;
    if (fault?.kind === 'two-agents' && this.#polls % 2 === 0) return emptyListing(agent, 'second agent');
    const answering = this.#answering(tMs);
    if (answering === undefined) return emptyListing(agent, 'stranger');
    if (fault === undefined) for (const wire of this.#wires) wire.polled(agent.boot, agent.stateRev);
    const delta = since === undefined || !this.capabilities.delta ? undefined : answering.delta(since, tMs);
    const { hostUuid } = answering.host;
    const { boot, rev } = answering;
    const listing: RuntimeStats =
      delta === undefined
        ? completeListing(answering, tMs)
        : { hostUuid, boot, rev, complete: false, ...delta, agrees: true, unreadable: [] };
    const faulty = fault === undefined ? listing : withListingFault(listing, fault);
    return { ...faulty, rows: this.#withRecreations(faulty.rows, answering) };
  }

  /** Says once of each VM that it was defined anew, in the row that reaches the reader first. */
  #withRecreations(rows: readonly RuntimeRow[], agent: SimulatedAgent): readonly RuntimeRow[] {
    if (this.#options.fleet.script.size === 0) return rows;
    return rows.map((row) => {
      const view = agent.recorded(row.vm)?.view;
      const recreations = view === undefined ? 0 : recreationsOf(view);
      if (recreations === 0 || recreations <= this.#recreationsKnown(row.vm, agent)) return row;
      this.#recreationsTold.set(row.vm, recreations);
      return { ...row, recreated: true };
    });
  }

  #recreationsKnown(vm: string, { host }: SimulatedAgent): number {
    const told = this.#recreationsTold.get(vm);
    if (told !== undefined) return told;
    const before = host.vmAt(vm, this.#openedMs);
    return before === undefined ? 0 : recreationsOf(before);
  }

  #sections(vms: readonly string[], section: SectionName, tMs: number): Sections<SectionDocument> {
    const agent = this.#answering(tMs);
    const sections = new Map<string, Section<SectionDocument>>();
    for (const vm of vms) {
      const recorded = agent?.recorded(vm);
      if (recorded === undefined) continue;
      const { observed, content } = sectionOf(recorded.view, section);
      if (content === undefined) sections.set(vm, { observed, hash: '' });
      else sections.set(vm, { observed, hash: recorded.hashes[section] ?? '', content });
    }
    return sections;
  }

  /** Whose answers come: this host's agent, another host's, or a stranger's (undefined). Looked at, as of `tMs`. */
  #answering(tMs: number): SimulatedAgent | undefined {
    const fault = this.#fault(tMs, (held): held is ListingFault => held.kind === 'foreign');
    const { agent, agentOf } = this.#options;
    if (fault?.kind === 'foreign' && fault.as === undefined) return undefined;
    const answering = fault?.kind === 'foreign' && fault.as !== undefined ? agentOf(fault.as) : agent;
    answering.look(tMs);
    return answering;
  }

  #fault<F extends HostFault>(tMs: number, matches: (fault: HostFault) => fault is F): F | undefined {
    const { fleet, agent } = this.#options;
    return fleet.script.size === 0 ? undefined : fleet.script.faultAt(agent.host.id, tMs, matches);
  }
}

const failureCodes = {
  refuse: 'VDT_FETCHER_REFUSED',
  reset: 'VDT_FETCHER_RESET',
  tls: 'VDT_FETCHER_TLS',
  auth: 'VDT_FETCHER_AUTH',
  'half-reply': 'VDT_FETCHER_PARTIAL',
  'not-json': 'VDT_FETCHER_MALFORMED',
  'wrong-schema': 'VDT_FETCHER_MALFORMED',
  oversized: 'VDT_FETCHER_TOO_LARGE',
} as const;

function failureOf(fault: CallFault): VedetteError {
  const { kind } = fault;
  if (kind === 'hang' || kind === 'slow') throw new Error(`${kind} is no failure`);
  const path = kind === 'wrong-schema' ? { path: '/rows/0/status' } : {};
  return new VedetteError(failureCodes[kind], path);
}
