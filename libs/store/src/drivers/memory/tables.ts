import { addressKeyOf, lowestKey } from '../../engine/filters.ts';
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

type Json = Readonly<Record<string, unknown>>;

/** A VM with what stands beside it in other tables. */
interface Cell {
  readonly entry: VMEntry;
  readonly documents: Map<string, { config?: Json; guest?: Json }>;
  history: HistoryRow[];
  pending: Pending | undefined;
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
    const cell: Cell = { entry, documents: new Map(), history: [], pending: undefined };
    this.#cells.set(entry.id, cell);
    this.#byNumber[entry.number] = cell;
  }

  saveVM(_entry: VMEntry): void {
    // The entry itself is the table's row.
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
    const { documents } = this.#cell(entry);
    const held = documents.get(observer) ?? {};
    documents.set(observer, held);
    if (document === undefined) delete held[register];
    else held[register] = document;
  }

  dropVM(entry: VMEntry): void {
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
    const gone = [...this.#cells.values()].map((cell) => cell.entry).filter((entry) => entry.truth?.state === 'gone');
    return gone.sort((a, b) => a.lastChangedMs - b.lastChangedMs || a.number - b.number).slice(0, limit);
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
  }

  saveApplied(_observer: ObserverRecord): void {
    // The record itself is the table's row.
  }

  *pendings(): Generator<readonly [string, Pending]> {
    for (const { entry, pending } of this.#cells.values()) if (pending !== undefined) yield [entry.id, pending];
  }

  savePending(entry: VMEntry, pending: Pending | undefined): void {
    this.#cell(entry).pending = pending;
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
    const ids: string[] = [];
    for (const { id, host } of this.#observers.values()) if (host !== undefined && id > after) ids.push(id);
    return ids
      .sort()
      .slice(0, limit)
      .map((id) => this.observer(id) as HostRow);
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

  scan(_filter: VMFilter, after: number, limit: number): Scan<VMRow> {
    const rows: VMRow[] = [];
    for (let number = after + 1; number < this.#byNumber.length; number++) {
      const cell = this.#byNumber[number];
      const row = cell && rowOf(cell);
      if (row !== undefined) rows.push(row);
      if (rows.length === limit) return { rows, next: number };
    }
    return { rows, next: undefined };
  }

  scanAddresses(
    range: { readonly from: string; readonly to: string },
    after: { readonly key: string; readonly number: number } | undefined,
    limit: number,
  ): readonly AddressHit[] {
    const hits: AddressHit[] = [];
    for (const cell of this.#cells.values()) {
      const row = rowOf(cell);
      if (row === undefined || lowestKey(range, row) === undefined) continue;
      for (const key of new Set(row.truth.addresses.map(({ address }) => addressKeyOf(address)))) {
        if (key !== undefined && inRange(range, key) && isAfter(after, key, row.number)) hits.push({ key, row });
      }
    }
    const sorted = hits.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : a.row.number - b.row.number));
    return sorted.slice(0, limit);
  }

  sightings(row: VMRow): ReadonlyArray<StoredSighting & { readonly documents: Documents }> {
    const cell = this.#cells.get(row.id);
    const sightings = [...(cell?.entry.sightings.values() ?? [])];
    return sightings.map((one) => ({ ...one, documents: cell?.documents.get(one.observer) ?? {} }));
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
    let vms = 0;
    for (const { entry } of this.#cells.values()) {
      if (entry.decider === observer && entry.truth !== undefined && entry.truth.state !== 'gone') vms++;
    }
    return vms;
  }

  waiting(realm: string, echoed: number): number {
    let vms = 0;
    for (const { pending } of this.#cells.values()) {
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

function inRange(range: { readonly from: string; readonly to: string }, key: string): boolean {
  return key.length === range.from.length && key >= range.from && key <= range.to;
}

function isAfter(
  after: { readonly key: string; readonly number: number } | undefined,
  key: string,
  number: number,
): boolean {
  return after === undefined || key > after.key || (key === after.key && number > after.number);
}
