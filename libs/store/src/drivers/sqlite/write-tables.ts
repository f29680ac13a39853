import type { DatabaseSync } from 'node:sqlite';
import type {
  Counters,
  CoverageRecord,
  DocumentRegister,
  FleetRow,
  HistoryRow,
  ObserverFacts,
  ObserverRecord,
  Pending,
  PendingKind,
  StoredSighting,
  Tally,
  VMEntry,
} from '../../engine/records.ts';
import type { Tables } from '../../engine/tables.ts';
import { decodeId, documentKey, encodeObserver } from './codec.ts';
import { EntryCache } from './entry-cache.ts';
import { historyChain, loadCounters, loadObservers, loadTallies } from './loading.ts';
import { Statements } from './statements.ts';
import { prepareWrites, type WriteStatements } from './write-statements.ts';

type Json = Readonly<Record<string, unknown>>;

const nobody: ReadonlySet<number> = new Set();

/** The tables of the writing connection. VMs and sightings are written when the transaction ends: {@link flush}. */
export class WriteTables implements Tables {
  readonly #sql: WriteStatements;
  readonly #statements: Statements;
  readonly #entries: EntryCache;
  readonly #observerNumbers = new Map<string, number>();
  readonly #counters: Counters;

  constructor(database: DatabaseSync) {
    this.#sql = prepareWrites(database);
    this.#statements = new Statements(database);
    this.#counters = loadCounters(this.#statements);
    const names = new Map<number, string>();
    for (const { id, number } of loadObservers(this.#statements)) {
      this.#observerNumbers.set(id, number);
      names.set(number, id);
    }
    this.#entries = new EntryCache(this.#sql, { numbers: this.#observerNumbers, names });
  }

  /** Writes what still waits. Before every commit. */
  flush(): void {
    this.#entries.flush();
    this.#sql.saveApplied.flush();
    this.#sql.insertFleet.flush();
    this.#sql.insertHistory.flush();
  }

  /** The transaction was committed: lets go of what was read long ago. */
  committed(): void {
    this.#entries.shrink();
  }

  counters(): Counters {
    return this.#counters;
  }

  saveCounters(counters: Counters): void {
    const { mark, terms, position, relayed, dropped, sequence, historyRows, vms, observers, versionFloor } = counters;
    const values = [mark, terms, position, relayed, dropped, sequence, historyRows, vms, observers, versionFloor];
    this.#sql.saveCounters.run(...values);
  }

  // ---- VMs ---------------------------------------------------------------------------------------------------

  entry(id: string): VMEntry | undefined {
    return this.#entries.get(id);
  }

  addEntry(entry: VMEntry): void {
    this.#entries.add(entry);
  }

  saveVM(entry: VMEntry): void {
    this.#entries.changed(entry);
  }

  saveSighting(entry: VMEntry, sighting: StoredSighting): void {
    entry.sightings.set(sighting.observer, sighting);
    this.#entries.changed(entry);
  }

  setPresent(entry: VMEntry, observer: string, present: boolean): void {
    this.#entries.setPresent(entry, observer, present);
  }

  setShared(entry: VMEntry): void {
    this.#entries.setShared(entry);
  }

  saveDocument(entry: VMEntry, observer: string, register: DocumentRegister, document: Json | undefined): void {
    const key = documentKey(entry.number, this.#numberOf(observer));
    const text = document === undefined ? null : JSON.stringify(document);
    (register === 'config' ? this.#sql.saveConfig : this.#sql.saveGuest).run(key, text);
  }

  dropVM(entry: VMEntry): void {
    this.#entries.drop(entry);
    this.#sql.deleteDocuments.run(documentKey(entry.number, 0), documentKey(entry.number + 1, 0));
  }

  presentOf(observer: ObserverRecord, except: ReadonlySet<number> = nobody): readonly VMEntry[] {
    return this.#entries.foundBy(this.#sql.presentOf, observer, 'present', except);
  }

  sharedOf(observer: ObserverRecord): readonly VMEntry[] {
    return this.#entries.foundBy(this.#sql.sharedOf, observer, 'shared', nobody);
  }

  longestGone(limit: number): readonly VMEntry[] {
    this.flush();
    const rows = this.#sql.longestGone.all(limit) as ReadonlyArray<readonly [string | Uint8Array]>;
    return rows.map(([id]) => this.entry(decodeId(id)) as VMEntry);
  }

  // ---- Observers ---------------------------------------------------------------------------------------------

  observers(): Iterable<ObserverRecord> {
    return loadObservers(this.#statements);
  }

  saveObserver(observer: ObserverRecord, facts: ObserverFacts): void {
    const { number, id, host, echoedMark } = observer;
    this.#observerNumbers.set(id, number);
    this.#entries.named(number, id);
    this.#sql.saveObserver.run(
      ...[number, id, host === undefined ? 0 : 1, facts.realm, facts.observable ? 1 : 0, facts.removed ? 1 : 0],
      echoedMark,
      encodeObserver(observer),
    );
  }

  saveApplied({ number, epoch, closed, applied: { through, beyond } }: ObserverRecord): void {
    const ranges = beyond.length === 0 ? null : JSON.stringify(beyond);
    this.#sql.saveApplied.add(number, epoch, closed ? 1 : 0, through, ranges);
  }

  #numberOf(observer: string): number {
    return this.#observerNumbers.get(observer) as number;
  }

  *pendings(): Generator<readonly [string, Pending]> {
    for (const row of this.#sql.pendings.iterate()) {
      const [id, kind, realm, mark] = row as [string | Uint8Array, PendingKind, string, number];
      yield [decodeId(id), { kind, realm, mark }];
    }
  }

  savePending({ number }: VMEntry, pending: Pending | undefined): void {
    if (pending === undefined) this.#sql.deletePending.run(number);
    else {
      const { kind, realm, mark } = pending;
      this.#sql.savePending.run(number, kind, realm, mark);
    }
  }

  // ---- Logs --------------------------------------------------------------------------------------------------

  appendFleet({ position, id, json }: FleetRow): void {
    this.#sql.insertFleet.add(position, id, json);
  }

  dropFleet(position: number): void {
    this.#sql.insertFleet.flush();
    this.#sql.deleteFleet.run(position);
  }

  appendHistory(entry: VMEntry, { sequence, atMs, by, name, via, data }: HistoryRow): void {
    const observer = by === undefined ? null : this.#numberOf(by);
    const previous = this.#entries.addHistory(entry, sequence);
    this.#sql.insertHistory.add(sequence, previous, atMs, observer, name, via, data);
  }

  dropOldestHistory(count: number): number {
    this.#sql.insertHistory.flush();
    return this.#sql.deleteOldestHistory.run(count);
  }

  trimHistory(entry: VMEntry, keep: number): number {
    this.#sql.insertHistory.flush();
    const chain = historyChain(this.#statements, this.#entries.lastHistory(entry), Number.POSITIVE_INFINITY);
    let kept = 0;
    let dropped = 0;
    for (const [sequence] of chain) {
      if (++kept > keep) dropped += this.#sql.deleteHistory.run(sequence);
    }
    return dropped;
  }

  tallies(): Iterable<Tally> {
    return loadTallies(this.#statements);
  }

  *coverages(): Generator<CoverageRecord> {
    const rows = this.#sql.coverages.iterate() as Iterable<readonly [string]>;
    for (const [data] of rows) yield JSON.parse(data) as CoverageRecord;
  }

  saveCoverage(record: CoverageRecord): void {
    this.#sql.saveCoverage.run(record.member, JSON.stringify(record));
  }

  dropCoverage(member: string): void {
    this.#sql.deleteCoverage.run(member);
  }
}
