import { isIdentifier, isReservedKey, maxTokenBytes, type RawState, type VMState, vmStates } from '@vedette/model';
import type { RuntimeRow } from '../host-port.ts';
import { malformed } from './documents.ts';
import { Interner } from './interner.ts';

/**
 * Rows of VMs on the wire: an array of scalars, in the order that the reply's `fields` name. An agent names them once in
 * each complete reply; they hold for its whole run (boot), in deltas and hints too.
 *
 * R1. `null`, or an end before the field, is: not told. What is rarely told stands last.
 * R2. `rawState` and `rawReason` that are not told are the same as `status` and `reason`.
 * R3. `name` and the hashes are told in complete replies, and else in rows where they changed since the revision that was
 *     asked for; of hints: since the hint before.
 */
export const rowFields = [
  'vmId',
  'rev',
  'status',
  'reason',
  'rawState',
  'rawReason',
  'cpuSys',
  'cpuUser',
  'memUsage',
  'elapsedTime',
  'flags',
  'name',
  'hashInfo',
  'hashConfig',
  'hashStatus',
  'hashGuestDetails',
] as const;
export type RowField = (typeof rowFields)[number];

/** The bits of `flags`. */
export const rowFlags = { forgotten: 1, unproved: 2, recreated: 4 } as const;

const maxFields = 64;
/** Where a field stands that the agent does not send: behind every row. */
const NOWHERE = maxFields;
const maxTextLength = 1_024;
const maxHashLength = 64;

export type WireRow = ReadonlyArray<string | number | null>;

/** A row as it travels, under {@link rowFields}. Figures keep as many digits as mean something. */
export function wireRow(row: RuntimeRow): WireRow {
  const { vm, rev, state, reason, raw, hashes } = row;
  const wire: Array<string | number | null> = [
    vm,
    rev,
    state,
    reason,
    raw.state === state ? null : raw.state,
    raw.reason === reason ? null : raw.reason,
    rounded(row.cpuSystem, 1_000),
    rounded(row.cpuUser, 1_000),
    rounded(row.memoryPercent, 10),
    row.elapsedS ?? null,
    flagsOf(row),
    row.name ?? null,
    hashes.info ?? null,
    hashes.config ?? null,
    hashes.status ?? null,
    hashes.guest ?? null,
  ];
  while (wire.at(-1) === null) wire.pop();
  return wire;
}

function rounded(value: number | undefined, scale: number): number | null {
  return value === undefined ? null : Math.round(value * scale) / scale;
}

function flagsOf({ forgotten, unproved, recreated }: RuntimeRow): number | null {
  const flags =
    (forgotten ? rowFlags.forgotten : 0) | (unproved ? rowFlags.unproved : 0) | (recreated ? rowFlags.recreated : 0);
  return flags === 0 ? null : flags;
}

/** Where each field stands in the rows of one agent; those of equal agents are the same object. */
export type RowLayout = { readonly [F in RowField]: number };

const layouts = new Map<string, RowLayout>();
/** Versions of agents in one fleet, and some to spare; beyond it a layout is made anew each time. */
const maxLayouts = 64;

/** @throws VedetteError VDT_FETCHER_MALFORMED */
export function readLayout(fields: unknown): RowLayout {
  if (!Array.isArray(fields) || fields.length > maxFields || !fields.every((field) => typeof field === 'string')) {
    throw malformed('/fields', 'not a list of names');
  }
  const key = fields.join(' ');
  const known = layouts.get(key);
  if (known !== undefined) return known;
  const placeOf = (field: RowField): number => (fields.includes(field) ? fields.indexOf(field) : NOWHERE);
  const layout = Object.fromEntries(rowFields.map((field) => [field, placeOf(field)])) as RowLayout;
  for (const field of ['vmId', 'rev', 'status', 'reason'] as const) {
    if (layout[field] === NOWHERE) throw malformed('/fields', `does not name ${field}`);
  }
  if (layouts.size < maxLayouts) layouts.set(key, layout);
  return layout;
}

/**
 * Reads `rows`, all or none.
 *
 * @param rev of the document; no row is newer
 * @throws VedetteError VDT_FETCHER_MALFORMED with the place of the fault
 */
export function readRows(rows: unknown, layout: RowLayout, rev: number): RuntimeRow[] {
  if (!Array.isArray(rows)) throw malformed('/rows', 'not a list');
  const read: RuntimeRow[] = [];
  for (let at = 0; at < rows.length; at++) read.push(readRow(rows[at], layout, rev, at));
  return read;
}

const alphanumeric = 1;
const hyphen = 2;
const kindOf = new Uint8Array(128);
for (const byte of Buffer.from('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz')) {
  kindOf[byte] = alphanumeric;
}
kindOf[0x2d] = hyphen;

/** Walked by hand: there are five such texts in a row. */
function isMadeOf(kinds: number, text: string): boolean {
  for (let at = 0; at < text.length; at++) if (((kindOf[text.charCodeAt(at)] ?? 0) & kinds) === 0) return false;
  return text.length > 0;
}

function isVm(vm: unknown): vm is string {
  const isPlain = typeof vm === 'string' && vm.length <= maxTokenBytes && isMadeOf(alphanumeric | hyphen, vm);
  return isPlain ? !isReservedKey(vm) : isIdentifier(vm);
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

function readRow(row: unknown, layout: RowLayout, rev: number, at: number): RuntimeRow {
  if (!Array.isArray(row) || row.length > maxFields) throw malformed(`/rows/${at}`, 'not a list of cells');
  const cells: readonly unknown[] = row;
  const vm = cells[layout.vmId];
  if (!isVm(vm)) throw faultAt(at, layout.vmId, 'not an identifier');
  const recorded = cells[layout.rev];
  if (!isCount(recorded) || recorded > rev) throw faultAt(at, layout.rev, 'no revision of this document');
  const status = shortText(cells, layout.status, at) ?? '';
  const reason = texts.get(shortText(cells, layout.reason, at) ?? '');
  const read: Writable<RuntimeRow> = {
    vm,
    state: stateOf(status, at, layout.status),
    reason,
    raw: rawOf(shortText(cells, layout.rawState, at) ?? status, shortText(cells, layout.rawReason, at) ?? reason),
    hashes: hashesOf(cells, layout, at),
    rev: recorded,
  };
  const name = shortText(cells, layout.name, at);
  if (name !== undefined) read.name = name;
  readFigures(cells, layout, at, read);
  return read;
}

function readFigures(cells: readonly unknown[], layout: RowLayout, at: number, read: Writable<RuntimeRow>): void {
  const cpuSystem = figureAt(cells, layout.cpuSys, at);
  if (cpuSystem !== undefined) read.cpuSystem = cpuSystem;
  const cpuUser = figureAt(cells, layout.cpuUser, at);
  if (cpuUser !== undefined) read.cpuUser = cpuUser;
  const memoryPercent = figureAt(cells, layout.memUsage, at, 100);
  if (memoryPercent !== undefined) read.memoryPercent = memoryPercent;
  const elapsedS = figureAt(cells, layout.elapsedTime, at);
  if (elapsedS !== undefined) read.elapsedS = elapsedS;
  const flags = figureAt(cells, layout.flags, at) ?? 0;
  if (flags === 0) return;
  if ((flags & rowFlags.forgotten) !== 0) read.forgotten = true;
  if ((flags & rowFlags.unproved) !== 0) read.unproved = true;
  if ((flags & rowFlags.recreated) !== 0) read.recreated = true;
}

const noHashes: RuntimeRow['hashes'] = Object.freeze({});

function hashesOf(cells: readonly unknown[], layout: RowLayout, at: number): RuntimeRow['hashes'] {
  const info = hashAt(cells, layout.hashInfo, at);
  const config = hashAt(cells, layout.hashConfig, at);
  const status = hashAt(cells, layout.hashStatus, at);
  const guest = hashAt(cells, layout.hashGuestDetails, at);
  if (info === undefined && config === undefined && status === undefined && guest === undefined) return noHashes;
  const hashes: Writable<RuntimeRow['hashes']> = {};
  if (info !== undefined) hashes.info = info;
  if (config !== undefined) hashes.config = config;
  if (status !== undefined) hashes.status = status;
  if (guest !== undefined) hashes.guest = guest;
  return hashes;
}

/** The states and reasons of a whole fleet are few: one string each, however many rows say it. */
const texts = new Interner<string>((text) => text);
const raws = new Interner<Interner<RawState>>(
  (state) => new Interner<RawState>((reason) => Object.freeze({ state, reason })),
);

function rawOf(state: string, reason: string): RawState {
  return raws.get(state).get(reason);
}

const states: ReadonlyMap<string, VMState> = new Map(vmStates.map((state) => [state, state]));

/** V1: an unknown one is `unknown`, with its text kept as the raw state. */
function stateOf(status: string, at: number, column: number): VMState {
  const state = states.get(status) ?? 'unknown';
  if (state === 'absent' || state === 'gone') throw faultAt(at, column, 'no state of a VM that is there');
  return state;
}

function shortText(cells: readonly unknown[], column: number, at: number): string | undefined {
  const text = cells[column];
  if (text === undefined || text === null) return undefined;
  if (typeof text !== 'string' || text.length > maxTextLength) throw faultAt(at, column, 'not a short text');
  return text;
}

function figureAt(cells: readonly unknown[], column: number, at: number, maximum = Infinity): number | undefined {
  const figure = cells[column];
  if (figure === undefined || figure === null) return undefined;
  if (typeof figure !== 'number' || !(figure >= 0 && figure <= maximum) || figure === Infinity) {
    throw faultAt(at, column, 'no such figure');
  }
  return figure;
}

function hashAt(cells: readonly unknown[], column: number, at: number): string | undefined {
  const hash = cells[column];
  if (hash === undefined || hash === null) return undefined;
  if (typeof hash !== 'string' || hash.length > maxHashLength || !isMadeOf(alphanumeric, hash))
    throw faultAt(at, column, 'not a hash');
  return hash;
}

export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function faultAt(row: number, column: number, message: string): Error {
  return malformed(`/rows/${row}/${column}`, message);
}
