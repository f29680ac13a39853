import type { VMTruth } from '@vedette/model';
import { addressKeyOf, textMatcher } from '../../engine/filters.ts';
import { sameItems } from '../../engine/items.ts';
import { factsOf, holdsBack } from '../../engine/observers.ts';
import {
  type Counters,
  type CoverageRecord,
  type DocumentRegister,
  type Documents,
  type FleetRow,
  type HistoryRow,
  newCounters,
  type ObserverFacts,
  type ObserverRecord,
  type Pending,
  type StoredSighting,
  type Tally,
  type VMEntry,
  type VMRow,
} from '../../engine/records.ts';
import type { AddressHit, HostRow, ReadTables, Scan, Tables, VMFilter } from '../../engine/tables.ts';
import type { HistoryRecord, LoggedFleetEvent } from '../../port.ts';
import { AddressIndex } from './address-index.ts';

type Json = Readonly<Record<string, unknown>>;

/** A VM with what stands beside it in other tables. */
interface Cell {
  readonly number: number;
  readonly entry: VMEntry;
  /** Undefined until there is one: most VMs never have any. */
  documents: Map<string, { config?: Json; guest?: Json }> | undefined;
  history: HistoryRow[];
  pending: Pending | undefined;
  /** The truth and the decider that the indexes know it by. */
  truth: VMTruth | undefined;
  decider: string | undefined;
}

/** What one observer decides. */
interface Decided {
  readonly cells: Set<Cell>;
  /** Of these, VMs that are not gone. */
  present: number;
}

/** The tables as maps. Queries read the same maps: nothing can run between the steps of a transaction. */
export class MemoryTables implements Tables, ReadTables {
  #counters: Counters;
  readonly #cells = new Map<string, Cell>();
  /** By number; a dropped VM leaves a hole. */
  readonly #byNumber: Array<Cell | undefined> = [];
  readonly #observers = new Map<string, ObserverRecord>();
  readonly #present = new Map<string, Set<VMEntry>>();
  readonly #shared = new Map<string, Set<VMEntry>>();
  readonly #decided = new Map<string, Decided>();
  readonly #gone = new Set<VMEntry>();
  readonly #addresses = new AddressIndex<Cell>();
  readonly #pending = new Set<Cell>();
  readonly #registered = new Set<string>();
  /** The same, sorted; undefined after one was added. */
  #hostIds: readonly string[] | undefined;
  #log: FleetRow[] = [];
  /** VMs in the order of their history records, oldest first: whose record is the next to be dropped. */
  #historyOrder: Array<{ readonly cell: Cell; readonly sequence: number }> = [];
  readonly #coverages = new Map<string, CoverageRecord>();

  constructor(storeId: string) {
    this.#counters = newCounters(storeId);
  }

  // ---- VMs ---------------------------------------------------------------------------------------------------

  counters(): Counters {
    return this.#counters;
  }

  saveCounters(counters: Counters): void {
    this.#counters = { ...counters };
  }

  entry(id: string): VMEntry | undefined {
    return this.#cells.get(id)?.entry;
  }

  addEntry(entry: VMEntry): void {
    const cell: Cell = {
      ...{ number: entry.number, entry, documents: undefined, history: [], pending: undefined },
      ...{ truth: undefined, decider: undefined },
    };
    this.#cells.set(entry.id, cell);
    this.#byNumber[entry.number] = cell;
  }

  /** The entry itself is the table's row; only what queries go by is noted. */
  saveVM(entry: VMEntry): void {
    const cell = this.#cell(entry);
    if (cell.truth !== entry.truth || cell.decider !== entry.decider) this.#index(cell, entry.truth, entry.decider);
  }

  #index(cell: Cell, truth: VMTruth | undefined, decider: string | undefined): void {
    const addressesBefore = cell.truth?.addresses ?? nothing;
    const addresses = truth?.addresses ?? nothing;
    if (!sameItems(addressesBefore, addresses)) {
      for (const { address } of addressesBefore) this.#addresses.remove(addressKeyOf(address) ?? '', cell);
      for (const { address } of addresses) {
        const key = addressKeyOf(address);
        if (key !== undefined) this.#addresses.add(key, cell);
      }
    }
    if (truth?.state === 'gone') this.#gone.add(cell.entry);
    else this.#gone.delete(cell.entry);
    const before = cell.decider === undefined ? undefined : this.#decided.get(cell.decider);
    if (before?.cells.delete(cell) === true && cell.truth?.state !== 'gone') before.present--;
    if (decider !== undefined && truth !== undefined) {
      const now = this.#decided.get(decider) ?? { cells: new Set(), present: 0 };
      this.#decided.set(decider, now);
      now.cells.add(cell);
      if (truth.state !== 'gone') now.present++;
    }
    cell.truth = truth;
    cell.decider = decider;
  }

  saveSighting(entry: VMEntry, sighting: StoredSighting): void {
    entry.sightings.set(sighting.observer, sighting);
  }

  setPresent(entry: VMEntry, observer: string, present: boolean): void {
    if (present) setOf(this.#present, observer).add(entry);
    else this.#present.get(observer)?.delete(entry);
  }

  setShared(entry: VMEntry): void {
    for (const observer of entry.sightings.keys()) setOf(this.#shared, observer).add(entry);
  }

  saveDocument(entry: VMEntry, observer: string, register: DocumentRegister, document: Json | undefined): void {
    const cell = this.#cell(entry);
    cell.documents ??= new Map();
    const { documents } = cell;
    const held = documents.get(observer) ?? {};
    documents.set(observer, held);
    if (document === undefined) delete held[register];
    else held[register] = document;
  }

  dropVM(entry: VMEntry): void {
    const cell = this.#cell(entry);
    this.#index(cell, undefined, undefined);
    this.#pending.delete(cell);
    this.#cells.delete(entry.id);
    this.#byNumber[entry.number] = undefined;
    for (const observer of entry.sightings.keys()) {
      this.#present.get(observer)?.delete(entry);
      this.#shared.get(observer)?.delete(entry);
    }
  }

  presentOf(observer: ObserverRecord, except?: ReadonlySet<number>): readonly VMEntry[] {
    return [...(this.#present.get(observer.id) ?? [])].filter(({ number }) => !except?.has(number));
  }

  sharedOf(observer: ObserverRecord): readonly VMEntry[] {
    return [...(this.#shared.get(observer.id) ?? [])];
  }

  longestGone(limit: number): readonly VMEntry[] {
    return [...this.#gone].sort((a, b) => a.lastChangedMs - b.lastChangedMs || a.number - b.number).slice(0, limit);
  }

  #cell(entry: VMEntry): Cell {
    return this.#cells.get(entry.id) as Cell;
  }

  // ---- Observers ---------------------------------------------------------------------------------------------

  observers(): Iterable<ObserverRecord> {
    return this.#observers.values();
  }

  saveObserver(observer: ObserverRecord, _facts: ObserverFacts): void {
    this.#observers.set(observer.id, observer);
    if (observer.host === undefined || this.#registered.has(observer.id)) return;
    this.#registered.add(observer.id);
    this.#hostIds = undefined;
  }

  saveApplied(_observer: ObserverRecord): void {
    // The record itself is the table's row.
  }

  *pendings(): Generator<readonly [string, Pending]> {
    for (const { entry, pending } of this.#pending) if (pending !== undefined) yield [entry.id, pending];
  }

  savePending(entry: VMEntry, pending: Pending | undefined): void {
    const cell = this.#cell(entry);
    cell.pending = pending;
    if (pending === undefined) this.#pending.delete(cell);
    else this.#pending.add(cell);
  }

  // ---- Logs --------------------------------------------------------------------------------------------------

  appendFleet(row: FleetRow): void {
    this.#log.push(row);
  }

  dropFleet(position: number): void {
    this.#log = this.#log.slice(this.#logIndex(position));
  }

  appendHistory(entry: VMEntry, row: HistoryRow): void {
    const cell = this.#cell(entry);
    cell.history.push(row);
    this.#historyOrder.push({ cell, sequence: row.sequence });
  }

  dropOldestHistory(count: number): number {
    let dropped = 0;
    let at = 0;
    for (; at < this.#historyOrder.length && dropped < count; at++) {
      const { cell, sequence } = this.#historyOrder[at] as { cell: Cell; sequence: number };
      if (cell.history[0]?.sequence !== sequence) continue; // trimmed before
      cell.history.shift();
      dropped++;
    }
    this.#historyOrder = this.#historyOrder.slice(at);
    return dropped;
  }

  trimHistory(entry: VMEntry, keep: number): number {
    const cell = this.#cell(entry);
    const dropped = Math.max(0, cell.history.length - keep);
    cell.history = cell.history.slice(dropped);
    return dropped;
  }

  *tallies(): Generator<Tally> {
    for (const { entry } of this.#cells.values()) {
      const { decider, truth } = entry;
      if (decider !== undefined && truth !== undefined) yield { decider, state: truth.state, count: 1 };
    }
  }

  coverages(): Iterable<CoverageRecord> {
    return this.#coverages.values();
  }

  saveCoverage(record: CoverageRecord): void {
    this.#coverages.set(record.member, record);
  }

  dropCoverage(member: string): void {
    this.#coverages.delete(member);
  }

  // ---- Queries -----------------------------------------------------------------------------------------------

  observer(id: string): HostRow | undefined {
    const observer = this.#observers.get(id);
    return observer && { observer, facts: factsOf(observer) };
  }

  hosts(after: string, limit: number): readonly HostRow[] {
    this.#hostIds ??= [...this.#registered].sort();
    const ids = this.#hostIds;
    const from = firstAbove(ids, after);
    return ids.slice(from, from + limit).map((id) => this.observer(id) as HostRow);
  }

  unanswered(realm: string, mark: number): readonly string[] {
    const ids: string[] = [];
    for (const observer of this.#observers.values()) {
      if (holdsBack(observer.id, factsOf(observer), realm, mark)) ids.push(observer.id);
    }
    return ids.sort();
  }

  vm(id: string): VMRow | undefined {
    const cell = this.#cells.get(id);
    return cell && rowOf(cell);
  }

  scan(filter: VMFilter, after: number, limit: number): Scan<VMRow> {
    const rows: VMRow[] = [];
    const mayMatch = narrowing(filter);
    for (const cell of filter.host === undefined ? this.#after(after) : this.#decidedAfter(filter.host, after)) {
      const row = mayMatch(cell.entry) ? rowOf(cell) : undefined;
      if (row !== undefined) rows.push(row);
      if (rows.length === limit) return { rows, next: cell.number };
    }
    return { rows, next: undefined };
  }

  *#after(number: number): Generator<Cell> {
    for (let at = number + 1; at < this.#byNumber.length; at++) {
      const cell = this.#byNumber[at];
      if (cell !== undefined) yield cell;
    }
  }

  #decidedAfter(host: string, after: number): readonly Cell[] {
    const cells = [...(this.#decided.get(host)?.cells ?? [])].filter(({ number }) => number > after);
    return cells.sort((a, b) => a.number - b.number);
  }

  scanAddresses(
    range: { readonly from: string; readonly to: string },
    after: { readonly key: string; readonly number: number } | undefined,
    limit: number,
  ): readonly AddressHit[] {
    const places = this.#addresses.lowest(range, after, limit);
    return places.map(({ key, item }) => ({ key, row: rowOf(item) as VMRow }));
  }

  sightings(row: VMRow): ReadonlyArray<StoredSighting & { readonly documents: Documents }> {
    const cell = this.#cells.get(row.id);
    const sightings = [...(cell?.entry.sightings.values() ?? [])];
    return sightings.map((one) => ({ ...one, documents: cell?.documents?.get(one.observer) ?? {} }));
  }

  history(row: VMRow, before: number, limit: number): readonly HistoryRecord[] {
    const records: HistoryRecord[] = [];
    const history = this.#cells.get(row.id)?.history ?? [];
    for (let at = history.length - 1; at >= 0 && records.length < limit; at--) {
      const { sequence, atMs, by = 'fleet', name, via, data } = history[at] as HistoryRow;
      if (sequence < before)
        records.push({ sequence, atMs, by, name, vm: row.id, via, data: JSON.parse(data) as Json });
    }
    return records;
  }

  fleetLog(after: number, limit: number): readonly LoggedFleetEvent[] {
    const from = this.#logIndex(after);
    return this.#log.slice(from, from + limit);
  }

  decides(observer: string): number {
    return this.#decided.get(observer)?.present ?? 0;
  }

  waiting(realm: string, echoed: number): number {
    let vms = 0;
    for (const { pending } of this.#pending) {
      if (pending?.kind === 'waiting' && pending.realm === realm && pending.mark >= echoed) vms++;
    }
    return vms;
  }

  /** The index of the first row after a position: positions are consecutive. */
  #logIndex(position: number): number {
    const first = this.#log[0]?.position ?? position + 1;
    return Math.max(0, Math.min(this.#log.length, position + 1 - first));
  }
}

function setOf<K, V>(sets: Map<K, Set<V>>, key: K): Set<V> {
  const set = sets.get(key) ?? new Set();
  sets.set(key, set);
  return set;
}

function rowOf({ entry, pending }: Cell): VMRow | undefined {
  const { number, id, vmVersion, incarnation, everRan, truth, decider, firstSeenMs, lastChangedMs } = entry;
  if (truth === undefined) return undefined;
  return { number, id, vmVersion, incarnation, everRan, truth, decider, firstSeenMs, lastChangedMs, pending };
}

const nothing: VMTruth['addresses'] = [];

/** What a row must have to match, as far as it can be told without what is joined. */
function narrowing({ realm, states, text, gone }: VMFilter): (entry: VMEntry) => boolean {
  const matchesText = text === undefined ? undefined : textMatcher(text);
  const asStored = states?.has('unknown') === true ? undefined : states;
  return ({ id, truth }) =>
    truth !== undefined &&
    (gone || truth.state !== 'gone') &&
    (realm === undefined || truth.realm === realm) &&
    (asStored === undefined || asStored.has(truth.state)) &&
    (matchesText === undefined || matchesText(truth.name) || matchesText(id));
}

/** The index of the first of sorted texts above the one given. */
function firstAbove(sorted: readonly string[], text: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] as string) > text) high = middle;
    else low = middle + 1;
  }
  return low;
}
