import {
  isProviderObserver,
  type ObserverView,
  resolve,
  type Sighting,
  type VMState,
  type VMTruth,
} from '@vedette/model';
import { VedetteError } from '@vedette/runtime';
import '../errors.ts';
import type {
  FleetCounts,
  HistoryRecord,
  HostRecord,
  LoggedFleetEvent,
  Page,
  PageRequest,
  StoreIdentity,
  VMDetail,
  VMQuery,
  VMRecord,
} from '../port.ts';
import { countsOf, readsAsItIs } from './counts.ts';
import { decodeCursor, encodeCursor } from './cursors.ts';
import { filterOf, lowestKey, matchesFilter } from './filters.ts';
import { fleetStateOf } from './observers.ts';
import type { ObserverFacts, ObserverRecord, VMRow } from './records.ts';
import { visibleSighting, withDocuments } from './sightings.ts';
import type { Stepwise } from './stepwise.ts';
import type { HostRow, ReadTables, VMFilter } from './tables.ts';

/** A record to which its age is still to be added: that is known only to the process that hears coverage (I12). */
export type Unaged<R> = Omit<R, 'ageMs'> & { readonly decider: string | undefined };

/** Most records on one page; a larger limit is cut to this. */
export const maxPageLimit = 10_000;

/** Rows that are looked at between two yields. */
const rowsPerStep = 512;
const fewestRowsPerStep = 32;

/**
 * What queries answer, over committed data; the same for every driver.
 *
 * Q1. Pages are in order of discovery; pages by address in order of address, each VM at its lowest one. A cursor
 *     names the last row given, so that rows may come and go meanwhile.
 * Q2. Reachability is joined here: where the deciding observer cannot be asked the state is unknown, with the last one
 *     beside it. What a waiting VM waits for is worked out here too, by what is known now.
 */
export class Queries {
  readonly #tables: ReadTables;

  constructor(tables: ReadTables) {
    this.#tables = tables;
  }

  identity(): StoreIdentity {
    const { storeId, position } = this.#tables.counters();
    return { id: storeId, position };
  }

  /** @throws VedetteError VDT_STORE_QUERY, VDT_STORE_CURSOR */
  *vms(query: VMQuery, page: PageRequest): Stepwise<Page<Unaged<VMRecord>>> {
    const filter = filterOf(query);
    const limit = limitOf(page);
    return filter.range === undefined
      ? yield* this.#vmsByNumber(filter, limit, page.cursor)
      : yield* this.#vmsByAddress(filter, filter.range, limit, page.cursor);
  }

  vm(id: string): Unaged<VMDetail> | undefined {
    const row = this.#tables.vm(id);
    if (row === undefined) return undefined;
    const joined = new Joins(this.#tables);
    const sightings = this.#tables.sightings(row).map(({ documents, ...stored }): Sighting => {
      const visible = visibleSighting(stored, joined.snapshotOf(stored.observer));
      const { observer, activation, term, committedMark } = visible;
      return { observer, registers: withDocuments(visible.registers, documents), activation, term, committedMark };
    });
    return { ...joined.record(row), sightings };
  }

  /** @throws VedetteError VDT_STORE_QUERY, VDT_STORE_CURSOR */
  *hosts(
    query: { readonly realm?: string; readonly state?: string; readonly mode?: string },
    page: PageRequest,
  ): Stepwise<Page<Unaged<HostRecord>>> {
    const limit = limitOf(page);
    const items: Array<Unaged<HostRecord>> = [];
    const waiting = new Waiting(this.#tables);
    let after = page.cursor === undefined ? '' : decodeCursor<[string]>('hosts', page.cursor)[0];
    for (;;) {
      const rows = this.#tables.hosts(after, rowsPerStep);
      for (const row of rows) {
        if (items.length === limit) return { items, cursor: encodeCursor('hosts', [after]) };
        after = row.observer.id;
        if (fitsHost(row.observer, query)) items.push(this.#host(row, waiting));
      }
      if (rows.length < rowsPerStep) return { items };
      yield;
    }
  }

  host(id: string): Unaged<HostRecord> | undefined {
    const row = this.#tables.observer(id);
    return row?.observer.host === undefined ? undefined : this.#host(row, new Waiting(this.#tables));
  }

  /** @throws VedetteError VDT_STORE_QUERY, VDT_STORE_CURSOR */
  history(vm: string, page: PageRequest): Page<HistoryRecord> {
    const limit = limitOf(page);
    const before =
      page.cursor === undefined ? Number.MAX_SAFE_INTEGER : decodeCursor<[number]>('history', page.cursor)[0];
    const row = this.#tables.vm(vm);
    if (row === undefined) return { items: [] };
    const found = this.#tables.history(row, before, limit + 1);
    const items = found.slice(0, limit);
    const last = items.at(-1);
    return found.length > limit && last !== undefined
      ? { items, cursor: encodeCursor('history', [last.sequence]) }
      : { items };
  }

  counts(): FleetCounts {
    return countsOf(this.#tables.tallies(), observersOf(this.#tables));
  }

  outbox(limit: number): readonly LoggedFleetEvent[] {
    return this.#tables.fleetLog(this.#tables.counters().relayed, limit);
  }

  fleetLog(position: number, limit: number): readonly LoggedFleetEvent[] | undefined {
    return position < this.#tables.counters().dropped ? undefined : this.#tables.fleetLog(position, limit);
  }

  *#vmsByNumber(filter: VMFilter, limit: number, cursor: string | undefined): Stepwise<Page<Unaged<VMRecord>>> {
    const joined = new Joins(this.#tables);
    const items: Array<Unaged<VMRecord>> = [];
    let after: number | undefined = cursor === undefined ? 0 : decodeCursor<[number]>('vms', cursor)[0];
    let last = after;
    while (after !== undefined) {
      // One more than the page takes tells whether there is a next one.
      const scan = this.#tables.scan(filter, after, clamp(limit - items.length + 1, fewestRowsPerStep, rowsPerStep));
      for (const row of scan.rows) {
        if (!matchesFilter(filter, row, joined.stateOf(row))) continue;
        if (items.length === limit) return { items, cursor: encodeCursor('vms', [last]) };
        items.push(joined.record(row));
        last = row.number;
      }
      after = scan.next;
      if (after !== undefined) yield;
    }
    return { items };
  }

  *#vmsByAddress(
    filter: VMFilter,
    range: NonNullable<VMFilter['range']>,
    limit: number,
    cursor: string | undefined,
  ): Stepwise<Page<Unaged<VMRecord>>> {
    const joined = new Joins(this.#tables);
    const items: Array<Unaged<VMRecord>> = [];
    let after = cursor === undefined ? undefined : placeOf(decodeCursor<[string, number]>('addresses', cursor));
    let last = after;
    for (;;) {
      const hits = this.#tables.scanAddresses(range, after, rowsPerStep);
      for (const { key, row } of hits) {
        after = { key, number: row.number };
        if (lowestKey(range, row) !== key || !matchesFilter(filter, row, joined.stateOf(row))) continue;
        if (items.length === limit) return { items, ...cursorAfter(last) };
        items.push(joined.record(row));
        last = after;
      }
      if (hits.length < rowsPerStep) return { items };
      yield;
    }
  }

  #host({ observer, facts }: HostRow, waiting: Waiting): Unaged<HostRecord> {
    const { id, epoch, snapshot, host } = observer;
    const { state, reason } = fleetStateOf(observer);
    return {
      id,
      name: host?.name ?? '',
      realm: host?.realm ?? '',
      url: host?.url ?? '',
      origin: host?.origin ?? 'configuration',
      removedBy: host?.removedBy,
      hostVersion: host?.hostVersion ?? 0,
      state,
      mode: host?.mode ?? 'active',
      reason,
      hostUuid: observer.hostUuid?.value,
      capabilities: observer.capabilities?.value ?? {},
      epoch,
      snapshot,
      vms: this.#tables.decides(id),
      waiting: facts.removed || isProviderObserver(id) ? 0 : waiting.for(facts),
      observable: facts.observable,
      decider: id,
    };
  }
}

function fitsHost(
  observer: ObserverRecord,
  { realm, state, mode }: { readonly realm?: string; readonly state?: string; readonly mode?: string },
): boolean {
  if (realm !== undefined && observer.host?.realm !== realm) return false;
  if (mode !== undefined && observer.host?.mode !== mode) return false;
  return state === undefined || fleetStateOf(observer).state === state;
}

/** VMs that wait for hosts, counted once for hosts that have answered the same: there may be many. */
class Waiting {
  readonly #tables: ReadTables;
  readonly #counts = new Map<string, number>();

  constructor(tables: ReadTables) {
    this.#tables = tables;
  }

  for({ realm, echoedMark }: ObserverFacts): number {
    const key = `${echoedMark} ${realm}`;
    const count = this.#counts.get(key) ?? this.#tables.waiting(realm, echoedMark);
    this.#counts.set(key, count);
    return count;
  }
}

/** What is joined to the rows of one answer; observers and unanswered hosts are looked up once each. */
class Joins {
  readonly #tables: ReadTables;
  readonly #facts = new Map<string, ObserverFacts | undefined>();
  readonly #unanswered = new Map<string, readonly string[]>();

  constructor(tables: ReadTables) {
    this.#tables = tables;
  }

  snapshotOf(observer: string): ObserverFacts['snapshot'] {
    return this.#factsOf(observer)?.snapshot ?? { epoch: 0, seq: 0 };
  }

  /** Q2 */
  stateOf(row: VMRow): VMState {
    const { state } = row.truth;
    if (readsAsItIs(state)) return state;
    return row.decider !== undefined && this.#factsOf(row.decider)?.observable === true ? state : 'unknown';
  }

  record(row: VMRow): Unaged<VMRecord> {
    const { id, vmVersion, incarnation, everRan, firstSeenMs, lastChangedMs, decider } = row;
    const ran = everRan ? 'yes' : 'unknown';
    return { id, vmVersion, incarnation, everRan: ran, truth: this.#truthOf(row), firstSeenMs, lastChangedMs, decider };
  }

  #truthOf(row: VMRow): VMTruth {
    const { truth } = row;
    if (row.pending?.kind === 'waiting') return { ...truth, detail: this.#waitingDetail(row) };
    const state = this.stateOf(row);
    if (state === truth.state) return truth;
    return { ...truth, state, lastState: truth.state, detail: this.#unobservableDetail(row.decider ?? '') };
  }

  #unobservableDetail(decider: string): string {
    const facts = this.#factsOf(decider);
    if (facts?.removed !== false) return `removed: ${decider} was removed`;
    return facts.unwatched ? `unwatched: nobody watches ${decider}` : `unobservable: ${decider} cannot be asked`;
  }

  #waitingDetail(row: VMRow): string {
    const sightings = this.#tables.sightings(row).map((one) => visibleSighting(one, this.snapshotOf(one.observer)));
    return resolve(sightings, {
      observer: (id) => this.#viewOf(id),
      unanswered: (realm, mark) => this.#unansweredOf(realm, mark),
    }).detail;
  }

  #viewOf(observer: string): ObserverView | undefined {
    const facts = this.#factsOf(observer);
    return facts?.realm === '' ? undefined : facts;
  }

  #factsOf(observer: string): ObserverFacts | undefined {
    if (!this.#facts.has(observer)) this.#facts.set(observer, this.#tables.observer(observer)?.facts);
    return this.#facts.get(observer);
  }

  #unansweredOf(realm: string, mark: number): readonly string[] {
    const key = `${mark} ${realm}`;
    const known = this.#unanswered.get(key) ?? this.#tables.unanswered(realm, mark);
    this.#unanswered.set(key, known);
    return known;
  }
}

function limitOf({ limit }: PageRequest): number {
  if (Number.isSafeInteger(limit) && limit >= 1) return Math.min(limit, maxPageLimit);
  throw new VedetteError('VDT_STORE_QUERY', { message: `a page of ${limit} records cannot be`, path: '/limit' });
}

function clamp(value: number, least: number, most: number): number {
  return Math.max(least, Math.min(most, value));
}

function placeOf([key, number]: readonly [string, number]): { readonly key: string; readonly number: number } {
  return { key, number };
}

function cursorAfter(last: { readonly key: string; readonly number: number } | undefined): {
  readonly cursor?: string;
} {
  return last === undefined ? {} : { cursor: encodeCursor('addresses', [last.key, last.number]) };
}

function* observersOf(tables: ReadTables): Generator<HostRow['observer']> {
  let after = '';
  for (;;) {
    const rows = tables.hosts(after, rowsPerStep);
    for (const { observer } of rows) {
      after = observer.id;
      yield observer;
    }
    if (rows.length < rowsPerStep) return;
  }
}
