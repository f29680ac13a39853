import type { DatabaseSync } from 'node:sqlite';
import { RowBatch } from './row-batch.ts';
import { Prepared } from './statements.ts';

const entryColumns = 'v.state, v.decider, v.realm, v.name, v.data';

function saveDocument(register: 'config' | 'guest'): string {
  return `INSERT INTO documents (key, ${register}) VALUES (?, ?)
    ON CONFLICT (key) DO UPDATE SET ${register} = excluded.${register}`;
}

const statements = {
  saveCounters: `UPDATE counters SET mark = ?, terms = ?, position = ?, relayed = ?, dropped = ?, sequence = ?,
    history_rows = ?, vms = ?, observers = ?, version_floor = ?`,

  // Whoever knows the identifier does not read it again: bytes are dear to bring over.
  entry: `SELECT v.number, NULL, ${entryColumns} FROM vms v WHERE v.id = ?`,
  entryByNumber: `SELECT v.number, v.id, ${entryColumns} FROM vms v WHERE v.number = ?`,
  presentOf: 'SELECT number FROM seen WHERE observer = ? AND present = 1',
  sharedOf: 'SELECT number FROM seen WHERE observer = ? AND shared = 1',
  longestGone: 'SELECT id FROM vms WHERE gone_at IS NOT NULL ORDER BY gone_at, number LIMIT ?',
  updateVM: `UPDATE vms SET state = ?, decider = ?, realm = ?, name = ?, gone_at = ?, data = ? WHERE number = ?`,
  updateVMState: 'UPDATE vms SET state = ?, data = ? WHERE number = ?',
  updateVMData: 'UPDATE vms SET data = ? WHERE number = ?',
  deleteVM: 'DELETE FROM vms WHERE number = ?',
  deleteSeen: 'DELETE FROM seen WHERE observer = ? AND number = ?',

  saveConfig: saveDocument('config'),
  saveGuest: saveDocument('guest'),
  deleteDocuments: 'DELETE FROM documents WHERE key >= ? AND key < ?',
  deleteAddress: 'DELETE FROM addresses WHERE key = ? AND number = ?',

  saveObserver: `INSERT INTO observers (number, id, registered, realm, observable, removed, echoed_mark, data)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (number) DO UPDATE SET registered = excluded.registered, realm = excluded.realm,
    observable = excluded.observable, removed = excluded.removed, echoed_mark = excluded.echoed_mark,
    data = excluded.data`,
  // The few that wait first: left to itself SQLite looks at all VMs.
  pendings: 'SELECT v.id, p.kind, p.realm, p.mark FROM pendings p CROSS JOIN vms v ON v.number = p.number',
  savePending: 'REPLACE INTO pendings VALUES (?, ?, ?, ?)',
  deletePending: 'DELETE FROM pendings WHERE number = ?',

  deleteFleet: 'DELETE FROM fleet_log WHERE position <= ?',
  deleteHistory: 'DELETE FROM history WHERE sequence = ?',
  deleteOldestHistory: 'DELETE FROM history WHERE sequence IN (SELECT sequence FROM history ORDER BY sequence LIMIT ?)',

  coverages: 'SELECT data FROM coverages',
  saveCoverage: 'REPLACE INTO coverages VALUES (?, ?)',
  deleteCoverage: 'DELETE FROM coverages WHERE member = ?',
} as const;

/** Rows of a table that are written several at a time: what to do with them, and how many columns they have. */
const batches = {
  insertVM: ['INSERT INTO vms', 8],
  saveSeen: ['REPLACE INTO seen', 4],
  insertAddress: ['INSERT OR IGNORE INTO addresses', 2],
  saveApplied: ['REPLACE INTO applied', 5],
  insertFleet: ['INSERT INTO fleet_log', 3],
  insertHistory: ['INSERT INTO history', 7],
} as const;

/** What the writing connection asks of its database, prepared once. */
export type WriteStatements = { readonly [Name in keyof typeof statements]: Prepared } & {
  readonly [Name in keyof typeof batches]: RowBatch;
};

export function prepareWrites(database: DatabaseSync): WriteStatements {
  const prepared = Object.entries(statements).map(([name, sql]) => [name, new Prepared(database, sql)] as const);
  const gathering = Object.entries(batches).map(
    ([name, [into, columns]]) => [name, new RowBatch(database, into, columns)] as const,
  );
  return Object.fromEntries<Prepared | RowBatch>([...prepared, ...gathering]) as WriteStatements;
}
