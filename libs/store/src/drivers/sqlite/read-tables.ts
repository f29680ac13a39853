import type { DatabaseSync } from 'node:sqlite';
import { fleetSubject } from '../../engine/logs.ts';
import { factsOf } from '../../engine/observers.ts';
import type {
  Counters,
  CoverageRecord,
  Documents,
  ObserverRecord,
  PendingKind,
  StoredSighting,
  Tally,
  VMRow,
} from '../../engine/records.ts';
import type { AddressHit, HostRow, ReadTables, Scan, VMFilter } from '../../engine/tables.ts';
import type { HistoryRecord, LoggedFleetEvent } from '../../port.ts';
import { decodeId, documentKey, encodeId } from './codec.ts';
import { historyChain, loadCounters, loadTallies, observerColumns, toObserver } from './loading.ts';
import { streamsOf } from './scan-plan.ts';
import { type Row, Statements } from './statements.ts';
import { StoredVM } from './vm-codec.ts';

/** VM numbers that one scan looks at: what bounds its time however few rows match. */
const scanWindow = 20_000;

const rowColumns = `
  v.number, v.id, v.state, v.decider, v.realm, v.name, v.data, o.id, p.kind, p.realm, p.mark`;
const joins = `
  LEFT JOIN observers o ON o.number = v.decider
  LEFT JOIN pendings p ON p.number = v.number`;

type JoinedColumns = readonly [
  number: number,
  id: string | Uint8Array,
  state: string,
  deciderNumber: number | null,
  realm: string | null,
  name: string | null,
  data: string,
  decider: string | null,
  pendingKind: PendingKind | null,
  pendingRealm: string,
  pendingMark: number,
];

/** The tables of a reading connection. Every call sees what was committed when it began. */
export class ReadConnection implements ReadTables {
  readonly #sql: Statements;

  constructor(database: DatabaseSync) {
    this.#sql = new Statements(database);
  }

  counters(): Counters {
    return loadCounters(this.#sql);
  }

  observer(id: string): HostRow | undefined {
    const row = this.#sql.prepare(`SELECT ${observerColumns} WHERE o.id = ?`).get(id);
    return row === undefined ? undefined : toHostRow(toObserver(row));
  }

  hosts(after: string, limit: number): readonly HostRow[] {
    const rows = this.#sql
      .prepare(`SELECT ${observerColumns} WHERE o.registered = 1 AND o.id > ? ORDER BY o.id LIMIT ?`)
      .all(after, limit);
    return rows.map((row) => toHostRow(toObserver(row)));
  }

  unanswered(realm: string, mark: number): readonly string[] {
    const rows = this.#sql
      .prepare(
        `SELECT id FROM observers WHERE realm = ? AND removed = 0 AND echoed_mark <= ? AND id NOT LIKE '@%' ORDER BY id`,
      )
      .all(realm, mark);
    return rows.map(([id]) => id as string);
  }

  vm(id: string): VMRow | undefined {
    const row = this.#sql
      .prepare(`SELECT ${rowColumns} FROM vms v ${joins} WHERE v.id = ? AND v.state IS NOT NULL`)
      .get(encodeId(id));
    return row === undefined ? undefined : toVMRow(row);
  }

  scan(filter: VMFilter, after: number, limit: number): Scan<VMRow> {
    const last = Number(this.#sql.prepare('SELECT max(number) FROM vms').get()?.[0] ?? 0);
    const unobservable = this.#sql.prepare('SELECT number FROM observers WHERE observable = 0 LIMIT 65').all();
    const host = filter.host === undefined ? undefined : this.#numberOf(filter.host);
    if (filter.host !== undefined && host === undefined) return { rows: [], next: undefined };
    const plan = streamsOf(filter, { host, unobservable: unobservable.map(([number]) => number as number) });
    const end = plan.windowed ? Math.min(last, after + scanWindow) : last;
    const rows: VMRow[] = [];
    let full = false;
    for (const { where, values } of plan.streams) {
      const sql = `SELECT ${rowColumns} FROM vms v ${joins} WHERE ${where} AND v.number > ? AND v.number <= ?
        ORDER BY v.number LIMIT ?`;
      const found = this.#sql.prepare(sql).all(...values, after, end, limit);
      full ||= found.length === limit;
      for (const row of found) rows.push(toVMRow(row));
    }
    if (plan.streams.length > 1) rows.sort((a, b) => a.number - b.number);
    const page = rows.slice(0, limit);
    if (full || rows.length > limit) return { rows: page, next: (page.at(-1) as VMRow).number };
    return { rows: page, next: end < last ? end : undefined };
  }

  scanAddresses(
    range: { readonly from: string; readonly to: string },
    after: { readonly key: string; readonly number: number } | undefined,
    limit: number,
  ): readonly AddressHit[] {
    const rows = this.#sql
      .prepare(`SELECT ${rowColumns}, a.key FROM addresses a JOIN vms v ON v.number = a.number ${joins}
       WHERE (a.key, a.number) > (?, ?) AND a.key <= ? ORDER BY a.key, a.number LIMIT ?`)
      .all(after?.key ?? range.from, after?.number ?? 0, range.to, limit);
    return rows.map((row) => ({ key: row[rowColumnCount] as string, row: toVMRow(row) }));
  }

  sightings(row: VMRow): ReadonlyArray<StoredSighting & { readonly documents: Documents }> {
    const documents = this.#sql.prepare('SELECT config, guest FROM documents WHERE key = ?');
    const stored = this.#stored(row);
    if (stored === undefined) return [];
    return stored.sightings.map((array) => {
      const [number] = array;
      const [config, guest] = documents.get(documentKey(row.number, number)) ?? noDocuments;
      const held = documentsOf(config as string | null, guest as string | null);
      return { ...stored.sighting(array, this.#nameOf(number)), documents: held };
    });
  }

  history(row: VMRow, before: number, limit: number): readonly HistoryRecord[] {
    const last = this.#stored(row)?.lastHistory ?? 0;
    const records: HistoryRecord[] = [];
    for (const [sequence, , atMs, observer, name, via, data] of historyChain(this.#sql, last, before)) {
      const by = observer === null ? 'fleet' : this.#nameOf(observer);
      records.push({ sequence, atMs, by, name, vm: row.id, via, data: JSON.parse(data) as HistoryRecord['data'] });
      if (records.length === limit) break;
    }
    return records;
  }

  fleetLog(after: number, limit: number): readonly LoggedFleetEvent[] {
    const rows = this.#sql
      .prepare('SELECT position, id, json FROM fleet_log WHERE position > ? ORDER BY position LIMIT ?')
      .all(after, limit);
    return rows.map((columns) => {
      const [position, id, json] = columns as [number, string, string];
      return { position, id, subject: fleetSubject(id), json };
    });
  }

  decides(observer: string): number {
    const row = this.#sql
      .prepare(
        `SELECT count(*) FROM vms WHERE decider = (SELECT number FROM observers WHERE id = ?) AND state <> 'gone'`,
      )
      .get(observer);
    return Number(row?.[0]);
  }

  waiting(realm: string, echoed: number): number {
    const row = this.#sql
      .prepare(`SELECT count(*) FROM pendings WHERE kind = 'waiting' AND realm = ? AND mark >= ?`)
      .get(realm, echoed);
    return Number(row?.[0]);
  }

  tallies(): Iterable<Tally> {
    return loadTallies(this.#sql);
  }

  coverages(): Iterable<CoverageRecord> {
    return this.#sql
      .prepare('SELECT data FROM coverages')
      .all()
      .map(([data]) => JSON.parse(data as string) as CoverageRecord);
  }

  /** The row as it is now; undefined when the VM was dropped meanwhile. */
  #stored({ number }: VMRow): StoredVM | undefined {
    const row = this.#sql.prepare('SELECT state, realm, name, data FROM vms WHERE number = ?').get(number);
    if (row === undefined) return undefined;
    const [state, realm, name, data] = row as [string | null, string | null, string | null, string];
    return new StoredVM({ state, realm, name, data });
  }

  #nameOf(observer: number): string {
    return this.#sql.prepare('SELECT id FROM observers WHERE number = ?').get(observer)?.[0] as string;
  }

  #numberOf(observer: string): number | undefined {
    return this.#sql.prepare('SELECT number FROM observers WHERE id = ?').get(observer)?.[0] as number | undefined;
  }
}

const rowColumnCount = rowColumns.split(',').length;

const noDocuments: Row = [null, null];

function toHostRow(observer: ObserverRecord): HostRow {
  return { observer, facts: factsOf(observer) };
}

function documentsOf(config: string | null, guest: string | null): Documents {
  return {
    ...(config === null ? {} : { config: JSON.parse(config) as NonNullable<Documents['config']> }),
    ...(guest === null ? {} : { guest: JSON.parse(guest) as NonNullable<Documents['guest']> }),
  };
}

function toVMRow(row: Row): VMRow {
  const [number, id, state, deciderNumber, realm, name, data, deciderId, kind, pendingRealm, mark] =
    row as JoinedColumns;
  const decider = deciderId ?? undefined;
  const stored = new StoredVM({ state, realm, name, data });
  const deciding = decider === undefined ? undefined : stored.sightingOf(decider, deciderNumber as number);
  const truth = stored.truth(decider, deciding) as VMRow['truth'];
  const { vmVersion, incarnation, everRan, firstSeenMs, lastChangedMs } = stored;
  const pending = kind === null ? undefined : { kind, realm: pendingRealm, mark };
  const counted = { vmVersion, incarnation, everRan, firstSeenMs, lastChangedMs };
  return { number, id: decodeId(id), ...counted, truth, decider, pending };
}
