import type { HostCoverage, HostMode, Registers } from '@vedette/model';
import type { ApplyResult, FleetCounts, HostRegistration, Opening, StoreIdentity } from '../port.ts';
import { countsOf } from './counts.ts';
import { Events, type PositionedEvent, type Wanted } from './events.ts';
import { Hosts } from './hosts.ts';
import type { StoreLimits } from './limits.ts';
import { Logs } from './logs.ts';
import { Marks } from './marks.ts';
import { ObserverBook } from './observers.ts';
import { PendingIndex } from './pendings.ts';
import type { Counters, CoverageRecord, VMEntry } from './records.ts';
import { Resettle } from './resettle.ts';
import { hasState, isPresent, visibleSighting } from './sightings.ts';
import type { Tables } from './tables.ts';
import { Tallies } from './tallies.ts';
import { Truths } from './truths.ts';
import { Updates } from './updates.ts';

/** What a member's coverage means for hosts, as {@link CoverageBook} of the store's front judged it. */
export interface CoverageChange {
  readonly member: string;
  readonly marks: HostCoverage['data']['marks'];
  /** Hosts that were not watched, or not by this member, up to now. */
  readonly watched: readonly string[];
  /** To be kept, when it is time for that. */
  readonly record: CoverageRecord | undefined;
}

/** A host as the front needs it to judge who is watched. */
export interface WatchedHost {
  readonly id: string;
  readonly removed: boolean;
  readonly member: string | undefined;
}

/** What the front of a store begins with. */
export interface EngineStart {
  readonly identity: StoreIdentity;
  readonly hosts: readonly WatchedHost[];
  readonly coverages: readonly CoverageRecord[];
}

/** Gone VMs that one transaction drops at most. */
const dropStep = 50;

/**
 * All semantics of the store, over tables that a driver supplies. Every method is one transaction: the driver begins
 * it, calls, and commits. A VedetteError is thrown before anything is changed. When anything else is thrown, or the
 * commit fails, the driver rolls back and makes a new engine, since this one has seen what was never written. Clocks
 * are the caller's: `wallMs` labels what is written.
 */
export class Engine {
  readonly #tables: Tables;
  readonly #limits: StoreLimits;
  readonly #counters: Counters;
  readonly #saved: Counters;
  readonly #observers: ObserverBook;
  readonly #pendings: PendingIndex;
  readonly #tallies: Tallies;
  readonly #logs: Logs;
  readonly #truths: Truths;
  readonly #marks: Marks;
  readonly #hosts: Hosts;
  readonly #events: Events;
  /** Whose coverage is kept. */
  readonly #members: Set<string>;

  constructor(tables: Tables, limits: StoreLimits) {
    const counters = { ...tables.counters() };
    const observers = new ObserverBook(tables, counters);
    const pendings = new PendingIndex(tables);
    const tallies = new Tallies(tables.tallies());
    const logs = new Logs(tables, counters, limits);
    const versionFloor = () => counters.versionFloor;
    const truths = new Truths(tables, { observers, pendings, tallies, logs, versionFloor });
    const resettle = new Resettle({ tables, observers, pendings, truths });
    const marks = new Marks({ tables, counters, observers, pendings, resettle });
    const hosts = new Hosts({ observers, tallies, logs, pendings, resettle });
    const updates = new Updates({ tables, counters, pendings, truths, logs });
    this.#tables = tables;
    this.#limits = limits;
    this.#counters = counters;
    this.#saved = { ...counters };
    this.#observers = observers;
    this.#pendings = pendings;
    this.#tallies = tallies;
    this.#logs = logs;
    this.#truths = truths;
    this.#marks = marks;
    this.#hosts = hosts;
    this.#events = new Events({ counters, observers, hosts, marks, updates });
    this.#members = new Set([...tables.coverages()].map(({ member }) => member));
  }

  start(): EngineStart {
    const hosts: WatchedHost[] = [];
    for (const { id, host } of this.#observers.all()) {
      if (host !== undefined) hosts.push({ id, removed: host.removedBy !== undefined, member: host.member });
    }
    return { identity: this.identity(), hosts, coverages: [...this.#tables.coverages()] };
  }

  identity(): StoreIdentity {
    return { id: this.#counters.storeId, position: this.#counters.position };
  }

  counts(): FleetCounts {
    return countsOf(this.#tallies.entries(), this.#observers.all());
  }

  registerHosts(hosts: readonly HostRegistration[], wallMs: number): void {
    this.#logs.begin();
    this.#hosts.register(hosts, wallMs);
    this.#end();
  }

  removeHosts(ids: readonly string[], author: string, wallMs: number): void {
    this.#logs.begin();
    this.#hosts.remove(ids, author, wallMs);
    this.#end();
  }

  setHostMode(id: string, mode: HostMode, wallMs: number): void {
    this.#logs.begin();
    this.#hosts.setMode(id, mode, wallMs);
    this.#end();
  }

  /** One opening for each, in order; an observer may be named more than once. Ids are the caller's to check. */
  openObservers(ids: readonly string[]): readonly Opening[] {
    const openings = ids.map((id) => this.#open(id));
    this.#end();
    return openings;
  }

  closeObserver(id: string, epoch: number): boolean {
    const observer = this.#observers.get(id);
    if (observer === undefined || observer.epoch !== epoch || epoch === 0) return false;
    observer.closed = true;
    this.#observers.appliedChanged(observer);
    this.#end();
    return true;
  }

  apply(events: readonly PositionedEvent[], wallMs: number): ApplyResult {
    this.#logs.begin();
    const wanted: Wanted = new Map();
    const statuses = events.map((event) => this.#events.apply(event, wanted, wallMs));
    this.#marks.settle(wallMs);
    this.#dropLongGone();
    this.#end();
    const documentsWanted = [...wanted].map(([observer, vms]) => ({ observer, vms: [...new Set(vms)] }));
    return { statuses, outboxed: this.#logs.outboxed, documentsWanted };
  }

  cover(change: CoverageChange, wallMs: number): { readonly outboxed: number } {
    this.#logs.begin();
    this.#hosts.setWatched(change.watched, true, change.member, wallMs);
    this.#marks.echoed(change.marks);
    this.#marks.settle(wallMs);
    if (change.record !== undefined) this.#saveCoverage(change.record);
    this.#end();
    return { outboxed: this.#logs.outboxed };
  }

  unwatch(ids: readonly string[], wallMs: number): { readonly outboxed: number } {
    this.#logs.begin();
    this.#hosts.setWatched(ids, false, undefined, wallMs);
    this.#end();
    return { outboxed: this.#logs.outboxed };
  }

  castMark(): { readonly mark: number; readonly realms: readonly string[] } | undefined {
    const cast = this.#marks.cast();
    this.#end();
    return cast;
  }

  pendingConfirmations(): { readonly vms: number; readonly waitingFor: readonly string[] } {
    return this.#marks.pending();
  }

  forgetVM(id: string, wallMs: number): boolean {
    const entry = this.#tables.entry(id);
    if (entry?.truth === undefined) return false;
    this.#logs.begin();
    entry.forgotten = true;
    this.#tables.saveVM(entry);
    this.#tables.setShared(entry);
    this.#truths.settle(entry, wallMs);
    this.#end();
    return true;
  }

  relayed(position: number): void {
    this.#counters.relayed = Math.max(this.#counters.relayed, Math.min(position, this.#counters.position));
    this.#logs.begin();
    this.#end();
  }

  #open(id: string): Opening {
    const observer = this.#observers.getOrAdd(id);
    const firstContact = observer.epoch === 0;
    const cleanEnd = observer.closed && observer.applied.beyond.length === 0;
    const vms = firstContact ? [] : this.#registersOf(id);
    observer.epoch++;
    observer.closed = false;
    Object.assign(observer.applied, { through: 0, beyond: [] });
    observer.partial = [];
    observer.marks = [];
    this.#observers.save(observer);
    this.#observers.appliedChanged(observer);
    const { epoch, hostUuid, report } = observer;
    return { epoch, firstContact, cleanEnd, vms, hostUuid: hostUuid?.value, hostState: report?.value.state };
  }

  /** What the observer published and still sees; the documents stay here, hashes are all that it compares. */
  #registersOf(id: string): Opening['vms'] {
    const observer = this.#observers.getOrAdd(id);
    const vms: Array<{ readonly vm: string; readonly registers: Registers }> = [];
    for (const entry of this.#tables.presentOf(observer)) {
      const sighting = entry.sightings.get(id);
      if (sighting === undefined || !hasState(sighting)) continue;
      const visible = visibleSighting(sighting, observer.snapshot);
      if (isPresent(visible)) vms.push({ vm: entry.id, registers: visible.registers });
    }
    return vms;
  }

  /** Members come and go: what one proved that no host names any more says nothing. */
  #saveCoverage(record: CoverageRecord): void {
    if (!this.#members.has(record.member)) {
      const named = new Set([...this.#observers.all()].map(({ host }) => host?.member));
      for (const member of this.#members) {
        if (named.has(member)) continue;
        this.#tables.dropCoverage(member);
        this.#members.delete(member);
      }
      this.#members.add(record.member);
    }
    this.#tables.saveCoverage(record);
  }

  #dropLongGone(): void {
    const excess = Math.min(this.#tallies.gone - this.#limits.goneVMs, dropStep);
    if (excess > 0) for (const entry of this.#tables.longestGone(excess)) this.#drop(entry);
  }

  #drop(entry: VMEntry): void {
    this.#counters.versionFloor = Math.max(this.#counters.versionFloor, entry.vmVersion);
    this.#tallies.move(entry.truth && { decider: entry.decider, state: entry.truth.state }, undefined);
    this.#pendings.set(entry, undefined);
    this.#tables.dropVM(entry);
  }

  /** What every transaction ends with. */
  #end(): void {
    this.#logs.prune();
    this.#observers.flush();
    if (differs(this.#saved, this.#counters)) {
      Object.assign(this.#saved, this.#counters);
      this.#tables.saveCounters(this.#counters);
    }
  }
}

function differs(a: Counters, b: Counters): boolean {
  return (Object.keys(a) as Array<keyof Counters>).some((key) => a[key] !== b[key]);
}
