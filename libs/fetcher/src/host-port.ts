import type {
  Address,
  ConditionsValue,
  DeviceSample,
  HostSample,
  RawState,
  SectionDocument,
  VMState,
} from '@vedette/model';

/**
 * The host port: the client of one hypervisor, whatever it speaks. A driver hides its protocol; above it everything
 * is the same. conformance/ proves what is said here of every driver.
 *
 * H1. Three-valued knowledge (I2): a method resolves with what it saw, or rejects. A rejection, a partial reply, or a
 *     section that is not `ok` never means that something is gone.
 * H2. Every method has its own deadline and honours its signal; concurrency towards the host is the driver's to bound.
 * H3. Polling changes nothing on the host.
 * H4. Documents are checked at the door (I9); a bad one rejects whole, with the path of the fault.
 */

export interface HostCapabilities {
  /** `runtimeStats({since})` may answer with a delta. */
  readonly delta: boolean;
  /** `hints()` yields; without it only polls tell. */
  readonly push: boolean;
  /** `hints()` yields `alive` while the host lives and everything was told; polls may then be rare. */
  readonly heartBeats: boolean;
  /** `start()` can start VMs. */
  readonly start: boolean;
  /** Guest addresses can be had from an agent inside the guest, not only from outside. */
  readonly guestAgent: boolean;
}

/** The identity that every reply carries; another `hostUuid`, or two boots in turn, is an identity conflict. */
export interface HostIdentity {
  readonly hostUuid: string;
  /** New when the agent restarted or the host rebooted. */
  readonly boot: string;
}

/** One VM in a listing. */
export interface RuntimeRow {
  readonly vm: string;
  readonly state: VMState;
  readonly reason: string;
  readonly raw: RawState;
  /** Known at listing by some drivers (libvirt); else it comes with the info section. */
  readonly name?: string;
  /** Share of one CPU since the previous sample; undefined when there was none. */
  readonly cpuSystem?: number;
  readonly cpuUser?: number;
  /** Percent of the VM's memory in use; undefined where the guest does not tell. */
  readonly memoryPercent?: number;
  /** Seconds since the VM was started; undefined when down or unknown. */
  readonly elapsedS?: number;
  /**
   * Content hashes of the sections; undefined: unchanged since the last row that carried one, or not to be had now,
   * which changes nothing either.
   */
  readonly hashes: { readonly [S in SectionName]?: string };
  /** The agent's revision at which this row was recorded; 0 where the driver has none. */
  readonly rev: number;
  /**
   * The source has forgotten why and how the VM went down (libvirtd after a restart): the row says nothing against what
   * is known of a VM that is down already.
   */
  readonly forgotten?: boolean;
  /**
   * The VM's own process (QEMU) has not answered anything yet since this driver began to watch it, or since it hung: an
   * active state says nothing against what is known of a VM that does not respond.
   */
  readonly unproved?: boolean;
  /**
   * The source saw the VM removed and defined anew under its UUID since the row before: it is another VM that bears an
   * old name (M8). Said once; a move to another host and back is none.
   */
  readonly recreated?: boolean;
}

/** The sections fetched apart, each under its own hash. */
export const sectionNames = ['info', 'config', 'status', 'guest'] as const;
export type SectionName = (typeof sectionNames)[number];

export interface RuntimeStats extends HostIdentity {
  readonly rev: number;
  /** True: `rows` is every VM of the host. False: what changed since, and `left` those that went. */
  readonly complete: boolean;
  readonly rows: readonly RuntimeRow[];
  /** VMs that left since `since`; empty in a complete listing. */
  readonly left: readonly string[];
  /** For a delta: whether driver and host agree on the whole set (checksum); a complete listing is always true. */
  readonly agrees: boolean;
  /** Rows that could not be read; they are neither present nor absent (I2). */
  readonly unreadable: readonly string[];
}

/** `unavailable`: cannot be had now. `unsupported`: never on this host. Only `ok` may remove anything. */
export type Observed = 'ok' | 'unavailable' | 'unsupported';

export interface Section<T> {
  readonly observed: Observed;
  /** The hash of the content returned; empty unless `ok`. */
  readonly hash: string;
  /** Present if and only if `ok`. */
  readonly content?: T;
}

/** By VM id; a VM asked for and missing here is `unavailable`. */
export type Sections<T> = ReadonlyMap<string, Section<T>>;

export interface GuestDetails {
  /** Canonical (see `canonicalAddresses` of the model): sorted, scoped, no loopback. */
  readonly addresses: readonly Address[];
  readonly os: string;
  readonly hostname: string;
  readonly apps: readonly string[];
}

/** What the source tells of a VM besides its state. */
export interface StatusDocument extends SectionDocument {
  /** Everything that is wrong with it now; sorted, each once (`ConditionsValue` of the model). */
  readonly conditions: ConditionsValue;
}

/** Something happened: poll these VMs' host at once, or take the rows as they are, in order, without a poll. */
export type Hint =
  | { readonly kind: 'rows'; readonly rows: readonly RuntimeRow[] }
  /** Something changed that the hint does not tell, or hints were lost. */
  | { readonly kind: 'poll'; readonly reason: string }
  /**
   * The host lives, and whatever hints tell of it was yielded before this: its heart-beat names the state of what was
   * told last. It proves as much as a poll without changes.
   */
  | { readonly kind: 'alive' };

export interface StartRequest {
  readonly vm: string;
  /** Names the intent for ever: the same one is answered again, never carried out again (I8). */
  readonly intentId: string;
  /** When it must not be begun any more: ISO 8601, UTC, by the host's clock. */
  readonly notAfter: string;
}

/**
 * `active`: it was not down, nothing was done. `expired`: it came too late, nothing was done. `refused`: the host would
 * not, for the reason in `detail`.
 */
export interface StartOutcome {
  readonly outcome: 'started' | 'active' | 'expired' | 'refused';
  readonly detail: string;
}

export interface FetchOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

export interface HostDescription extends HostIdentity {
  readonly hostname: string;
  /** Versions and features as the host names them. */
  readonly capabilities: Readonly<Record<string, unknown>>;
  /** Why the host is unfit although it answers; empty when it is fit. */
  readonly unfit: string;
}

export interface HostFetcher extends AsyncDisposable {
  readonly capabilities: HostCapabilities;

  /** `since`: the identity and rev of the last reply; a driver without deltas ignores it and answers complete. */
  runtimeStats(
    options: FetchOptions & { readonly since?: { readonly boot: string; readonly rev: number } },
  ): Promise<RuntimeStats>;
  info(vms: readonly string[], options: FetchOptions): Promise<Sections<SectionDocument>>;
  config(vms: readonly string[], options: FetchOptions): Promise<Sections<SectionDocument>>;
  status(vms: readonly string[], options: FetchOptions): Promise<Sections<StatusDocument>>;
  guestDetails(vms: readonly string[], options: FetchOptions): Promise<Sections<GuestDetails>>;
  /** What is sampled of processors, memory, disks and NICs, by VM; one that is down or cannot be asked now is left out. */
  deviceStats(options: FetchOptions): Promise<ReadonlyMap<string, DeviceSample>>;
  hostStats(options: FetchOptions): Promise<HostSample>;
  describe(options: FetchOptions): Promise<HostDescription>;
  /**
   * Starts a VM that is down. A rejection leaves open whether it was begun: ask again with the same intent, and look.
   *
   * @throws VedetteError VDT_FETCHER_UNSUPPORTED where `start` is not declared (terminal)
   */
  start(request: StartRequest, options: FetchOptions): Promise<StartOutcome>;

  /** Hints as they come; ends when closed or when `signal` aborts. A lost connection yields a `poll` hint on return. */
  hints(options: { readonly signal: AbortSignal }): AsyncIterable<Hint>;

  /** Idempotent; pending calls reject. */
  close(): Promise<void>;
}

/** Makes the fetcher for a host's URL; drivers are handed in by whoever wires the process, never looked up globally. */
export interface HostDriver {
  /** URL schemes it serves, without the colon. */
  readonly schemes: readonly string[];
  /** Does no I/O: the first call connects. @throws VedetteError VDT_FETCHER_URL for a URL it cannot use */
  open(host: { readonly id: string; readonly url: string }): HostFetcher;
}
