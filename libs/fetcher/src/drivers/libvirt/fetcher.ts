import { connectLibvirt, LibvirtSession } from '@vedette/libvirt';
import type { DeviceSample, HostSample, SectionDocument } from '@vedette/model';
import { type Clock, type Random, VedetteError } from '@vedette/runtime';
import { HintChannel } from '../../hint-channel.ts';
import type {
  FetchOptions,
  GuestDetails,
  Hint,
  HostCapabilities,
  HostDescription,
  HostFetcher,
  RuntimeStats,
  Section,
  Sections,
  StartOutcome,
  StartRequest,
  StatusDocument,
} from '../../host-port.ts';
import { PendingCalls } from '../../pending-calls.ts';
import { StartIntents } from '../../start-intents.ts';
import { readDeviceStats } from './device-stats.ts';
import type { DomainEntry } from './domain-entry.ts';
import { DomainEvents } from './domain-events.ts';
import type { DriverContext } from './driver-context.ts';
import { EventReader } from './event-reader.ts';
import { fetcherFault } from './faults.ts';
import { HostFacts } from './host-facts.ts';
import { HostSampler } from './host-sample.ts';
import { type Call, type ListingOptions, Listings } from './listings.ts';
import { SpareConnection } from './spare-connection.ts';
import { startDomain } from './start-domain.ts';
import type { LibvirtUrl } from './url.ts';

/** As long as libvirtd is given to start a QEMU, whoever still waits for it. */
const startTimeoutMs = 300_000;

/** Storage pools and networks that must be active on a host that is fit. */
export interface RequiredParts {
  readonly requiredPools?: readonly string[];
  readonly requiredNetworks?: readonly string[];
}

export interface LibvirtFetcherOptions extends ListingOptions {
  readonly url: LibvirtUrl & RequiredParts;
  readonly clock: Clock;
  readonly random?: Random;
}

/**
 * One host by its libvirtd: the port over the parts that know how. Four connections to one libvirtd keep apart what can
 * be held: listings, states, definitions and events; guest agents; what asks QEMU; and starts.
 */
export class LibvirtFetcher implements HostFetcher {
  readonly capabilities: HostCapabilities;
  readonly #options: LibvirtFetcherOptions;
  readonly #calls: PendingCalls;
  readonly #session: LibvirtSession;
  readonly #monitor: SpareConnection;
  readonly #starts: SpareConnection;
  readonly #intents = new StartIntents();
  readonly #context: DriverContext;
  readonly #facts = new HostFacts();
  readonly #sampler = new HostSampler();
  readonly #hints = new HintChannel();
  readonly #listings: Listings;
  readonly #events: EventReader;
  /** A listing told whose connection this is; until then no row may go out without an identity (I2). */
  #identityKnown = false;
  #connectionEra = 0;

  constructor(options: LibvirtFetcherOptions) {
    const { url, clock, random } = options;
    const connect = { ...url.connect, clock };
    this.#options = options;
    this.#calls = new PendingCalls(clock);
    this.#session = new LibvirtSession({ ...connect, ...(random === undefined ? {} : { random }) });
    this.#monitor = new SpareConnection((signal) => connectLibvirt({ ...connect, signal }));
    this.#starts = new SpareConnection((signal) => connectLibvirt({ ...connect, signal }));
    this.capabilities = {
      delta: false,
      push: true,
      heartBeats: false,
      start: !url.readOnly,
      guestAgent: this.#session.agentAllowed,
    };
    this.#context = {
      clock,
      session: this.#session,
      monitorConnection: () => this.#monitor.get(),
      signal: this.#calls.signal,
      tell: (entry) => this.#tell(entry),
    };
    this.#listings = new Listings(this.#context, options);
    this.#events = new EventReader(clock, this.#newEvents(), this.#session);
  }

  async runtimeStats(options: FetchOptions): Promise<RuntimeStats> {
    return this.#call('listing domains', options, async (call) => {
      const era = this.#connectionEra;
      const connection = await this.#session.connection();
      const [identity, listed] = await Promise.all([
        this.#facts.identity(connection),
        this.#listings.list(connection, call),
      ]);
      await this.#listings.complete(listed.present);
      const { rows, withheld } = this.#listings.rows(listed.present);
      const unreadable = [...listed.unreadable, ...withheld];
      if (era === this.#connectionEra) this.#identityKnown = true;
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

  status(vms: readonly string[], options: FetchOptions): Promise<Sections<StatusDocument>> {
    return this.#sections(vms, options, (entry) => entry.conditions.section);
  }

  guestDetails(vms: readonly string[], options: FetchOptions): Promise<Sections<GuestDetails>> {
    return this.#sections(vms, options, (entry) => entry.guest);
  }

  async deviceStats(options: FetchOptions): Promise<ReadonlyMap<string, DeviceSample>> {
    return this.#call('reading device statistics', options, async (call) => {
      const connection = await this.#session.connection();
      const { present } = await this.#listings.list(connection, call);
      return readDeviceStats(this.#context, this.#listings.probe, present, call);
    });
  }

  async hostStats(options: FetchOptions): Promise<HostSample> {
    return this.#call('reading host statistics', options, async (call) => {
      const connection = await this.#session.connection();
      // One after the other: of libvirtd's five places for us one is taken, should it not answer.
      const node = await connection.nodeInfo(call);
      const memory = await connection.nodeMemoryStats(call);
      const cpu = await connection.nodeCpuStats(call).catch(undefinedIfUnsupported);
      return this.#sampler.sample({ node, memory, cpu });
    });
  }

  async describe(options: FetchOptions): Promise<HostDescription> {
    const { requiredPools, requiredNetworks } = this.#options.url;
    return this.#call('describing the host', options, async (call) => {
      const kvmDomains = this.#listings.entries().flatMap(({ domain, definition }) => {
        return definition?.info.kvmEnable === true ? [domain.name] : [];
      });
      const demands = { requiredPools, requiredNetworks, kvmDomains };
      return this.#facts.describe(await this.#session.connection(), demands, call);
    });
  }

  /** libvirtd knows no intents: this fetcher remembers its own. Its clock is taken for the host's. */
  start(request: StartRequest, options: FetchOptions): Promise<StartOutcome> {
    return this.#call('starting a VM', options, () => {
      if (!this.capabilities.start) throw new VedetteError('VDT_FETCHER_UNSUPPORTED');
      return this.#intents.answer(request, this.#options.clock.wallNow(), async () => {
        const call = { timeoutMs: startTimeoutMs, signal: this.#calls.signal };
        return startDomain(await this.#starts.get(), request.vm, call);
      });
    });
  }

  hints(options: { readonly signal: AbortSignal }): AsyncIterable<Hint> {
    return this.#hints.hints(options.signal);
  }

  async close(): Promise<void> {
    this.#calls.close();
    this.#hints.close();
    const { reason } = this.#calls.signal;
    await Promise.all([this.#session.close(), this.#monitor.close(reason), this.#starts.close(reason)]);
    await this.#events.ended;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #newEvents(): DomainEvents {
    const { table, definitions, agents, jobs } = this.#listings;
    return new DomainEvents(this.#context, {
      table,
      definitions,
      agents,
      jobs,
      after: (delayMs, event) => this.#events.after(delayMs, event),
      offer: (hint) => this.#hints.offer(hint),
      disconnected: () => this.#forgetIdentity(),
      connected: () => {
        this.#forgetIdentity();
        void this.#session.connection().then(
          (connection) => this.#facts.begin(connection),
          () => {},
        );
      },
    });
  }

  #forgetIdentity(): void {
    this.#identityKnown = false;
    this.#connectionEra++;
  }

  /** A re-creation is told by a listing: the first row of the new domain must be the one that says so (M8). */
  #tell(entry: DomainEntry): void {
    if (this.#listings.table.get(entry.domain.uuid) !== entry) return; // another has its name by now
    if (!this.#identityKnown) {
      this.#hints.offer({ kind: 'poll', reason: 'nobody knows yet whose connection this is' });
      return;
    }
    if (!entry.awaitsJob && entry.recreated) {
      this.#hints.offer({ kind: 'poll', reason: 'a domain was defined anew' });
      return;
    }
    const { rows } = this.#listings.rows([entry]);
    if (rows.length > 0) this.#hints.offer({ kind: 'rows', rows });
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
        const entry = this.#listings.table.get(vm);
        const section = entry === undefined ? undefined : pick(entry);
        sections.set(vm, section ?? { observed: 'unavailable', hash: '' });
      }
      return Promise.resolve(sections);
    });
  }
}

/** The test driver of libvirt has no figures of processors. */
function undefinedIfUnsupported(error: unknown): undefined {
  if (!VedetteError.is(error, 'VDT_LIBVIRT_UNSUPPORTED')) throw error;
}
