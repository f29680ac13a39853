import type { VMTruth } from '@vedette/model';
import { addressKeyOf } from '../../engine/filters.ts';
import { sameItems } from '../../engine/items.ts';
import type { ObserverRecord, StoredSighting, VMEntry } from '../../engine/records.ts';
import { decodeId, encodeId } from './codec.ts';
import type { Prepared } from './statements.ts';
import { encodeVM, type SightingFlags, StoredVM } from './vm-codec.ts';
import type { WriteStatements } from './write-statements.ts';

/** Entries kept between transactions: what changed lately is what changes next. About 15 MiB. */
const keptEntries = 4096;

/** An entry with what its row looks like now, so that no index and no other table is touched for nothing. */
interface Held {
  readonly entry: VMEntry;
  readonly flags: Map<string, SightingFlags>;
  /** Observers whose flags are others than in the table. */
  flagged: Set<string> | undefined;
  stored: boolean;
  queued: boolean;
  state: string | undefined;
  decider: string | undefined;
  realm: string | undefined;
  name: string | undefined;
  addresses: VMTruth['addresses'];
  /** Sequence of its last history record; 0: none. */
  lastHistory: number;
}

const nothing: VMTruth['addresses'] = [];

type EntryRow = readonly [
  number: number,
  /** Null where it was known before. */
  id: string | Uint8Array | null,
  state: string | null,
  decider: number | null,
  realm: string | null,
  name: string | null,
  data: string,
];

/** VMs with their sightings in memory: read once, changed by the engine, written when the transaction ends. */
export class EntryCache {
  readonly #sql: WriteStatements;
  readonly #numbers: ReadonlyMap<string, number>;
  readonly #names: Map<number, string>;
  readonly #held = new Map<string, Held>();
  readonly #queue: Held[] = [];
  /** Entries whose flags for an observer are others than in the table, by observer and number. */
  readonly #flagged = new Map<string, Map<number, Held>>();

  constructor(
    sql: WriteStatements,
    observers: { readonly numbers: ReadonlyMap<string, number>; readonly names: Map<number, string> },
  ) {
    this.#sql = sql;
    this.#numbers = observers.numbers;
    this.#names = observers.names;
  }

  named(number: number, observer: string): void {
    this.#names.set(number, observer);
  }

  get(id: string): VMEntry | undefined {
    const held = this.#held.get(id);
    if (held !== undefined) return held.entry;
    const row = this.#sql.entry.get(encodeId(id));
    return row && this.#hold(row as unknown as EntryRow, id).entry;
  }

  add(entry: VMEntry): void {
    const held: Held = {
      entry,
      flags: new Map(),
      flagged: undefined,
      stored: false,
      queued: false,
      state: undefined,
      decider: undefined,
      realm: undefined,
      name: undefined,
      addresses: nothing,
      lastHistory: 0,
    };
    this.#held.set(entry.id, held);
    this.#enqueue(held);
  }

  changed(entry: VMEntry): void {
    this.#enqueue(this.#heldOf(entry));
  }

  setPresent(entry: VMEntry, observer: string, present: boolean): void {
    const held = this.#heldOf(entry);
    const flags = flagsOf(held, observer);
    if (flags.present === present) return;
    flags.present = present;
    this.#flag(held, observer);
    this.#enqueue(held);
  }

  setShared(entry: VMEntry): void {
    const held = this.#heldOf(entry);
    for (const observer of entry.sightings.keys()) {
      const flags = flagsOf(held, observer);
      if (flags.shared) continue;
      flags.shared = true;
      this.#flag(held, observer);
    }
    this.#enqueue(held);
  }

  /** A history record is added: returns the sequence of the one before it. The entry is to be saved as well. */
  addHistory(entry: VMEntry, sequence: number): number {
    const held = this.#heldOf(entry);
    const previous = held.lastHistory;
    held.lastHistory = sequence;
    return previous;
  }

  lastHistory(entry: VMEntry): number {
    return this.#heldOf(entry).lastHistory;
  }

  drop(entry: VMEntry): void {
    const held = this.#heldOf(entry);
    this.#writeAddresses(held, nothing);
    for (const observer of held.flags.keys()) this.#sql.deleteSeen.run(this.#numberOf(observer), entry.number);
    this.#sql.deleteVM.run(entry.number);
    for (const observer of held.flagged ?? []) this.#flagged.get(observer)?.delete(entry.number);
    this.#held.delete(entry.id);
    held.queued = false; // what was queued of it is passed over
  }

  /** The entries of VMs that have a flag for an observer, in order of number, but for those with the numbers given. */
  foundBy(
    statement: Prepared,
    observer: ObserverRecord,
    flag: keyof SightingFlags,
    except: ReadonlySet<number>,
  ): readonly VMEntry[] {
    const unwritten = this.#flagged.get(observer.id);
    const found: VMEntry[] = [];
    for (const [column] of statement.all(observer.number)) {
      const number = column as number;
      if (!except.has(number) && unwritten?.has(number) !== true) found.push(this.#byNumber(number));
    }
    if (unwritten === undefined) return found;
    for (const [number, held] of unwritten) {
      if (!except.has(number) && flagsOf(held, observer.id)[flag]) found.push(held.entry);
    }
    return found.sort((a, b) => a.number - b.number);
  }

  /** In order of number: neighbours share a page of the table. */
  flush(): void {
    this.#queue.sort((a, b) => a.entry.number - b.entry.number);
    for (const held of this.#queue) {
      if (!held.queued) continue;
      held.queued = false;
      this.#writeVM(held);
      if (held.flagged !== undefined) this.#writeFlags(held, held.flagged);
    }
    this.#queue.length = 0;
    this.#flagged.clear();
    this.#sql.insertVM.flush();
    this.#sql.insertAddress.flush();
    this.#sql.saveSeen.flush();
  }

  shrink(): void {
    let excess = this.#held.size - keptEntries;
    for (const id of this.#held.keys()) {
      if (excess-- <= 0) break;
      this.#held.delete(id);
    }
  }

  #byNumber(number: number): VMEntry {
    const row = this.#sql.entryByNumber.get(number) as unknown as EntryRow;
    const id = decodeId(row[1] as string | Uint8Array);
    return (this.#held.get(id) ?? this.#hold(row, id)).entry;
  }

  #hold(row: EntryRow, id: string): Held {
    const [number, , state, deciderNumber, realm, name, data] = row;
    const stored = new StoredVM({ state, realm, name, data });
    const sightings = new Map<string, StoredSighting>();
    const flags = new Map<string, SightingFlags>();
    for (const array of stored.sightings) {
      const observer = this.#names.get(array[0]) as string;
      sightings.set(observer, stored.sighting(array, observer));
      flags.set(observer, { present: (array[1] & 1) !== 0, shared: (array[1] & 2) !== 0 });
    }
    const decider = deciderNumber === null ? undefined : this.#names.get(deciderNumber);
    const truth = stored.truth(decider, decider === undefined ? undefined : sightings.get(decider));
    const { vmVersion, incarnation, everRan, ended, forgotten, firstSeenMs, lastChangedMs, historyRows } = stored;
    const entry: VMEntry = {
      number,
      id,
      vmVersion,
      incarnation,
      everRan,
      ended,
      forgotten,
      truth,
      decider,
      firstSeenMs,
      lastChangedMs,
      historyRows,
      sightings,
    };
    const held: Held = {
      entry,
      flags,
      flagged: undefined,
      stored: true,
      queued: false,
      state: truth?.state,
      decider,
      realm: truth?.realm,
      name: truth?.name,
      addresses: truth?.addresses ?? nothing,
      lastHistory: stored.lastHistory,
    };
    this.#held.set(id, held);
    return held;
  }

  #heldOf(entry: VMEntry): Held {
    return this.#held.get(entry.id) as Held;
  }

  #numberOf(observer: string): number {
    return this.#numbers.get(observer) as number;
  }

  #flag(held: Held, observer: string): void {
    held.flagged ??= new Set();
    held.flagged.add(observer);
    const all = this.#flagged.get(observer) ?? new Map<number, Held>();
    this.#flagged.set(observer, all);
    all.set(held.entry.number, held);
  }

  #enqueue(held: Held): void {
    if (held.queued) return;
    held.queued = true;
    this.#queue.push(held);
  }

  #writeVM(held: Held): void {
    const { entry, flags, lastHistory } = held;
    const { number, truth, decider } = entry;
    const { state, realm, name, data } = encodeVM(entry, { flags, numbers: this.#numbers, lastHistory });
    const moved = held.decider !== decider || held.realm !== truth?.realm || held.name !== truth?.name;
    const wentOrCame = held.state !== truth?.state && (held.state === 'gone' || truth?.state === 'gone');
    if (!held.stored || moved || wentOrCame) {
      const deciderNumber = decider === undefined ? null : this.#numberOf(decider);
      const goneAt = truth?.state === 'gone' ? entry.lastChangedMs : null;
      if (held.stored) this.#sql.updateVM.run(state, deciderNumber, realm, name, goneAt, data, number);
      else this.#sql.insertVM.add(number, keptId(entry.id), state, deciderNumber, realm, name, goneAt, data);
    } else if (held.state !== truth?.state) this.#sql.updateVMState.run(state, data, number);
    else this.#sql.updateVMData.run(data, number);
    held.stored = true;
    held.state = truth?.state;
    held.decider = decider;
    held.realm = truth?.realm;
    held.name = truth?.name;
    this.#writeAddresses(held, truth?.addresses ?? nothing);
  }

  #writeFlags(held: Held, flagged: ReadonlySet<string>): void {
    const { number } = held.entry;
    for (const observer of flagged) {
      const { present, shared } = flagsOf(held, observer);
      if (present || shared) {
        this.#sql.saveSeen.add(this.#numberOf(observer), number, present ? 1 : 0, shared ? 1 : 0);
      } else this.#sql.deleteSeen.run(this.#numberOf(observer), number);
    }
    held.flagged = undefined;
  }

  #writeAddresses(held: Held, addresses: VMTruth['addresses']): void {
    if (sameItems(held.addresses, addresses)) return;
    const { number } = held.entry;
    const before = keysOf(held.addresses);
    const now = keysOf(addresses);
    for (const key of before) if (!now.has(key)) this.#sql.deleteAddress.run(key, number);
    for (const key of now) if (!before.has(key)) this.#sql.insertAddress.add(key, number);
    held.addresses = addresses;
  }
}

/** The stored form of an identifier, of which the bytes stay as they are. */
function keptId(id: string): string | Uint8Array {
  const stored = encodeId(id);
  return typeof stored === 'string' ? stored : Uint8Array.from(stored);
}

function flagsOf(held: Held, observer: string): SightingFlags {
  const known = held.flags.get(observer);
  if (known !== undefined) return known;
  const flags = { present: false, shared: false };
  held.flags.set(observer, flags);
  return flags;
}

function keysOf(addresses: VMTruth['addresses']): Set<string> {
  const keys = new Set<string>();
  for (const { address } of addresses) {
    const key = addressKeyOf(address);
    if (key !== undefined) keys.add(key);
  }
  return keys;
}
