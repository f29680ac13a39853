import { addressKey, cidrRange, type VMState } from '@vedette/model';
import { VedetteError } from '@vedette/runtime';
import '../errors.ts';
import type { VMQuery } from '../port.ts';
import type { VMRow } from './records.ts';
import type { VMFilter } from './tables.ts';

/**
 * The filter of a query. @throws VedetteError VDT_STORE_QUERY for an `ip` that is neither an address nor a network
 */
export function filterOf(query: VMQuery): VMFilter {
  const states = query.states === undefined ? undefined : new Set<string>(query.states);
  return {
    host: query.host,
    realm: query.realm,
    states,
    range: query.ip === undefined ? undefined : rangeOf(query.ip),
    text: query.text === undefined ? undefined : foldText(query.text, query.text),
    gone: query.gone ?? states?.has('gone') ?? false,
  };
}

function rangeOf(ip: string): NonNullable<VMFilter['range']> {
  const range = cidrRange(ip);
  if (range !== undefined) return range;
  const message = `${JSON.stringify(ip.slice(0, 64))} is neither an address nor a network in CIDR form`;
  throw new VedetteError('VDT_STORE_QUERY', { message, path: '/ip' });
}

/** Whether a row, as joined, is what the filter asks for. */
export function matchesFilter(filter: VMFilter, row: VMRow, shown: VMState): boolean {
  if (row.truth.state === 'gone' && !filter.gone) return false;
  if (filter.host !== undefined && row.truth.host !== filter.host) return false;
  if (filter.realm !== undefined && row.truth.realm !== filter.realm) return false;
  if (filter.states !== undefined && !filter.states.has(shown)) return false;
  if (filter.text !== undefined && !matchesText(filter.text, row)) return false;
  return filter.range === undefined || lowestKey(filter.range, row) !== undefined;
}

/** The lowest of the row's address keys in the range: it stands for the row where a page is made from addresses. */
export function lowestKey(range: NonNullable<VMFilter['range']>, row: VMRow): string | undefined {
  let lowest: string | undefined;
  for (const { address } of row.truth.addresses) {
    const key = addressKeyOf(address);
    if (key === undefined || key.length !== range.from.length || key < range.from || key > range.to) continue;
    if (lowest === undefined || key < lowest) lowest = key;
  }
  return lowest;
}

/** The key under which an address is found; undefined for what is no address and so found under none. */
export function addressKeyOf(address: string): string | undefined {
  try {
    return addressKey(address);
  } catch (error) {
    if (error instanceof TypeError) return undefined; // canonical addresses come from the door; nothing else is found
    throw error;
  }
}

/**
 * Text without case, as far as a search goes: ASCII letters where the text searched for is ASCII, which is what an
 * index of any driver can do, and all letters where it is not.
 */
export function foldText(text: string, searchedFor: string): string {
  return isAscii(searchedFor) ? text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase()) : text.toLowerCase();
}

/** Whether a text has the one searched for in it, which is folded by {@link foldText}; quick where asked many times. */
export function textMatcher(folded: string): (text: string) => boolean {
  if (!isAscii(folded)) return (text) => foldText(text, folded).includes(folded);
  // Without the flag `u` no letter beyond ASCII is taken for one of ASCII (ECMA-262, Canonicalize).
  const pattern = new RegExp(folded.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'), 'i');
  return (text) => pattern.test(text);
}

export function isAscii(text: string): boolean {
  return !/[^\0-\x7f]/.test(text);
}

function matchesText(text: string, row: VMRow): boolean {
  return foldText(row.truth.name, text).includes(text) || foldText(row.id, text).includes(text);
}
