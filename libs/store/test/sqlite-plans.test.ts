import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { type ScanPlan, streamsOf } from '../src/drivers/sqlite/scan-plan.ts';
import { schemaSteps } from '../src/drivers/sqlite/schema.ts';
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
