import type { SectionName } from '@vedette/fetcher';
import {
  type AddressesValue,
  type ConditionsValue,
  type ConfigValue,
  compareVersions,
  type GuestValue,
  type RawState,
  type RegisterName,
  type StateValue,
  type Via,
  type VMState,
  zeroVersion,
} from '@vedette/model';
import type { Clock } from '@vedette/runtime';
import type { Opening } from '@vedette/store';

/** The values of a VM's registers at one point of the way; a register that was never set is left out. */
export interface RegisterSet {
  state?: StateValue;
  addresses?: AddressesValue;
  config?: ConfigValue;
  guest?: GuestValue;
  conditions?: ConditionsValue;
}

/** When and how something was seen; one object serves all VMs of an observation. */
export interface Observation {
  /** RFC 3339. */
  readonly observedAt: string;
  readonly via: Via;
}

/** An observation made now, by the wall clock. */
export function observedNow(clock: Pick<Clock, 'wallNow'>, via: Via): Observation {
  return { observedAt: new Date(clock.wallNow()).toISOString(), via };
}

/** A state as a driver reports it. */
export interface SeenState {
  readonly state: VMState;
  readonly reason: string;
  readonly raw: RawState;
  /** It is another VM under the same UUID since it was last seen (M8). */
  readonly recreated?: boolean;
}

/** A change of state that waits to be sent, with what it went through on the way. */
export interface PendingState extends Observation {
  seen: SeenState;
  observedAt: string;
  via: Via;
  /** States since the one last sent, oldest first; bounded. */
  readonly passed: VMState[];
  /** The VM was not active in between: it became active anew, whatever it looks like now. */
  relapsed: boolean;
  /** It was removed and defined anew in between (M8). */
  reborn: boolean;
  /** It waited for the bus, or took in a later change: its place in the stream orders nothing. */
  held: boolean;
}

export interface PendingValue<T> extends Observation {
  readonly value: T;
}

/** What of a VM differs from what was last sent; at most one change a register. */
export interface PendingChanges {
  state?: PendingState;
  addresses?: PendingValue<AddressesValue>;
  config?: PendingValue<ConfigValue>;
  guest?: PendingValue<GuestValue>;
  conditions?: PendingValue<ConditionsValue>;
}

/** The sections a monitor fetches, each when the hash a listing gives for it is another than the one last taken in. */
export type FetchedSection = SectionName;

/** Sections that are fetched together, because one register needs all of them. */
export type SectionGroup = 'config' | 'guest' | 'status';

/** A group of sections that could not be had, and when it is asked for again. */
export interface SectionRetry {
  /** Fetches in a row that did not bring it. */
  readonly failures: number;
  /** The number of the poll after which to ask again, unless another hash is listed before. */
  readonly fromPoll: number;
  /** The hashes listed when it was asked for. */
  readonly listed: { readonly [S in FetchedSection]?: string };
}

/** Everything a host actor knows of one VM. Plain data, no timer, promise or closure. */
export interface VMEntry {
  readonly vm: string;
  /** What the bus has acknowledged (I3), or what the store said at the opening. */
  published: RegisterSet;
  /** What is on its way, in doubt until acknowledged; later changes are taken against it. */
  sent: RegisterSet | undefined;
  pending: PendingChanges | undefined;
  /** Hashes of the latest listing, and those of the content last taken in. */
  listed: { [S in FetchedSection]?: string };
  taken: { [S in FetchedSection]?: string };
  /** The name as the listing gives it, until the config register has one. */
  listedName: string;
  /** The store asked for these documents: send them even though nothing changed. */
  documentsAsked: ReadonlySet<SectionGroup>;
  /** What could not be had; undefined where all could. */
  retries: { [G in SectionGroup]?: SectionRetry } | undefined;
  /** Addresses were observed since the VM last became active. */
  addressesFresh: boolean;
  /** Revision of the row last merged; 0 where the driver has none. */
  rev: number;
  /** The number of the poll under way when a hint last spoke of this VM: that poll's row is older than the hint. */
  hintedDuring: number;
  /** The number of the last poll whose listing, or a hint during or after it, had a row of this VM. */
  listedIn: number;
  /** As the last row had it; NaN where it had none. Numbers and no row: nothing of a listing outlives its merge. */
  cpuUser: number;
  cpuSystem: number;
  memoryPercent: number;
  /** Monotonic ms at which the VM was started; NaN where unknown. */
  startedMs: number;
  /** State events in the second that began at `windowStartMs` (S7). */
  windowStartMs: number;
  eventsInWindow: number;
}

const none: ReadonlySet<SectionGroup> = new Set();

export function newEntry(vm: string): VMEntry {
  return {
    vm,
    published: {},
    sent: undefined,
    pending: undefined,
    listed: {},
    taken: {},
    listedName: '',
    documentsAsked: none,
    retries: undefined,
    addressesFresh: false,
    rev: 0,
    hintedDuring: -1,
    listedIn: 0,
    cpuUser: Number.NaN,
    cpuSystem: Number.NaN,
    memoryPercent: Number.NaN,
    startedMs: Number.NaN,
    windowStartMs: Number.NEGATIVE_INFINITY,
    eventsInWindow: 0,
  };
}

/** The VMs that one host actor knows, in the order in which they came to be known; a Map of entries is one. */
export interface KnownVMs {
  readonly size: number;
  get(vm: string): VMEntry | undefined;
  set(vm: string, entry: VMEntry): unknown;
  delete(vm: string): boolean;
  values(): IterableIterator<VMEntry>;
}

/** Fills in what an observer opens with: exactly what its former run had published. */
export function takeOpening(entries: KnownVMs, opening: Opening): void {
  for (const { vm, registers } of opening.vms) {
    const entry = newEntry(vm);
    for (const [name, register] of Object.entries(registers))
      setRegister(entry.published, name as RegisterName, register.value);
    const { config } = entry.published;
    if (config !== undefined) entry.taken = { info: config.hashes.info, config: config.hashes.config };
    entry.addressesFresh =
      registers.addresses !== undefined &&
      compareVersions(registers.addresses.version, registers.state?.value.activation ?? zeroVersion) >= 0;
    entries.set(vm, entry);
  }
}

/** Takes a value into a set, without the documents: those are the store's to keep, the monitor only compares hashes. */
export function setRegister(set: RegisterSet, name: RegisterName, value: unknown): void {
  (set as Record<RegisterName, unknown>)[name] = name === 'config' || name === 'guest' ? withoutDocument(value) : value;
}

function withoutDocument(value: unknown): unknown {
  const { document: dropped, ...kept } = value as { document?: unknown };
  return dropped === undefined ? value : kept;
}

/** The state last seen, told or not; undefined before the first. */
export function seenState(entry: VMEntry): SeenState | undefined {
  return entry.pending?.state?.seen ?? lastSent(entry, 'state');
}

/** The value that a new observation is compared with: in doubt if there is one, else acknowledged. */
export function lastSent<N extends RegisterName>(entry: VMEntry, name: N): RegisterSet[N] {
  return entry.sent?.[name] ?? entry.published[name];
}
