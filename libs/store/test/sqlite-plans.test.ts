import { DatabaseSync } from 'node:sqlite';
import { describe, expect, test } from 'vitest';
import { ReadConnection } from '../src/drivers/sqlite/read-tables.ts';
import { type ScanPlan, streamsOf } from '../src/drivers/sqlite/scan-plan.ts';
import { schemaSteps } from '../src/drivers/sqlite/schema.ts';
import { prepareWrites } from '../src/drivers/sqlite/write-statements.ts';
import type { VMRow } from '../src/engine/records.ts';
import type { VMFilter } from '../src/engine/tables.ts';

const anything: VMFilter = {
  host: undefined,
  realm: undefined,
  states: undefined,
  range: undefined,
  text: undefined,
  gone: false,
};

/** How SQLite goes about each stream of a plan, as it says itself. */
function waysOf({ streams }: ScanPlan): string[] {
  const database = new DatabaseSync(':memory:');
  for (const step of schemaSteps) database.exec(step);
  return streams.map(({ where, values }) => {
    const sql = `EXPLAIN QUERY PLAN SELECT v.data FROM vms v LEFT JOIN observers o ON o.number = v.decider
      WHERE ${where} AND v.number > 0 AND v.number <= 20000 ORDER BY v.number LIMIT 100`;
    const lines = database.prepare(sql).all(...values);
    expect(
      lines.some(({ detail }) => /TEMP B-TREE/.test(String(detail))),
      'rows come in order without sorting',
    ).toBe(false);
    return String(lines[0]?.detail);
  });
}

const none = { host: undefined, unobservable: [] };
const inOrder = 'SEARCH v USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)';
const byRareState = 'SEARCH v USING INDEX vms_rare_state (state=? AND rowid>? AND rowid<?)';
const byDecider = 'SEARCH v USING INDEX vms_decider (decider=? AND rowid>? AND rowid<?)';

test('D5: what many VMs have in common is looked for among all, in bounded spans of numbers', () => {
  for (const filter of [anything, { ...anything, realm: 'r1' }, { ...anything, text: 'web' }]) {
    const plan = streamsOf(filter, none);
    expect(plan.windowed).toBe(true);
    expect(waysOf(plan)).toEqual([inOrder]);
  }
  expect(waysOf(streamsOf({ ...anything, states: new Set(['running', 'stopped']) }, none))).toEqual([inOrder, inOrder]);
});

test('a host is looked up by its index, whatever else is asked', () => {
  const filter = { ...anything, host: 'h1', states: new Set(['running', 'unknown']), text: 'web', realm: 'r1' };
  expect(waysOf(streamsOf(filter, { host: 7, unobservable: [7] }))).toEqual([byDecider]);
});

test('a rare state is looked up by its index; unknown also by the few hosts that cannot be asked', () => {
  const states = new Set(['failed', 'unknown']);
  const plan = streamsOf({ ...anything, states }, { host: undefined, unobservable: [3, 4] });
  expect(waysOf(plan)).toEqual([byRareState, byRareState, byDecider, byDecider]);
});

test('of many hosts that cannot be asked, unknown VMs are looked for among all', () => {
  const unobservable = Array.from({ length: 65 }, (_, at) => at);
  const plan = streamsOf({ ...anything, states: new Set(['unknown']) }, { host: undefined, unobservable });
  expect(waysOf(plan)).toEqual([byRareState, inOrder]);
});

// ---- What the statements themselves do ---------------------------------------------------------------------------

const range = { from: '40a000001', to: '40a0000ff' };
const row: VMRow = {
  ...{ number: 1, id: 'v', vmVersion: 1, incarnation: 1, everRan: true, decider: 'h1', pending: undefined },
  ...{ firstSeenMs: 0, lastChangedMs: 0 },
  truth: { state: 'running', detail: '', conflict: [], name: '', addresses: [], conditions: [] },
};

/** What the queries of the port ask the connection for. */
const reads: ReadonlyArray<readonly [what: string, ask: (tables: ReadConnection) => unknown]> = [
  ['a VM by its identifier', (tables) => tables.vm('v')],
  ['a VM by its UUID', (tables) => tables.vm('0f8fad5b-d9cb-469f-a165-70867728950e')],
  ['sightings and documents', (tables) => tables.sightings(row)],
  ['history', (tables) => tables.history(row, Number.MAX_SAFE_INTEGER, 100)],
  ['VMs of a host', (tables) => tables.scan({ ...anything, host: 'h1' }, 0, 100)],
  ['VMs in rare states', (tables) => tables.scan({ ...anything, states: new Set(['failed', 'unknown']) }, 0, 100)],
  ['VMs in common states', (tables) => tables.scan({ ...anything, states: new Set(['running']) }, 0, 100)],
  ['VMs of a realm', (tables) => tables.scan({ ...anything, realm: 'r1' }, 0, 100)],
  ['VMs by text', (tables) => tables.scan({ ...anything, text: 'web' }, 0, 100)],
  ['VMs by address or network', (tables) => tables.scanAddresses(range, undefined, 100)],
  ['VMs by network, from a cursor', (tables) => tables.scanAddresses(range, { key: '40a000002', number: 1 }, 100)],
  ['a host', (tables) => tables.observer('h1')],
  ['a page of hosts', (tables) => tables.hosts('h1', 100)],
  ['how many VMs a host decides', (tables) => tables.decides('h1')],
  ['how many VMs wait for a host', (tables) => tables.waiting('r1', 1)],
  ['the fleet log', (tables) => tables.fleetLog(1, 100)],
  ['counters', (tables) => tables.counters()],
];

/** A database with a host and a VM, that notes what is prepared on it. */
function noting(): { readonly database: DatabaseSync; readonly prepared: Set<string> } {
  const prepared = new Set<string>();
  const database = new DatabaseSync(':memory:');
  for (const step of schemaSteps) database.exec(step);
  database.exec(`INSERT INTO counters VALUES (1, 's', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    INSERT INTO observers VALUES (1, 'h1', 1, 'r1', 1, 0, 0, '{"snapshot":{"epoch":1,"seq":1},"partial":[],"marks":[]}');
    INSERT INTO vms VALUES (1, 'v', 'running', 1, 'r1', 'v', NULL,
      '[1,1,1,0,0,0,0,0,1,1,[[1,1,0,0,0,0,0,1,1,1,0,-1,0]]]');
    INSERT INTO addresses VALUES ('40a000001', 1); INSERT INTO fleet_log VALUES (2, 'vm/v/1', '{}');
    INSERT INTO history VALUES (1, 0, 0, 1, 'VMChanged', '', '{}');`);
  const prepare = database.prepare.bind(database);
  database.prepare = (sql, options) => {
    prepared.add(sql);
    return prepare(sql, options);
  };
  return { database, prepared };
}

/** What a statement looks at as a whole or sorts, as SQLite says itself. */
function costly(sql: string): string[] {
  const database = new DatabaseSync(':memory:');
  for (const step of schemaSteps) database.exec(step);
  const plan = database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all();
  const details = plan.map(({ detail }) => String(detail));
  return details.filter((detail) => /^SCAN (?!.*VALUES CLAUSE)|TEMP B-TREE/.test(detail));
}

describe('D5: no statement of a query looks at a whole table or sorts', () => {
  test.each(reads)('%s', (_what, ask) => {
    const { database, prepared } = noting();
    ask(new ReadConnection(database));
    expect(prepared.size).toBeGreaterThan(0);
    expect([...prepared].flatMap(costly).filter((detail) => !bounded.has(detail))).toEqual([]);
  });
});

/** A table of one row, and an index of which 65 entries are read at most. */
const bounded: ReadonlySet<string> = new Set([
  'SCAN counters',
  'SCAN observers USING COVERING INDEX observers_unobservable',
]);

test('D5: hosts that have not answered are looked for among hosts alone, never among VMs', () => {
  const { database, prepared } = noting();
  new ReadConnection(database).unanswered('r1', 1);
  expect([...prepared].flatMap(costly)).toEqual(['SCAN observers USING INDEX sqlite_autoindex_observers_1']);
});

test('what a batch writes finds its rows by key; scanned is only what is small, bounded or read once at the start', () => {
  const { database, prepared } = noting();
  prepareWrites(database);
  const scanned = [...prepared].flatMap((sql) => costly(sql).map((detail) => `${sql.slice(0, 19)}: ${detail}`));
  expect(scanned).toEqual([
    'UPDATE counters SET: SCAN counters',
    'SELECT v.id, p.kind: SCAN p', // at the start: VMs that wait, then each by its number
    'DELETE FROM history: SCAN history', // the oldest so many, in order of the key
    'SELECT data FROM co: SCAN coverages',
  ]);
});
