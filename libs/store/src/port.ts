import type {
  FleetEvent,
  FleetHostState,
  HostCoverage,
  HostMode,
  HostState,
  ObserverEvent,
  Registers,
  Sighting,
  Version,
  VMState,
  VMTruth,
} from '@vedette/model';

/**
 * The store: the fleet's truth, kept. This file is the contract; conformance/ proves it of every driver.
 *
 * I1. Epochs are minted here; from that moment an older epoch of the same observer is refused.
 * I4. Per register the highest version wins; one transaction per VM holds registers, resolved truth, vmVersion and
 *     the outgoing fleet event, so that none is ever without the others.
 * I5. Truth is `resolve` of `@vedette/model`; the reachability of hosts is joined when reading.
 * I12. Every answer carries its age.
 *
 * Reads may run while writes are under way and see committed data only; no query delays a write for longer than the
 * time of one page (scenario D5). A call sees everything that was committed before it was made.
 *
 * Errors are VedetteErrors: VDT_STORE_CLOSED after the close; VDT_STORE_BUSY (retryable) when too many calls wait;
 * VDT_STORE_DISK_FULL and VDT_STORE_IO (retryable), VDT_STORE_CORRUPT, VDT_STORE_FAULT, VDT_STORE_WORKER_LOST for
 * faults of the store itself. A call that rejects has written nothing, but for VDT_STORE_WORKER_LOST, which leaves open
 * whether it has. What a call can refuse besides stands with it.
 */

// ---- Observers -----------------------------------------------------------------------------------------------

/**
 * Who last named a host. What the configuration named ends with its entry; what a person added while the process ran
 * stays until a person removes it (ADR 0010).
 */
export type HostOrigin = 'configuration' | 'person';

/** The author of a removal that followed from the configuration; any other is a person, whose word is kept (N11). */
export const configurationAuthor = 'configuration';

export interface HostRegistration {
  /** Never begins with `@`, which marks providers. */
  readonly id: string;
  readonly name: string;
  readonly realm: string;
  /** How to reach it; the scheme names the fetcher. Never contains a secret. */
  readonly url: string;
  /** Default `configuration`. */
  readonly origin?: HostOrigin;
}

/** What an observer begins with: its epoch, and what it published before. */
export interface Opening {
  readonly epoch: number;
  /** No epoch was ever minted for this observer before. */
  readonly firstContact: boolean;
  /** The previous run said goodbye, and no event is missing in between: everything it had published is below. */
  readonly cleanEnd: boolean;
  /** VMs that the observer was last seen with, migrated ones included, absent ones not; without documents. */
  readonly vms: ReadonlyArray<{ readonly vm: string; readonly registers: Registers }>;
  /** The host's own identity as last reported; undefined before the first contact. */
  readonly hostUuid: string | undefined;
  /** What the last HostStateChanged said; undefined before the first. */
  readonly hostState: HostState | undefined;
}

// ---- Events --------------------------------------------------------------------------------------------------

export interface StoredEvent {
  readonly event: ObserverEvent;
  /** Position in the stream, where the bus has one. */
  readonly position: number | undefined;
}

/**
 * applied: it moved something on. stale: everything in it was known or older, which is no fault.
 * superseded: its epoch is older than the observer's; refused whole, and the writer must be told. unknown_observer:
 * never opened here, or with an epoch that was never minted here; it has to open anew.
 */
export type ApplyStatus = 'applied' | 'stale' | 'superseded' | 'unknown_observer';

export interface ApplyResult {
  /** One entry an event, in order. */
  readonly statuses: readonly ApplyStatus[];
  /** Fleet events that the batch put into the outbox. */
  readonly outboxed: number;
  /**
   * Documents whose hash is now known and whose content is not. An event that only repeats the hashes held and brings
   * no document is not asked again: its observer has none.
   */
  readonly documentsWanted: ReadonlyArray<{ readonly observer: string; readonly vms: readonly string[] }>;
}

// ---- Records -------------------------------------------------------------------------------------------------

/** Joined when reading: a VM whose host cannot be observed reads as unknown, its last known state beside it. */
export interface VMRecord {
  readonly id: string;
  readonly vmVersion: number;
  readonly incarnation: number;
  readonly everRan: 'yes' | 'no' | 'unknown';
  readonly truth: VMTruth;
  /** Wall-clock ms of the first sighting and of the last published change. */
  readonly firstSeenMs: number;
  readonly lastChangedMs: number;
  /** Now minus the last proof by the deciding host; null where there is none. */
  readonly ageMs: number | null;
}

/** One VM with everything behind it. */
export interface VMDetail extends VMRecord {
  readonly sightings: readonly Sighting[];
}

export interface HostRecord extends HostRegistration {
  readonly origin: HostOrigin;
  /** The author of its removal, who stands for a tombstone until it is registered again; undefined: it was not removed. */
  readonly removedBy: string | undefined;
  readonly hostVersion: number;
  readonly state: FleetHostState;
  readonly mode: HostMode;
  readonly reason: string;
  readonly hostUuid: string | undefined;
  readonly capabilities: Readonly<Record<string, unknown>>;
  readonly epoch: number;
  readonly snapshot: Version;
  /** VMs whose truth this host decides. */
  readonly vms: number;
  /** VMs that cannot be declared gone before this host has answered. */
  readonly waiting: number;
  readonly observable: boolean;
  readonly ageMs: number | null;
}

/** One line of what was seen: an observer's event or a fleet event, oldest facts first within an equal time. */
export interface HistoryRecord {
  /** Grows with every record of the store. */
  readonly sequence: number;
  readonly atMs: number;
  /** Who said it: an observer, or `fleet`. */
  readonly by: string;
  readonly name: string;
  readonly vm: string;
  readonly via: string;
  /** The event's data, less what the record already says. */
  readonly data: Readonly<Record<string, unknown>>;
}

// ---- Queries -------------------------------------------------------------------------------------------------

export interface VMQuery {
  readonly host?: string;
  readonly realm?: string;
  /** Any of these, as joined when reading (so `unknown` includes VMs of unobservable hosts). */
  readonly states?: readonly VMState[];
  /** An address, or a network in CIDR form, IPv4 or IPv6. */
  readonly ip?: string;
  /** Part of name or id; case is ignored, in a text of ASCII letters that of ASCII letters. */
  readonly text?: string;
  /** Include VMs that are gone. */
  readonly gone?: boolean;
}

export interface PageRequest {
  /** At least 1; more than 10,000 gives 10,000. */
  readonly limit: number;
  /** From the page before; opaque, stable while rows come and go. */
  readonly cursor?: string;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** Left out on the last page. */
  readonly cursor?: string;
}

export interface FleetCounts {
  readonly vms: Readonly<Partial<Record<VMState, number>>>;
  readonly hosts: Readonly<Partial<Record<FleetHostState, number>>>;
}

// ---- Fleet log -----------------------------------------------------------------------------------------------

export interface LoggedFleetEvent {
  readonly position: number;
  readonly id: string;
  readonly subject: string;
  /** The whole CloudEvent as JSON text: every repetition has the same bytes. */
  readonly json: string;
}

export interface StoreIdentity {
  /** New for every store file; part of every stream position handed out. */
  readonly id: string;
  /** The last position of the fleet log; 0 when empty. */
  readonly position: number;
}

// ---- The port ------------------------------------------------------------------------------------------------

export interface Store extends AsyncDisposable {
  identity(): Promise<StoreIdentity>;

  /**
   * Adds or updates hosts (name, realm, URL, origin); one that was removed is watched again, in mode `active`. Each new
   * or changed one gives a HostChanged, but for an origin that changed, which is nobody else's matter. Ids and realms must satisfy `isIdentifier`.
   *
   * @throws VedetteError VDT_STORE_IDENTIFIER with the path of the fault; no host is registered then
   */
  registerHosts(hosts: readonly HostRegistration[]): Promise<void>;
  /**
   * A person or provider took it away: its VMs become unknown (resolve, rule 7), other hosts stop waiting for it.
   *
   * @throws VedetteError VDT_STORE_UNKNOWN_HOST; none is removed then
   */
  removeHosts(ids: readonly string[], author: string): Promise<void>;
  /** @throws VedetteError VDT_STORE_UNKNOWN_HOST */
  setHostMode(id: string, mode: HostMode): Promise<void>;

  /**
   * Mints the observer's next epoch; every event of an older one is refused from now on (I1).
   *
   * @throws VedetteError VDT_STORE_IDENTIFIER
   */
  openObserver(observer: string): Promise<Opening>;
  /** The observer has published everything it knew; refused (returns false) for another epoch than the present. */
  closeObserver(observer: string, epoch: number): Promise<boolean>;

  /**
   * Applies events in one transaction. Resolves after the commit: acknowledge the deliveries only then. Rejects, with
   * nothing written, only for faults of the store itself (retryable as the error says).
   *
   * What a complete snapshot lacks is absent at its version. An event at or below that version cannot make it present
   * again; what it tells besides is taken in, so that every order of delivery ends the same (scenario F11).
   */
  apply(events: readonly StoredEvent[]): Promise<ApplyResult>;

  /**
   * Takes in what a member proves (I12) and counts its marks as soon as everything up to their versions is applied;
   * resolves again what those marks, or hosts that became unwatched or watched, can change.
   *
   * It speaks for the hosts that it names, and for those whose observers were opened since the store was and not
   * closed, unless another member has named them.
   */
  applyCoverage(coverage: HostCoverage): Promise<{ readonly outboxed: number }>;
  /** Hosts of members not heard of for `failureMs` (judged by the store's own clock since its opening) become unwatched. */
  judgeCoverage(failureMs: number): Promise<{ readonly outboxed: number }>;

  /** Mints a mark, larger than all before, if any VM waits for one; undefined when nothing waits. */
  castMark(): Promise<{ readonly mark: number; readonly realms: readonly string[] } | undefined>;

  /**
   * VMs that wait for a mark to be echoed, and the hosts they wait for: equal as long as nothing about it changes. The
   * sweeper paces its marks by it.
   */
  pendingConfirmations(): Promise<{ readonly vms: number; readonly waitingFor: readonly string[] }>;

  /** A person declares a VM that nobody can confirm gone (resolve, rule 7). False when there is no such VM. */
  forgetVM(id: string): Promise<boolean>;

  /** Fleet events not yet acknowledged by the bus, in order. */
  outbox(limit: number): Promise<readonly LoggedFleetEvent[]>;
  /** All up to and including `position` are on the bus. */
  relayed(position: number): Promise<void>;
  /** The log after `position`, whether relayed or not; undefined when `position` is older than what is kept. */
  fleetLog(position: number, limit: number): Promise<readonly LoggedFleetEvent[] | undefined>;

  /**
   * In the order in which VMs were first seen; with `ip` in the order of addresses, each VM at its lowest one.
   *
   * @throws VedetteError VDT_STORE_QUERY with the path of the field, VDT_STORE_CURSOR
   */
  vms(query: VMQuery, page: PageRequest): Promise<Page<VMRecord>>;
  vm(id: string): Promise<VMDetail | undefined>;
  /** In the order of ids. @throws VedetteError as {@link vms} */
  hosts(
    query: { readonly realm?: string; readonly state?: FleetHostState; readonly mode?: HostMode },
    page: PageRequest,
  ): Promise<Page<HostRecord>>;
  host(id: string): Promise<HostRecord | undefined>;
  /** Newest first. @throws VedetteError as {@link vms} */
  history(vm: string, page: PageRequest): Promise<Page<HistoryRecord>>;
  counts(): Promise<FleetCounts>;

  /** Flushes and releases the file; idempotent. */
  close(): Promise<void>;
}

/** The store's data decoded from the log. */
export function decodeFleetEvent(logged: LoggedFleetEvent): FleetEvent {
  return JSON.parse(logged.json) as FleetEvent;
}
