import type { Bus } from '@vedette/bus';
import type { DeviceSample, HostSample, SectionDocument } from '@vedette/model';
import { type Clock, VedetteError } from '@vedette/runtime';
import '../../errors.ts';
import {
  CapabilitiesReply,
  DeviceStatsReply,
  HelloReply,
  HostStatsReply,
  isSpoken,
  protocolVersion,
  type ReplyHead,
  readDocument,
  readSections,
  type SectionContents,
  StartReply,
  sectionVerbs,
} from '../../agent-protocol/index.ts';
import { HintChannel } from '../../hint-channel.ts';
import type {
  FetchOptions,
  GuestDetails,
  Hint,
  HostCapabilities,
  HostDescription,
  HostFetcher,
  HostIdentity,
  RuntimeStats,
  Section,
  SectionName,
  Sections,
  StartOutcome,
  StartRequest,
  StatusDocument,
} from '../../host-port.ts';
import type { HintHub } from './hint-hub.ts';
import { HintLine } from './hint-line.ts';
import { KnownRows } from './known-rows.ts';
import { listHost } from './listing.ts';
import { Questions } from './questions.ts';

export interface AgentFetcherOptions {
  /** The name by which the agent serves. */
  readonly name: string;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly hub: HintHub;
}

/** What an agent of this version can do; what this one says of itself counts once it was asked ({@link AgentFetcher.describe}). */
const presumed: HostCapabilities = { delta: true, push: true, heartBeats: true, start: true, guestAgent: true };

/**
 * One host by its agent, over the bus. Holds no timer and no subscription of its own; of each VM, the revision of its
 * row.
 */
export class AgentFetcher implements HostFetcher {
  readonly #questions: Questions;
  readonly #hub: HintHub;
  readonly #known = new KnownRows();
  readonly #line: HintLine;
  #hints = new HintChannel();
  #readers = 0;
  #unfollow: (() => void) | undefined;
  #capabilities = presumed;

  constructor({ name, bus, clock, hub }: AgentFetcherOptions) {
    this.#questions = new Questions(bus, clock, name);
    this.#hub = hub;
    this.#line = new HintLine(this.#known, (hint) => this.#hints.offer(hint));
  }

  get capabilities(): HostCapabilities {
    return this.#capabilities;
  }

  async runtimeStats(options: Parameters<HostFetcher['runtimeStats']>[0]): Promise<RuntimeStats> {
    try {
      const stats = await listHost(this.#questions, this.#known, options);
      this.#line.answered();
      return stats;
    } catch (error) {
      if (VedetteError.is(error) && codesOfSilence.has(error.code)) this.#line.unanswered();
      throw error;
    }
  }

  info(vms: readonly string[], options: FetchOptions): Promise<Sections<SectionDocument>> {
    return this.#sections('info', vms, options);
  }

  config(vms: readonly string[], options: FetchOptions): Promise<Sections<SectionDocument>> {
    return this.#sections('config', vms, options);
  }

  status(vms: readonly string[], options: FetchOptions): Promise<Sections<StatusDocument>> {
    return this.#sections('status', vms, options);
  }

  guestDetails(vms: readonly string[], options: FetchOptions): Promise<Sections<GuestDetails>> {
    return this.#sections('guest', vms, options);
  }

  async deviceStats(options: FetchOptions): Promise<ReadonlyMap<string, DeviceSample>> {
    const samples = new Map<string, DeviceSample>();
    const left = this.#questions.begin(options);
    await this.#questions.pages('getAllDeviceStats', undefined, left, (payload) => {
      const reply = readDocument(DeviceStatsReply, payload);
      this.#checkListed(reply);
      for (const { vmId, sample } of reply.samples) samples.set(vmId, sample);
      return reply.next;
    });
    return samples;
  }

  async hostStats(options: FetchOptions): Promise<HostSample> {
    const reply = await this.#questions.askFor(HostStatsReply, 'getStats', {}, options);
    this.#checkListed(reply);
    return reply.sample;
  }

  async describe(options: FetchOptions): Promise<HostDescription> {
    const [hello, described] = await Promise.all([
      this.#questions.askFor(HelloReply, 'hello', {}, options),
      this.#questions.askFor(CapabilitiesReply, 'getCapabilities', {}, options),
    ]);
    const { agent, verbs, delta, hints, heartBeatMs, guestAgent } = hello;
    const heartBeats = hints && heartBeatMs > 0;
    this.#capabilities = { delta, push: hints, heartBeats, start: verbs.includes('start'), guestAgent };
    const { hostUuid, boot, hostname, capabilities, unfit } = described;
    return { hostUuid, boot, hostname, capabilities: { ...capabilities, agent }, unfit: unspoken(agent) || unfit };
  }

  async start({ vm, intentId, notAfter }: StartRequest, options: FetchOptions): Promise<StartOutcome> {
    const reply = await this.#questions.askFor(StartReply, 'start', { vmId: vm, intentId, notAfter }, options);
    this.#checkHost(reply);
    return { outcome: reply.outcome, detail: reply.detail };
  }

  hints({ signal }: { readonly signal: AbortSignal }): AsyncIterable<Hint> {
    return { [Symbol.asyncIterator]: () => this.#followHints(signal) };
  }

  close(): Promise<void> {
    this.#questions.close();
    this.#hints.close();
    this.#stopFollowing();
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #followHints(signal: AbortSignal): AsyncIterator<Hint> {
    if (this.#questions.closed) return this.#hints.hints(signal);
    this.#unfollow ??= this.#hub.follow(this.#questions.host, (payload) => this.#line.take(payload));
    this.#readers++;
    return this.#hints.hints(signal, () => {
      if (--this.#readers === 0) this.#stopFollowing();
    });
  }

  /** What nobody has read by then is old news to whoever reads next. */
  #stopFollowing(): void {
    this.#unfollow?.();
    this.#unfollow = undefined;
    if (!this.#questions.closed) this.#hints = new HintChannel();
  }

  /** What came before the deadline counts: a large host must get on, however slow it is (S11). */
  async #sections<S extends SectionName>(
    name: S,
    vms: readonly string[],
    options: FetchOptions,
  ): Promise<Sections<SectionContents[S]>> {
    const sections = new Map<string, Section<SectionContents[S]>>();
    if (this.#questions.closed) throw new VedetteError('VDT_FETCHER_CLOSED');
    const left = this.#questions.begin(options);
    try {
      await this.#questions.parts(sectionVerbs[name], vms, left, (payload) => {
        const part = readSections(name, payload);
        this.#checkListed(part);
        for (const [vm, section] of part.sections) sections.set(vm, section);
        return part.missing;
      });
    } catch (error) {
      if (sections.size === 0 || !VedetteError.is(error, 'VDT_FETCHER_TIMEOUT')) throw error;
    }
    return sections;
  }

  /** What is not of the run that was listed may be another agent's. */
  #checkListed(reply: ReplyHead): void {
    this.#checkHost(reply);
    const { boot } = this.#known;
    if (boot === '' || reply.boot === boot) return;
    throw new VedetteError('VDT_FETCHER_IDENTITY', {
      message: `run ${reply.boot} of an agent of ${this.#questions.host} answers, run ${boot} was listed`,
      action: 'nothing to do if the agent was restarted; otherwise look for a second one on the same name',
    });
  }

  #checkHost({ hostUuid }: HostIdentity): void {
    const known = this.#known.hostUuid;
    if (known === '' || hostUuid === known) return;
    throw new VedetteError('VDT_FETCHER_IDENTITY', { message: `${hostUuid} answers, ${known} was listed` });
  }
}

/** After these the host was not heard; the others say nothing about whether it is there, or that it is. */
const codesOfSilence: ReadonlySet<string> = new Set(['VDT_FETCHER_REFUSED', 'VDT_FETCHER_TIMEOUT']);

function unspoken({ name, version, protocol }: HelloReply['agent']): string {
  if (isSpoken(protocol)) return '';
  return `the agent (${name} ${version}) speaks version ${protocol} of the protocol, this monitor ${protocolVersion} and its neighbours`;
}
