import { type Clock, RealClock, VedetteError, withDeadline } from '@vedette/runtime';
import { parseLibvirtUri } from './address.ts';
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
import { type DomainEvent, type DomainEventType, decodeEvent, domainEventTypes, eventIdOf } from './events.ts';
import * as procedures from './procedures.ts';
import { remoteErrorOf } from './remote-error.ts';
import { type CallOptions, RpcConnection } from './rpc.ts';
import { type Dial, dialUnix } from './transport.ts';
import type { TypedParams } from './typed-params.ts';
import type { XdrDecoder } from './xdr.ts';

/** Open flag: nothing that changes or burdens a domain (virConnectFlags). */
const OPEN_READ_ONLY = 1;
/** remote_auth_type. */
const authTypes = { none: 0, sasl: 1, polkit: 2 } as const;
/** The feature whose asking makes libvirtd send keepalive messages, and drop a client that does not answer them. */
const FEATURE_KEEPALIVE = 10;

export interface ConnectOptions {
  /** As in `virsh -c`; `qemu:///system` unless said. See {@link parseLibvirtUri}. */
  readonly uri?: string;
  /** The socket, where it is not the one the URI stands for. */
  readonly socketPath?: string;
  /** For the read-only socket: list, statistics, definitions, leases and events, nothing else. */
  readonly readOnly?: boolean;
  readonly clock?: Clock;
  /** Deadline of the connection's making, and of every call that names none; 10,000 unless said. */
  readonly timeoutMs?: number;
  /** Ends the making of the connection, not the connection. */
  readonly signal?: AbortSignal;
  /** Another way to a libvirtd than a unix socket; then `socketPath` is not used. */
  readonly dial?: Dial;
}

export interface StatsOptions extends CallOptions {
  readonly groups: readonly StatsGroup[];
  /** All domains unless said. */
  readonly domains?: readonly Domain[];
  /** {@link statsFlags}, or-ed. */
  readonly flags?: number;
}

/**
 * Connects to a libvirtd, is admitted and opens the driver of the URI. Whoever connected closes it.
 *
 * @throws VedetteError VDT_LIBVIRT_ADDRESS, _PERMISSION, _AUTH, _PROTOCOL; _UNREACHABLE, _CLOSED, VDT_RUNTIME_DEADLINE
 * (retryable); or the signal's reason
 */
export function connectLibvirt(options: ConnectOptions = {}): Promise<LibvirtConnection> {
  const { uri = 'qemu:///system', socketPath, readOnly = false, clock = new RealClock(), timeoutMs = 10_000 } = options;
  const abortable = options.signal === undefined ? {} : { signal: options.signal };
  return withDeadline(clock, { what: `connecting to ${uri}`, timeoutMs, ...abortable }, async (signal) => {
    const address = parseLibvirtUri(uri, readOnly);
    const dial = options.dial ?? dialFirst(socketPath === undefined ? address.socketPaths : [socketPath]);
    const listeners: EventListeners = new Set();
    const rpc = await RpcConnection.open(dial, { clock, timeoutMs, onEvent: (...m) => tell(listeners, ...m) }, signal);
    try {
      await beAdmitted(rpc, { signal });
      await rpc.call(procedures.supportsFeature, FEATURE_KEEPALIVE, { signal });
      await rpc.call(procedures.open, { uri: address.driverUri, flags: readOnly ? OPEN_READ_ONLY : 0 }, { signal });
      signal.throwIfAborted(); // nobody waits for it any more
      return new LibvirtConnection(rpc, listeners, readOnly);
    } catch (error) {
      await rpc.close();
      throw error;
    }
  });
}

type EventListeners = Set<(event: DomainEvent) => void>;

function tell(listeners: EventListeners, procedure: number, decoder: XdrDecoder): void {
  const event = decodeEvent(procedure, decoder);
  if (event !== undefined) for (const listener of listeners) listener(event);
}

function dialFirst(socketPaths: readonly string[]): Dial {
  return async (handlers, signal) => {
    let first: unknown;
    for (const socketPath of socketPaths) {
      try {
        return await dialUnix(socketPath)(handlers, signal);
      } catch (error) {
        first ??= error;
        if (!VedetteError.is(error, 'VDT_LIBVIRT_UNREACHABLE')) throw error;
      }
    }
    throw first;
  };
}

async function beAdmitted(rpc: RpcConnection, options: CallOptions): Promise<void> {
  const types = await rpc.call(procedures.authList, undefined, options);
  if (types.length === 0 || types.includes(authTypes.none)) return;
  if (types.includes(authTypes.polkit)) {
    await askPolkit(rpc, options);
    return;
  }
  throw new VedetteError('VDT_LIBVIRT_AUTH', {
    message: `libvirtd asks for ${types.includes(authTypes.sasl) ? 'a SASL login' : `authentication ${types.join(', ')}`}`,
    action: 'connect through a socket without authentication: the read-only one, or set auth_unix_rw in libvirtd.conf',
  });
}

/** Whatever libvirtd answers but yes (no polkit, no agent to ask a person, refused) comes to the same for the user. */
async function askPolkit(rpc: RpcConnection, options: CallOptions): Promise<void> {
  const admitted = await rpc.call(procedures.authPolkit, undefined, options).catch((error: unknown) => {
    const remote = remoteErrorOf(error);
    if (remote === undefined) throw error;
    throw new VedetteError('VDT_LIBVIRT_AUTH', { message: `polkit: ${remote.message}`, cause: remote });
  });
  if (!admitted) throw new VedetteError('VDT_LIBVIRT_AUTH', { message: 'polkit does not admit this user' });
}

/**
 * An open connection to one driver of a libvirtd. Calls may be made at once, up to the 5 libvirtd works on for one
 * client; the rest wait there, also behind a call that hangs. So calls that a guest can delay (agent addresses, guest
 * info) belong on a connection of their own: see LibvirtSession.
 *
 * Every call rejects with a VedetteError of {@link RpcConnection.call}; what libvirtd answered is found with
 * {@link remoteErrorOf}.
 */
export class LibvirtConnection implements AsyncDisposable {
  readonly readOnly: boolean;
  readonly #rpc: RpcConnection;
  readonly #listeners: EventListeners;
  readonly #registered = new Map<DomainEventType, Promise<number>>();

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

  /** Calls given up (deadline, signal) that libvirtd still works on; with 5 of them the connection ends by itself. */
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

  /** `total`, `free`, `buffers`, `cached`: KiB. */
  nodeMemoryStats(options?: CallOptions): Promise<ReadonlyMap<string, number>> {
    return this.#nodeStats(procedures.nodeGetMemoryStats, options);
  }

  /**
   * Calls `listener` for every event of `types`, in order, from before the returned promise resolves: who lists after
   * that misses nothing. The listener must be quick and must not throw. There are no more calls after `stop`.
   */
  async listen(
    listener: (event: DomainEvent) => void,
    options: CallOptions & { readonly types?: readonly DomainEventType[] } = {},
  ): Promise<{ readonly stop: () => void }> {
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
    return { stop: () => this.#listeners.delete(chosen) };
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
  #register(type: DomainEventType, options: CallOptions): Promise<number> {
    let registration = this.#registered.get(type);
    if (registration === undefined) {
      registration = this.#rpc.call(procedures.registerDomainEvent, eventIdOf(type), options);
      this.#registered.set(type, registration);
      registration.catch(() => this.#registered.delete(type));
    }
    return registration;
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
