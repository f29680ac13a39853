import { VedetteError } from '@vedette/runtime';
import {
  type AddressSource,
  addressSources,
  type GuestInfoType,
  guestInfoTypes,
  type StatsGroup,
  statsGroups,
} from './constants.ts';
import type { Domain } from './domain.ts';
import './errors.ts';
import { EventStream } from './event-stream.ts';
import { type DomainEvent, type DomainEventType, domainEventTypes, eventIdsOf } from './events.ts';
import {
  type HostObject,
  listAllNetworks,
  listAllStoragePools,
  listFlags,
  type NodeCpuTimes,
} from './host-procedures.ts';
import * as jobs from './job-procedures.ts';
import * as procedures from './procedures.ts';
import { isUnsupported, remoteErrorOf } from './remote-error.ts';
import type { CallOptions, RpcConnection } from './rpc.ts';
import type { TypedParams } from './typed-params.ts';

export interface StatsOptions extends CallOptions {
  readonly groups: readonly StatsGroup[];
  /** All domains unless said. */
  readonly domains?: readonly Domain[];
  /** {@link statsFlags}, or-ed. */
  readonly flags?: number;
}

export type EventListeners = Set<(event: DomainEvent) => void>;

/**
 * An open connection to one driver of a libvirtd. Calls may be made at once; libvirtd is given 4 of them and the rest
 * wait, also behind calls that hang. So calls that a guest can delay (agent addresses, guest info) belong on a
 * connection of their own: see LibvirtSession.
 *
 * Every call rejects with a VedetteError of {@link RpcConnection.call}; what libvirtd answered is found with
 * {@link remoteErrorOf}.
 */
export class LibvirtConnection implements AsyncDisposable {
  readonly readOnly: boolean;
  readonly #rpc: RpcConnection;
  readonly #listeners: EventListeners;
  /** Per type, whether libvirtd knows it. */
  readonly #registered = new Map<DomainEventType, Promise<boolean>>();
  readonly #missingEvents = new Set<DomainEventType>();

  /** Use {@link connectLibvirt}. */
  constructor(rpc: RpcConnection, listeners: EventListeners, readOnly: boolean) {
    this.#rpc = rpc;
    this.#listeners = listeners;
    this.readOnly = readOnly;
  }

  /** Resolves with the reason when the connection has ended; never rejects. */
  get closed(): Promise<VedetteError> {
    return this.#rpc.closed;
  }

  get isClosed(): boolean {
    return this.#rpc.isClosed;
  }

  /** Whether the guest agent may be asked: libvirtd forbids it on a read-only connection. */
  get agent(): boolean {
    return !this.readOnly;
  }

  /** The types of events that were asked for and that this libvirtd or driver does not know: none of them will come. */
  get missingEvents(): readonly DomainEventType[] {
    return [...this.#missingEvents];
  }

  /** Calls given up (deadline, signal) that libvirtd still works on; with 4 of them the connection ends by itself. */
  get abandonedCalls(): number {
    return this.#rpc.abandonedCalls;
  }

  /** All domains, active and not. A complete listing: what it lacks is not defined there. */
  listDomains(options?: CallOptions): Promise<readonly Domain[]> {
    return this.#rpc.call(procedures.listAllDomains, undefined, options);
  }

  lookupDomain(uuid: string, options?: CallOptions): Promise<Domain> {
    return this.#rpc.call(procedures.domainLookupByUuid, uuid, options);
  }

  domainState(domain: Domain, options?: CallOptions): Promise<procedures.DomainState> {
    return this.#rpc.call(procedures.domainGetState, domain, options);
  }

  /** State, memory and processor time, without asking QEMU: answered also while it hangs. */
  domainInfo(domain: Domain, options?: CallOptions): Promise<procedures.DomainInfo> {
    return this.#rpc.call(procedures.domainGetInfo, domain, options);
  }

  /**
   * Statistics of many domains in one call, in no stated order. A group that a domain or driver does not have is left
   * out. With groups that ask QEMU's monitor ({@link groupsWithoutMonitor} are the others) a hung QEMU makes the first call
   * hang, for as long as it hangs: give it a deadline of its own, and ask again with `statsFlags.noWait`, which then
   * leaves out what only that QEMU could tell.
   */
  domainStats(options: StatsOptions): Promise<readonly procedures.DomainStats[]> {
    const groups = options.groups.reduce((all, group) => all | statsGroups[group], 0);
    const request = { domains: options.domains ?? [], groups, flags: options.flags ?? 0 };
    return this.#rpc.call(procedures.getAllDomainStats, request, options);
  }

  /** @param options.flags {@link xmlFlags}, or-ed */
  domainXml(domain: Domain, options: CallOptions & { readonly flags?: number } = {}): Promise<string> {
    return this.#rpc.call(procedures.domainGetXml, { domain, flags: options.flags ?? 0 }, options);
  }

  /**
   * The addresses of an active domain as one source knows them; `agent` lists loopback and IPv6 too, `lease` knows
   * libvirt's own networks only. An empty list from a lease says nothing about the guest.
   *
   * @throws VedetteError VDT_LIBVIRT_DENIED for `agent` on a read-only connection, without asking libvirtd
   */
  interfaceAddresses(
    domain: Domain,
    source: AddressSource,
    options?: CallOptions,
  ): Promise<readonly procedures.GuestInterface[]> {
    if (source === 'agent' && !this.agent) return Promise.reject(agentDenied());
    return this.#rpc.call(procedures.domainInterfaceAddresses, { domain, source: addressSources[source] }, options);
  }

  /** What the guest agent tells of the guest, as `os.id`, `hostname`, `if.0.name`. Errors as for agent addresses. */
  guestInfo(domain: Domain, types: readonly GuestInfoType[], options?: CallOptions): Promise<TypedParams> {
    if (!this.agent) return Promise.reject(agentDenied());
    const wanted = types.reduce((all, type) => all | guestInfoTypes[type], 0);
    return this.#rpc.call(procedures.domainGetGuestInfo, { domain, types: wanted }, options);
  }

  /** How long libvirtd waits for this domain's agent in every later call, until the domain stops; unbounded before. */
  async setAgentResponseTimeout(domain: Domain, timeoutS: number, options?: CallOptions): Promise<void> {
    if (!this.agent) throw agentDenied();
    await this.#rpc.call(procedures.domainAgentSetResponseTimeout, { domain, timeoutS }, options);
  }

  /** Starts a defined domain; VDT_LIBVIRT_STATE if it is active. */
  startDomain(domain: Domain, options?: CallOptions): Promise<Domain> {
    return this.#rpc.call(procedures.domainCreateWithFlags, { domain, flags: 0 }, options);
  }

  /**
   * Whether something is being done to the domain, as a migration. Waits for other jobs on the domain, and asks QEMU's
   * monitor while one is under way: give it a deadline of its own.
   */
  domainJobInfo(domain: Domain, options?: CallOptions): Promise<jobs.DomainJobInfo> {
    return this.#rpc.call(jobs.domainGetJobInfo, domain, options);
  }

  /**
   * The same with what it is. (monitor), as {@link domainJobInfo}. libvirt tells an incoming migration only by refusing
   * to speak of it; here it is `unbounded`, `migrationIn`, without more.
   */
  async domainJobStats(domain: Domain, options?: CallOptions): Promise<jobs.DomainJobStats> {
    try {
      return await this.#rpc.call(jobs.domainGetJobStats, domain, options);
    } catch (error) {
      if (!/only on the source host/.test(remoteErrorOf(error)?.message ?? '')) throw error;
      return { type: 'unbounded', operation: 'migrationIn', params: new Map() };
    }
  }

  /** The disks of an active domain that had errors. (monitor): asks QEMU, and hangs with it. */
  domainDiskErrors(domain: Domain, options?: CallOptions): Promise<readonly jobs.DomainDiskError[]> {
    return this.#rpc.call(jobs.domainGetDiskErrors, domain, options);
  }

  /** Whether QEMU answers libvirtd, and since when not. Without asking it: answered also while it hangs. */
  domainControlInfo(domain: Domain, options?: CallOptions): Promise<jobs.DomainControlInfo> {
    return this.#rpc.call(jobs.domainGetControlInfo, domain, options);
  }

  /** False for a domain that vanishes when it stops. Touches no QEMU. */
  domainIsPersistent(domain: Domain, options?: CallOptions): Promise<boolean> {
    return this.#rpc.call(jobs.domainIsPersistent, domain, options);
  }

  /**
   * Whether a start would bring the domain back from its saved memory. libvirtd knows that of a domain whose state it
   * has forgotten, too (after its own restart). Touches no QEMU.
   */
  domainHasManagedSave(domain: Domain, options?: CallOptions): Promise<boolean> {
    return this.#rpc.call(jobs.domainHasManagedSaveImage, domain, options);
  }

  /** All storage pools, active and not. Touches no QEMU; VDT_LIBVIRT_UNSUPPORTED where there is no storage driver. */
  storagePools(options?: CallOptions): Promise<readonly HostObject[]> {
    return this.#hostObjects(listAllStoragePools, options);
  }

  /** libvirt's own networks, active and not. As {@link storagePools}. */
  networks(options?: CallOptions): Promise<readonly HostObject[]> {
    return this.#hostObjects(listAllNetworks, options);
  }

  hostname(options?: CallOptions): Promise<string> {
    return this.#rpc.call(procedures.getHostname, undefined, options);
  }

  /** An XML document; see {@link parseHostCapabilities}. */
  hostCapabilitiesXml(options?: CallOptions): Promise<string> {
    return this.#rpc.call(procedures.getCapabilities, undefined, options);
  }

  /** The versions of libvirtd and of the hypervisor, as `9.0.0`. */
  async versions(options?: CallOptions): Promise<{ readonly libvirt: string; readonly hypervisor: string }> {
    const [libvirt, hypervisor] = await Promise.all([
      this.#rpc.call(procedures.getLibVersion, undefined, options),
      this.#rpc.call(procedures.getVersion, undefined, options),
    ]);
    return { libvirt: versionText(libvirt), hypervisor: versionText(hypervisor) };
  }

  nodeInfo(options?: CallOptions): Promise<procedures.NodeInfo> {
    return this.#rpc.call(procedures.nodeGetInfo, undefined, options);
  }

  /** `kernel`, `user`, `idle`, `iowait`: nanoseconds since boot, of all CPUs together. */
  nodeCpuStats(options?: CallOptions): Promise<ReadonlyMap<string, number>> {
    return this.#nodeStats(procedures.nodeGetCpuStats, options);
  }

  /** The same in fields. Touches no QEMU. */
  async nodeCpuTimes(options?: CallOptions): Promise<NodeCpuTimes> {
    const stats = await this.nodeCpuStats(options);
    const time = (name: string): number => stats.get(name) ?? 0;
    return { userNs: time('user'), systemNs: time('kernel'), idleNs: time('idle'), iowaitNs: time('iowait') };
  }

  /** `total`, `free`, `buffers`, `cached`: KiB. */
  nodeMemoryStats(options?: CallOptions): Promise<ReadonlyMap<string, number>> {
    return this.#nodeStats(procedures.nodeGetMemoryStats, options);
  }

  /**
   * Calls `listener` for every event of `types`, in order, from before the returned promise resolves: who lists after
   * that misses nothing. The listener must be quick and must not throw. There are no more calls after `stop`.
   *
   * A type that this libvirtd does not know is no error: it is told as `missing`.
   */
  async listen(
    listener: (event: DomainEvent) => void,
    options: CallOptions & { readonly types?: readonly DomainEventType[] } = {},
  ): Promise<{ readonly stop: () => void; readonly missing: readonly DomainEventType[] }> {
    const types = new Set(options.types ?? domainEventTypes);
    const chosen = (event: DomainEvent): void => {
      if (types.has(event.type)) listener(event);
    };
    this.#listeners.add(chosen);
    try {
      await Promise.all([...types].map((type) => this.#register(type, options)));
    } catch (error) {
      this.#listeners.delete(chosen);
      throw error;
    }
    const missing = [...types].filter((type) => this.#missingEvents.has(type));
    return { stop: () => this.#listeners.delete(chosen), missing };
  }

  /**
   * The same as an iteration for one reader. It buffers `limit` events (1,024); beyond that one `{ type: 'lost' }` stands
   * for all that were dropped. It ends by throwing the reason when the connection ends.
   */
  async events(
    options: CallOptions & { readonly types?: readonly DomainEventType[]; readonly limit?: number } = {},
  ): Promise<EventStream<DomainEvent>> {
    let stop: (() => void) | undefined;
    const stream = new EventStream<DomainEvent>(options.limit ?? 1_024, () => stop?.());
    ({ stop } = await this.listen((event) => stream.push(event), options));
    void this.closed.then((reason) => stream.end(reason));
    return stream;
  }

  /** Idempotent; pending calls fail with VDT_LIBVIRT_CLOSED. */
  close(): Promise<void> {
    return this.#rpc.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Once per connection and type: libvirtd keeps the registration until the connection ends. */
  #register(type: DomainEventType, options: CallOptions): Promise<boolean> {
    let registration = this.#registered.get(type);
    if (registration === undefined) {
      registration = this.#askFor(type, options);
      this.#registered.set(type, registration);
      registration.catch(() => this.#registered.delete(type));
    }
    return registration;
  }

  async #askFor(type: DomainEventType, options: CallOptions): Promise<boolean> {
    const calls = eventIdsOf(type).map((id) => this.#rpc.call(procedures.registerDomainEvent, id, options));
    try {
      await Promise.all(calls);
      return true;
    } catch (error) {
      if (!isUnsupported(error)) throw error;
      this.#missingEvents.add(type);
      return false;
    }
  }

  /** Two lists instead of a question per object. What changes between them shows in the next reading. */
  async #hostObjects(
    procedure: procedures.Procedure<number, readonly Omit<HostObject, 'active'>[]>,
    options?: CallOptions,
  ): Promise<readonly HostObject[]> {
    const all = await this.#rpc.call(procedure, listFlags.all, options);
    const active = await this.#rpc.call(procedure, listFlags.active, options);
    const activeOnes = new Set(active.map(({ uuid }) => uuid));
    return all.map(({ name, uuid }) => ({ name, uuid, active: activeOnes.has(uuid) }));
  }

  async #nodeStats(
    procedure: procedures.Procedure<number, procedures.NodeStats>,
    options?: CallOptions,
  ): Promise<ReadonlyMap<string, number>> {
    const { count } = await this.#rpc.call(procedure, 0, options);
    const { values } = await this.#rpc.call(procedure, count, options);
    return values;
  }
}

/** What a call through the guest agent fails with on a read-only connection. */
export function agentDenied(): VedetteError {
  return new VedetteError('VDT_LIBVIRT_DENIED', {
    message: 'the guest agent cannot be asked on a read-only connection',
  });
}

function versionText(version: number): string {
  return `${Math.floor(version / 1_000_000)}.${Math.floor(version / 1_000) % 1_000}.${version % 1_000}`;
}
