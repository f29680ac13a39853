import { type DomainStats, LibvirtSession, type SessionEvent, xmlFlags } from '@vedette/libvirt';
import { isIdentifier, type SectionDocument } from '@vedette/model';
import { type Clock, phaseOf, type Random } from '@vedette/runtime';
import { HintChannel } from '../../hint-channel.ts';
import type {
  FetchOptions,
  GuestDetails,
  Hint,
  HostCapabilities,
  HostDescription,
  HostFetcher,
  HostStats,
  RuntimeStats,
  Section,
  Sections,
} from '../../host-port.ts';
import { PendingCalls } from '../../pending-calls.ts';
import { readDefinition } from './definition.ts';
import { DomainEntry, rebootHoldMs } from './domain-entry.ts';
import { EventReader } from './event-reader.ts';
import { fetcherFault } from './faults.ts';
import { HostFacts, readHostStats } from './host-facts.ts';
import type { LibvirtUrl } from './url.ts';

export interface LibvirtFetcherOptions {
  readonly url: LibvirtUrl;
  readonly clock: Clock;
  readonly random?: Random;
  /** Between two questions to one guest agent. Default 15,000. */
  readonly agentIntervalMs?: number;
  /** Between two readings of a definition that no event has called stale. Default 300,000. */
  readonly definitionIntervalMs?: number;
}

/** What a listing waits for besides the states; what comes later is in the next one. */
const detailsTimeoutMs = 500;
const backgroundTimeoutMs = 10_000;
const rereadTimeoutMs = 2_000;

interface Call {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/**
 * One host by its libvirtd.
 *
 * L1. A listing asks only what no QEMU can delay (states, leases); definitions and guest agents are read beside it,
 *     each under its own deadline, and show in a later listing.
 * L2. Events are hints: the state is read again at each one (facts: kill -9 says `failed`, the state says `crashed`).
 * L3. A definition is read at first sight, after an event that may have changed it, and every few minutes.
 * L4. Guest agents are asked every 15 s, spread by domain, on a connection of their own, at most four at a time.
 */
export class LibvirtFetcher implements HostFetcher {
  readonly capabilities: HostCapabilities;
  readonly #clock: Clock;
  readonly #calls: PendingCalls;
  readonly #session: LibvirtSession;
  readonly #facts = new HostFacts();
  readonly #hints = new HintChannel();
  readonly #entries = new Map<string, DomainEntry>();
  readonly #agentIntervalMs: number;
  readonly #definitionIntervalMs: number;
  readonly #events: EventReader;

  constructor(options: LibvirtFetcherOptions) {
    const { url, clock, random, agentIntervalMs = 15_000, definitionIntervalMs = 300_000 } = options;
    this.#clock = clock;
    this.#calls = new PendingCalls(clock);
    this.#agentIntervalMs = agentIntervalMs;
    this.#definitionIntervalMs = definitionIntervalMs;
    this.#session = new LibvirtSession({
      uri: url.uri,
      readOnly: url.readOnly,
      clock,
      ...(url.socketPath === undefined ? {} : { socketPath: url.socketPath }),
      ...(random === undefined ? {} : { random }),
    });
    this.capabilities = { delta: false, push: true, start: false, guestAgent: this.#session.agentAllowed };
    this.#events = new EventReader(clock, { happened: (event) => this.#happened(event) }, this.#session);
  }

  async runtimeStats(options: FetchOptions): Promise<RuntimeStats> {
    return this.#call('listing domains', options, async (call) => {
      const connection = await this.#session.connection();
      const [identity, stats] = await Promise.all([
        this.#facts.identity(connection),
        connection.domainStats({ ...call, groups: ['state'] }),
      ]);
      const { present, unreadable } = this.#take(stats);
      await this.#within(detailsTimeoutMs, Promise.all([this.#readDefinitions(present), this.#readLeases(present)]));
      this.#askAgents(present);
      const nowMs = this.#clock.now();
      const rows = present.map((entry) => entry.row(nowMs));
      return { ...identity, rev: 0, complete: true, rows, left: [], agrees: true, unreadable };
    });
  }

  info(vms: readonly string[], options: FetchOptions): Promise<Sections<SectionDocument>> {
    return this.#sections(vms, options, ({ definition }) =>
      definition === undefined ? undefined : { observed: 'ok', hash: definition.infoHash, content: definition.info },
    );
  }

  config(vms: readonly string[], options: FetchOptions): Promise<Sections<SectionDocument>> {
    return this.#sections(vms, options, ({ definition }) =>
      definition === undefined
        ? undefined
        : { observed: 'ok', hash: definition.configHash, content: definition.config },
    );
  }

  /** libvirt knows nothing of consoles and sessions. */
  status(vms: readonly string[], options: FetchOptions): Promise<Sections<SectionDocument>> {
    return this.#sections(vms, options, () => ({ observed: 'unsupported', hash: '' }));
  }

  guestDetails(vms: readonly string[], options: FetchOptions): Promise<Sections<GuestDetails>> {
    return this.#sections(vms, options, (entry) => entry.guest);
  }

  /** By the names of libvirt's statistics. Groups that ask QEMU: a hung one makes this call, and this one only, fail. */
  async deviceStats(options: FetchOptions): Promise<ReadonlyMap<string, Readonly<Record<string, unknown>>>> {
    return this.#call('reading device statistics', options, async (call) => {
      const connection = await this.#session.connection();
      const stats = await connection.domainStats({ ...call, groups: ['balloon', 'interface', 'block'] });
      return new Map(stats.map(({ domain, params }) => [domain.uuid, Object.fromEntries(params)]));
    });
  }

  async hostStats(options: FetchOptions): Promise<HostStats> {
    return this.#call('reading host statistics', options, async (call) =>
      readHostStats(await this.#session.connection(), call),
    );
  }

  async describe(options: FetchOptions): Promise<HostDescription> {
    return this.#call('describing the host', options, async (call) =>
      this.#facts.describe(await this.#session.connection(), call),
    );
  }

  hints(options: { readonly signal: AbortSignal }): AsyncIterable<Hint> {
    return this.#hints.hints(options.signal);
  }

  async close(): Promise<void> {
    this.#calls.close();
    this.#hints.close();
    await this.#session.close();
    await this.#events.ended;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #call<T>(what: string, options: FetchOptions, work: (call: Call) => Promise<T>): Promise<T> {
    try {
      return await this.#calls.run(what, options, (signal) => work({ timeoutMs: options.timeoutMs, signal }));
    } catch (error) {
      throw fetcherFault(error);
    }
  }

  #sections<T>(
    vms: readonly string[],
    options: FetchOptions,
    pick: (entry: DomainEntry) => Section<T> | undefined,
  ): Promise<Sections<T>> {
    return this.#call('reading sections', options, () => {
      const sections = new Map<string, Section<T>>();
      for (const vm of vms) {
        const entry = this.#entries.get(vm);
        const section = entry === undefined ? undefined : pick(entry);
        sections.set(vm, section ?? { observed: 'unavailable', hash: '' });
      }
      return Promise.resolve(sections);
    });
  }

  // ---- Listings ----------------------------------------------------------------------------------------------

  #take(stats: readonly DomainStats[]): { readonly present: DomainEntry[]; readonly unreadable: string[] } {
    const present: DomainEntry[] = [];
    const unreadable: string[] = [];
    const seen = new Set<string>();
    for (const { domain, params } of stats) {
      if (!isIdentifier(domain.uuid)) continue;
      seen.add(domain.uuid);
      const state = params.get('state.state');
      const reason = params.get('state.reason');
      if (typeof state !== 'number' || typeof reason !== 'number') {
        unreadable.push(domain.uuid);
        continue;
      }
      const entry = this.#entryOf(domain);
      entry.read(state, reason);
      present.push(entry);
    }
    for (const uuid of this.#entries.keys()) if (!seen.has(uuid)) this.#entries.delete(uuid);
    return { present, unreadable };
  }

  #entryOf(domain: DomainStats['domain']): DomainEntry {
    let entry = this.#entries.get(domain.uuid);
    if (entry === undefined) {
      entry = new DomainEntry(domain);
      entry.agentDueMs = this.#clock.now() + phaseOf(domain.uuid, this.#agentIntervalMs / 5);
      this.#entries.set(domain.uuid, entry);
    }
    entry.domain = domain;
    return entry;
  }

  /** Resolves when `work` has, or after `timeoutMs`; what it did not bring until then comes later. */
  async #within(timeoutMs: number, work: Promise<unknown>): Promise<void> {
    const patience = new AbortController();
    const waited = this.#clock.sleep(timeoutMs, { signal: patience.signal }).catch(() => undefined);
    await Promise.race([work, waited]);
    patience.abort();
  }

  async #readDefinitions(entries: readonly DomainEntry[]): Promise<void> {
    const nowMs = this.#clock.now();
    const due = entries.filter((entry) => !entry.readingDefinition && entry.definitionDueMs <= nowMs);
    await Promise.all(due.map((entry) => this.#readDefinition(entry)));
  }

  async #readDefinition(entry: DomainEntry): Promise<void> {
    entry.readingDefinition = true;
    // From now on: an event that comes while it is read makes it stale again.
    entry.definitionDueMs = this.#clock.now() + this.#definitionIntervalMs + phaseOf(entry.domain.uuid, 60_000);
    try {
      const connection = await this.#session.connection();
      const call = { timeoutMs: backgroundTimeoutMs, signal: this.#calls.signal };
      const [live, inactive] = await Promise.all([
        connection.domainXml(entry.domain, call),
        connection.domainXml(entry.domain, { ...call, flags: xmlFlags.inactive }),
      ]);
      entry.definition = readDefinition(live, inactive);
    } catch {
      // The VM may just have gone, or its QEMU hangs: what is known stays, and the next listing asks again.
      entry.definitionDueMs = 0;
    } finally {
      entry.readingDefinition = false;
    }
  }

  async #readLeases(entries: readonly DomainEntry[]): Promise<void> {
    const leasing = entries.filter((entry) => entry.isActive && entry.definition?.onLibvirtNetwork !== false);
    if (leasing.length === 0) return;
    const connection = await this.#session.connection();
    const call = { timeoutMs: backgroundTimeoutMs, signal: this.#calls.signal };
    await Promise.all(
      leasing.map(async (entry) => {
        // One that cannot be asked keeps the leases it had (I2).
        const interfaces = await connection.interfaceAddresses(entry.domain, 'lease', call).catch(() => undefined);
        if (interfaces !== undefined && interfaces.length > 0 && entry.isActive) entry.leased(interfaces);
      }),
    );
  }

  // ---- Guest agents ------------------------------------------------------------------------------------------

  #askAgents(entries: readonly DomainEntry[]): void {
    if (!this.#session.agentAllowed) return;
    const nowMs = this.#clock.now();
    for (const entry of entries) {
      const asks = entry.isActive && entry.definition?.hasAgentChannel === true && !entry.askingAgent;
      if (asks && entry.agentDueMs <= nowMs) void this.#askAgent(entry);
    }
  }

  /** Never rejects: an agent that does not answer is the usual case while a guest boots. */
  async #askAgent(entry: DomainEntry): Promise<void> {
    entry.askingAgent = true;
    entry.agentDueMs = this.#clock.now() + this.#agentIntervalMs;
    try {
      const { agent } = this.#session;
      const call = { timeoutMs: backgroundTimeoutMs, signal: this.#calls.signal };
      const interfaces = await agent.interfaceAddresses(entry.domain, call);
      const guest = await agent.guestInfo(entry.domain, ['os', 'hostname'], call);
      const os = String(guest.get('os.pretty-name') ?? guest.get('os.name') ?? '');
      const changed = entry.isActive && entry.agentSaid(interfaces, String(guest.get('hostname') ?? ''), os);
      if (changed) this.#hints.offer({ kind: 'rows', rows: [entry.row(this.#clock.now())] });
    } catch {
      // What the agent said before stands (D3 of DomainEntry).
    } finally {
      entry.askingAgent = false;
    }
  }

  // ---- Events ------------------------------------------------------------------------------------------------

  async #happened(
    event: SessionEvent | { readonly type: 'lost' } | { readonly type: 'hold-over'; readonly vm: string },
  ): Promise<void> {
    switch (event.type) {
      case 'lifecycle':
        await this.#lifecycle(event);
        break;
      case 'reboot':
        this.#rebooted(event.domain);
        break;
      case 'agent':
        this.#agentEvent(event);
        break;
      case 'hold-over':
        await this.#holdOver(event.vm);
        break;
      case 'connected':
        for (const entry of this.#entries.values()) entry.definitionDueMs = 0;
        this.#hints.offer({ kind: 'poll', reason: 'connected' });
        break;
      case 'disconnected':
        this.#hints.offer({ kind: 'poll', reason: 'the connection to libvirtd was lost' });
        break;
      case 'lost':
        this.#hints.offer({ kind: 'poll', reason: 'libvirt events were lost' });
        break;
    }
  }

  async #lifecycle(event: Extract<SessionEvent, { type: 'lifecycle' }>): Promise<void> {
    const entry = this.#entries.get(event.domain.uuid);
    if (entry === undefined) {
      this.#hints.offer({ kind: 'poll', reason: 'a domain nobody has listed yet' });
      return;
    }
    entry.domain = event.domain;
    entry.definitionDueMs = 0;
    if (event.event === started && event.detail === startedFromSave) {
      entry.beginRestoring();
      this.#offerRow(entry);
    }
    await this.#reread(entry);
  }

  /** L2 */
  async #reread(entry: DomainEntry): Promise<void> {
    try {
      const connection = await this.#session.connection();
      const call = { timeoutMs: rereadTimeoutMs, signal: this.#calls.signal };
      const { state, reason } = await connection.domainState(entry.domain, call);
      entry.read(state, reason);
      this.#offerRow(entry);
    } catch {
      // Gone, or not to be asked: a listing tells which.
      this.#hints.offer({ kind: 'poll', reason: 'the state after an event could not be read' });
    }
  }

  #rebooted(domain: { readonly uuid: string }): void {
    const entry = this.#entries.get(domain.uuid);
    if (entry === undefined) return;
    entry.rebootingUntilMs = this.#clock.now() + rebootHoldMs;
    this.#offerRow(entry);
    this.#events.after(rebootHoldMs, { type: 'hold-over', vm: domain.uuid });
  }

  async #holdOver(vm: string): Promise<void> {
    const entry = this.#entries.get(vm);
    // Another reboot event came meanwhile: its own hold ends it.
    if (entry === undefined || this.#clock.now() < entry.rebootingUntilMs) return;
    await this.#reread(entry);
  }

  #agentEvent({ domain, connected }: Extract<SessionEvent, { type: 'agent' }>): void {
    const entry = this.#entries.get(domain.uuid);
    if (entry === undefined || !connected || !this.#session.agentAllowed) return;
    entry.domain = domain;
    if (!entry.askingAgent) void this.#askAgent(entry);
  }

  #offerRow(entry: DomainEntry): void {
    this.#hints.offer({ kind: 'rows', rows: [entry.row(this.#clock.now())] });
  }
}

/** virDomainEventType and virDomainEventStartedDetailType. */
const started = 2;
const startedFromSave = 2;
