import type { VMState } from '@vedette/model';
import type { Counters, ObserverRecord, Tally } from '../../engine/records.ts';
import { decodeObserver } from './codec.ts';
import type { Row, Statements } from './statements.ts';

/** What both connections read: counters, observers, and how many VMs they decide. */

export function loadCounters(sql: Statements): Counters {
  const row = sql
    .prepare(
      `SELECT store, mark, terms, position, relayed, dropped, sequence, history_rows, vms, observers, version_floor
     FROM counters`,
    )
    .get();
  const [storeId, mark, terms, position, relayed, dropped, sequence, historyRows, vms, observers, versionFloor] =
    row as [string, number, number, number, number, number, number, number, number, number, number];
  return { storeId, mark, terms, position, relayed, dropped, sequence, historyRows, vms, observers, versionFloor };
}

/** The columns of {@link toObserver}. */
export const observerColumns = `
  o.number, o.id, o.echoed_mark, o.data, a.epoch, a.closed, a.through, a.beyond
  FROM observers o LEFT JOIN applied a ON a.number = o.number`;

export function toObserver(row: Row): ObserverRecord {
  const [number, id, echoedMark, data, epoch, closed, through, beyond] = row as [
    number,
    string,
    number,
    string,
    number | null,
    number | null,
    number | null,
    string | null,
  ];
  return decodeObserver({ number, id, echoedMark, data, epoch, closed, through, beyond });
}

export function loadObservers(sql: Statements): ObserverRecord[] {
  return sql.prepare(`SELECT ${observerColumns}`).all().map(toObserver);
}

export function* loadTallies(sql: Statements): Generator<Tally> {
  const counted = sql.prepare(
    `SELECT o.id, v.state, count(*) FROM vms v JOIN observers o ON o.number = v.decider GROUP BY v.decider, v.state`,
  );
  const rows = counted.iterate();
  for (const row of rows) {
    const [decider, state, count] = row as [string, VMState, number];
    yield { decider, state, count };
  }
}

export type HistoryColumns = readonly [
  sequence: number,
  previous: number,
  at: number,
  observer: number | null,
  name: string,
  via: string,
  data: string,
];

/** Records of one VM from `last` backwards, those below `before`; ends where a record was dropped (S4 of the schema). */
export function* historyChain(sql: Statements, last: number, before: number): Generator<HistoryColumns> {
  const record = sql.prepare('SELECT * FROM history WHERE sequence = ?');
  for (let sequence = last; sequence > 0; ) {
    const row = record.get(sequence) as HistoryColumns | undefined;
    if (row === undefined) return;
    if (sequence < before) yield row;
    sequence = row[1];
  }
}
