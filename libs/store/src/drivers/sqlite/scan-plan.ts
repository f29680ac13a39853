import type { SQLInputValue } from 'node:sqlite';
import { isAscii } from '../../engine/filters.ts';
import type { VMFilter } from '../../engine/tables.ts';

/** One way into the table, by one index, in order of VM number; several are merged. No row comes in two of them. */
export interface Stream {
  readonly where: string;
  readonly values: readonly SQLInputValue[];
}

export interface ScanPlan {
  readonly streams: readonly Stream[];
  /** Look at a bounded span of numbers at a time: matches may be rare. */
  readonly windowed: boolean;
}

/** As many hosts that cannot be asked are looked up one by one; of more, VMs are found by looking at all. */
const fewHosts = 64;

/**
 * How to find the rows of a filter. States are as joined when reading: `unknown` takes in the VMs of hosts that cannot
 * be asked, and any other state leaves them out.
 *
 * @param known the number of the host asked for, and those of observers that cannot be asked, one more than
 *   {@link fewHosts} at most
 */
export function streamsOf(
  filter: VMFilter,
  known: { readonly host: number | undefined; readonly unobservable: readonly number[] },
): ScanPlan {
  const narrowing = [...residual(filter), ...textOf(filter)];
  if (known.host !== undefined) {
    const byHost = { where: 'v.decider = ?', values: [known.host] };
    return { streams: [joined([byHost, ...stateFilter(filter), ...narrowing])], windowed: false };
  }
  const roots = filter.states === undefined ? [everything] : stateStreams(filter.states, known.unobservable);
  return { streams: roots.map((root) => joined([root, ...narrowing])), windowed: true };
}

const everything: Stream = { where: 'v.state IS NOT NULL', values: [] };

/** What the way in does not say already; unary plus keeps its indexes out of it. */
function residual(filter: VMFilter): Stream[] {
  const conditions: Stream[] = [];
  if (filter.realm !== undefined) conditions.push({ where: 'v.realm = ?', values: [filter.realm] });
  if (!filter.gone) conditions.push({ where: `+v.state <> 'gone'`, values: [] });
  return conditions;
}

const asItIs = `('unknown', 'gone')`;
const askable = `(o.observable = 1 OR +v.state IN ${asItIs})`;

function stateFilter({ states }: VMFilter): Stream[] {
  if (states === undefined) return [];
  const list = [...states];
  const marks = list.map(() => '?').join(', ');
  const hidden = states.has('unknown') ? ` OR (coalesce(o.observable, 0) = 0 AND +v.state NOT IN ${asItIs})` : '';
  return [{ where: `((+v.state IN (${marks}) AND ${askable})${hidden})`, values: list }];
}

/** The condition of the index of states, word for word: only then is it used. */
const isRare = `v.state NOT IN ('running', 'stopped')`;

/** A stream a state; for `unknown` also those of the hosts that cannot be asked. */
function stateStreams(states: ReadonlySet<string>, unobservable: readonly number[]): Stream[] {
  const streams: Stream[] = [...states].map((state) => ({
    where: `v.state = ? AND ${state === 'running' || state === 'stopped' ? '' : `${isRare} AND `}${askable}`,
    values: [state],
  }));
  if (!states.has('unknown')) return streams;
  const hidden = `+v.state NOT IN ${asItIs}`;
  if (unobservable.length <= fewHosts) {
    for (const host of unobservable) streams.push({ where: `v.decider = ? AND ${hidden}`, values: [host] });
  } else streams.push({ where: `v.state IS NOT NULL AND coalesce(o.observable, 0) = 0 AND ${hidden}`, values: [] });
  return streams;
}

/** Only what SQLite can compare as the engine does: ASCII. Identifiers that are UUIDs are kept as bytes. */
function textOf({ text }: VMFilter): Stream[] {
  if (text === undefined || !isAscii(text)) return [];
  const pattern = `%${text.replace(/[\\%_]/g, (special) => `\\${special}`)}%`;
  const hex = text.replaceAll('-', '');
  const inUuid = /^[0-9a-f]*$/.test(hex) ? ' OR hex(v.id) LIKE ?' : '';
  const values = inUuid === '' ? [pattern, pattern] : [pattern, pattern, `%${hex}%`];
  const like = `LIKE ? ESCAPE '\\'`;
  return [{ where: `(v.name ${like} OR (typeof(v.id) = 'text' AND v.id ${like})${inUuid})`, values }];
}

function joined(conditions: readonly Stream[]): Stream {
  return {
    where: conditions.map(({ where }) => where).join(' AND '),
    values: conditions.flatMap(({ values }) => values),
  };
}
