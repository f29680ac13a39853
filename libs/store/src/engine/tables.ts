import type { HistoryRecord, LoggedFleetEvent } from '../port.ts';
import type {
  Counters,
  CoverageRecord,
  DocumentRegister,
  Documents,
  FleetRow,
  HistoryRow,
  ObserverFacts,
  ObserverRecord,
  Pending,
  StoredSighting,
  Tally,
  VMEntry,
  VMRow,
} from './records.ts';

/**
 * What a driver gives the engine: synchronous tables within a transaction that the driver opens and ends. All
 * semantics are the engine's, so that drivers cannot differ.
 */
export interface Tables {
  counters(): Counters;
  saveCounters(counters: Counters): void;

  /** The VM with all its sightings; the same object for as long as the transaction lasts. */
  entry(id: string): VMEntry | undefined;
  addEntry(entry: VMEntry): void;
  /** Fields of the VM itself changed; written at the latest when the transaction ends. */
  saveVM(entry: VMEntry): void;
  /** Replaces one sighting in the entry and keeps it. */
  saveSighting(entry: VMEntry, sighting: StoredSighting): void;
  /** Whether the observer still sees the VM; what {@link presentOf} goes by. */
  setPresent(entry: VMEntry, observer: string, present: boolean): void;
  /** The VM's truth depends on the true observability of each of its observers; what {@link sharedOf} goes by. */
  setShared(entry: VMEntry): void;
  saveDocument(
    entry: VMEntry,
    observer: string,
    register: DocumentRegister,
    document: Readonly<Record<string, unknown>> | undefined,
  ): void;
  /** Forgets the VM, its sightings, documents and history. */
  dropVM(entry: VMEntry): void;

  /** VMs that the observer sees (set present), but for those with the numbers given. */
  presentOf(observer: ObserverRecord, except?: ReadonlySet<number>): readonly VMEntry[];
  sharedOf(observer: ObserverRecord): readonly VMEntry[];
  /** VMs that are gone, longest first. */
  longestGone(limit: number): readonly VMEntry[];

  observers(): Iterable<ObserverRecord>;
  saveObserver(observer: ObserverRecord, facts: ObserverFacts): void;
  /** Only epoch, closed and applied changed: what every batch touches. */
  saveApplied(observer: ObserverRecord): void;

  pendings(): Iterable<readonly [vm: string, pending: Pending]>;
  savePending(entry: VMEntry, pending: Pending | undefined): void;

  appendFleet(row: FleetRow): void;
  /** Drops everything up to and including `position`. */
  dropFleet(position: number): void;
  appendHistory(entry: VMEntry, row: HistoryRow): void;
  /** Drops the `count` oldest records of the store; returns how many there were. */
  dropOldestHistory(count: number): number;
  /** Drops all but the `keep` newest records of a VM; returns how many it dropped. */
  trimHistory(entry: VMEntry, keep: number): number;

  tallies(): Iterable<Tally>;

  coverages(): Iterable<CoverageRecord>;
  saveCoverage(record: CoverageRecord): void;
  dropCoverage(member: string): void;
}

/** What a page of VMs is looked for by; {@link matchesFilter} decides, a driver may narrow as far as it likes. */
export interface VMFilter {
  readonly host: string | undefined;
  readonly realm: string | undefined;
  /** As joined when reading. */
  readonly states: ReadonlySet<string> | undefined;
  /** Keys of the first and last address (`addressKey` of the model). */
  readonly range: { readonly from: string; readonly to: string } | undefined;
  /** Folded by {@link foldText}. */
  readonly text: string | undefined;
  readonly gone: boolean;
}

export interface Scan<T> {
  readonly rows: readonly T[];
  /** Where to go on; undefined: there is nothing more. */
  readonly next: number | undefined;
}

/** A row found by one of its addresses. */
export interface AddressHit {
  readonly key: string;
  readonly row: VMRow;
}

/** A host as queries read it. */
export interface HostRow {
  readonly observer: ObserverRecord;
  readonly facts: ObserverFacts;
}

/** What a driver gives queries: committed data only. */
export interface ReadTables {
  counters(): Counters;
  observer(id: string): HostRow | undefined;
  /** Registered hosts with an id above `after`, in order of id. */
  hosts(after: string, limit: number): readonly HostRow[];
  /** Watched, not removed hosts of the realm that echoed no mark above `mark`, sorted. */
  unanswered(realm: string, mark: number): readonly string[];
  vm(id: string): VMRow | undefined;
  /**
   * Rows with a number above `after`, in order of number, at most `limit`: all that match the filter, and others as it
   * suits the driver. One call takes a bounded time; it may return fewer rows, or none, and more to come.
   */
  scan(filter: VMFilter, after: number, limit: number): Scan<VMRow>;
  /** One entry an address in the range, in order of (key, number), after the place given. */
  scanAddresses(
    range: { readonly from: string; readonly to: string },
    after: { readonly key: string; readonly number: number } | undefined,
    limit: number,
  ): readonly AddressHit[];
  sightings(row: VMRow): ReadonlyArray<StoredSighting & { readonly documents: Documents }>;
  /** Records of the VM below `before`, newest first. */
  history(row: VMRow, before: number, limit: number): readonly HistoryRecord[];
  fleetLog(after: number, limit: number): readonly LoggedFleetEvent[];
  /** VMs that the observer decides and that are not gone. */
  decides(observer: string): number;
  /** VMs waiting for a mark that a host of the realm, having echoed `echoed`, has not answered. */
  waiting(realm: string, echoed: number): number;
  tallies(): Iterable<Tally>;
  coverages(): Iterable<CoverageRecord>;
}
