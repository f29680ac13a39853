import {
  type Address,
  type Condition,
  isProviderObserver,
  type Register,
  type RegisterName,
  type Registers,
  type RegisterValues,
  type StateValue,
  type VMState,
  type VMTruth,
} from '@vedette/model';
import { sameItems } from '../../engine/items.ts';
import type { StoredSighting, VMEntry } from '../../engine/records.ts';

/**
 * A VM in one row (S3 of the schema).
 *
 * V1. `data` is JSON, arrays without names: a third of the bytes of objects, and faster to parse. Places are append
 *     only: what an older release wrote lacks the last ones.
 * V2. What the truth shares with its deciding sighting (addresses, conditions, words, name) is written once.
 */

/** Columns besides the number and the identifier. */
export interface VMColumns {
  readonly state: string | null;
  readonly realm: string | null;
  readonly name: string | null;
  readonly data: string;
}

/** How an observer stands to the VM besides what it said. */
export interface SightingFlags {
  present: boolean;
  shared: boolean;
}

export type SightingArray = [
  observer: number,
  /** 1: present, 2: shared. */
  flags: number,
  state: readonly unknown[] | 0,
  addresses: readonly unknown[] | 0,
  config: readonly unknown[] | 0,
  guest: readonly unknown[] | 0,
  conditions: readonly unknown[] | 0,
  activationEpoch: number,
  activationSeq: number,
  term: number,
  committedMark: number,
  /** -1: undefined. */
  lackedMark: number,
  /** 1: config, 2: guest. */
  documents: number,
  /** Left out where none was heard of. */
  bornEpoch?: number,
  bornSeq?: number,
];

/** What the truth does not share with the deciding sighting (V2). */
interface Rest {
  addresses?: readonly Address[];
  conditions?: readonly Condition[];
  conflict?: readonly string[];
}

type DataArray = [
  version: number,
  incarnation: number,
  /** 1: ever ran, 2: ended, 4: forgotten. */
  flags: number,
  lastState: string | 0,
  /** 0: the deciding sighting's reason. */
  detail: string | 0,
  rest: Rest | 0,
  firstSeenMs: number,
  lastChangedMs: number,
  historyRows: number,
  lastHistory: number,
  sightings: SightingArray[],
];

const nothing: readonly never[] = [];
const noRest: Rest = {};

// ---- Writing -----------------------------------------------------------------------------------------------------

export function encodeVM(
  entry: VMEntry,
  more: {
    readonly flags: ReadonlyMap<string, SightingFlags>;
    readonly numbers: ReadonlyMap<string, number>;
    readonly lastHistory: number;
  },
): VMColumns {
  const { truth, decider, sightings } = entry;
  const deciding = decider === undefined ? undefined : sightings.get(decider);
  const name = truth?.name ?? null;
  const arrays: SightingArray[] = [];
  for (const [observer, sighting] of sightings) {
    const flags = more.flags.get(observer);
    const number = more.numbers.get(observer) as number;
    arrays.push(encodeSighting(sighting, number, (flags?.present ? 1 : 0) + (flags?.shared ? 2 : 0), name));
  }
  const data: DataArray = [
    entry.vmVersion,
    entry.incarnation,
    (entry.everRan ? 1 : 0) + (entry.ended ? 2 : 0) + (entry.forgotten ? 4 : 0),
    truth?.lastState ?? 0,
    truth === undefined || truth.detail === deciding?.registers.state?.value.reason ? 0 : truth.detail,
    truth === undefined ? 0 : restOf(truth, deciding),
    entry.firstSeenMs,
    entry.lastChangedMs,
    entry.historyRows,
    more.lastHistory,
    arrays,
  ];
  return { state: truth?.state ?? null, realm: truth?.realm ?? null, name, data: JSON.stringify(data) };
}

function restOf(truth: VMTruth, deciding: StoredSighting | undefined): Rest | 0 {
  const sameAddresses = sameItems(truth.addresses, deciding?.registers.addresses?.value ?? nothing);
  const sameConditions = sameItems(truth.conditions, deciding?.registers.conditions?.value ?? nothing);
  if (sameAddresses && sameConditions && truth.conflict.length === 0) return 0;
  const rest: Rest = {};
  if (!sameAddresses) rest.addresses = truth.addresses;
  if (!sameConditions) rest.conditions = truth.conditions;
  if (truth.conflict.length > 0) rest.conflict = truth.conflict;
  return rest;
}

function encodeSighting(sighting: StoredSighting, observer: number, flags: number, name: string | null): SightingArray {
  const { registers, activation, term, committedMark, lackedMark, configHeld, guestHeld, born } = sighting;
  const { state, addresses, config, guest, conditions } = registers;
  const array: SightingArray = [
    observer,
    flags,
    state === undefined ? 0 : encodeState(state),
    addresses === undefined ? 0 : [addresses.version.epoch, addresses.version.seq, addresses.value.map(encodeAddress)],
    config === undefined ? 0 : encodeConfig(config, name),
    guest === undefined ? 0 : [guest.version.epoch, guest.version.seq, guest.value.hash],
    conditions === undefined ? 0 : [conditions.version.epoch, conditions.version.seq, conditions.value],
    activation.epoch,
    activation.seq,
    term,
    committedMark,
    lackedMark ?? -1,
    (configHeld ? 1 : 0) + (guestHeld ? 2 : 0),
  ];
  if (born !== undefined) array.push(born.epoch, born.seq);
  return array;
}

function encodeState({ version, value }: Register<StateValue>): unknown[] {
  const { state, reason, raw, activation, held, lastPresent, born } = value;
  const array: unknown[] = [version.epoch, version.seq, state, reason, raw.state, raw.reason];
  array.push(activation.epoch, activation.seq, held ? 1 : 0);
  if (lastPresent !== undefined || born !== undefined) array.push(lastPresent ?? 0);
  if (born !== undefined) array.push(born.epoch, born.seq);
  return array;
}

/** The name is 0 where it is the VM's (V2). */
function encodeConfig({ version, value }: Register<RegisterValues['config']>, name: string | null): unknown[] {
  const { info, config } = value.hashes;
  return [version.epoch, version.seq, value.name === name ? 0 : value.name, info, config];
}

function encodeAddress({ address, scope, mac, interface: name, source }: Address): unknown[] {
  return [address, scope, mac, name, source];
}

// ---- Reading -----------------------------------------------------------------------------------------------------

/** A VM's row as it was read. */
export class StoredVM {
  readonly #columns: VMColumns;
  readonly #data: DataArray;

  constructor(columns: VMColumns) {
    this.#columns = columns;
    this.#data = JSON.parse(columns.data) as DataArray;
  }

  get vmVersion(): number {
    return this.#data[0];
  }

  get incarnation(): number {
    return this.#data[1];
  }

  get everRan(): boolean {
    return (this.#data[2] & 1) !== 0;
  }

  get ended(): boolean {
    return (this.#data[2] & 2) !== 0;
  }

  get forgotten(): boolean {
    return (this.#data[2] & 4) !== 0;
  }

  get firstSeenMs(): number {
    return this.#data[6];
  }

  get lastChangedMs(): number {
    return this.#data[7];
  }

  get historyRows(): number {
    return this.#data[8];
  }

  get lastHistory(): number {
    return this.#data[9];
  }

  /** The sightings as stored, in the order in which their observers first spoke. */
  get sightings(): readonly SightingArray[] {
    return this.#data[10];
  }

  sighting(array: SightingArray, observer: string): StoredSighting {
    return decodeSighting(observer, array, this.#columns.name);
  }

  /** The sighting of the observer with this number; undefined where it has none. */
  sightingOf(observer: string, number: number): StoredSighting | undefined {
    const array = this.sightings.find(([one]) => one === number);
    return array && this.sighting(array, observer);
  }

  /** The truth, which shares with the sighting that decides. */
  truth(decider: string | undefined, deciding: StoredSighting | undefined): VMTruth | undefined {
    const { state, realm, name } = this.#columns;
    if (state === null) return undefined;
    const [, , , lastState, detail, rest] = this.#data;
    const { addresses, conditions, conflict }: Rest = rest === 0 ? noRest : rest;
    // One after the other, in the order in which records show them: spreading parts costs twice as much.
    const truth = { state: state as VMState } as { -readonly [K in keyof VMTruth]: VMTruth[K] };
    if (lastState !== 0) truth.lastState = lastState as VMState;
    truth.detail = detail === 0 ? (deciding?.registers.state?.value.reason ?? '') : detail;
    if (decider !== undefined && !isProviderObserver(decider)) truth.host = decider;
    if (realm !== null) truth.realm = realm;
    truth.conflict = [...(conflict ?? nothing)];
    truth.name = name ?? '';
    truth.addresses = [...(addresses ?? deciding?.registers.addresses?.value ?? nothing)];
    truth.conditions = [...(conditions ?? deciding?.registers.conditions?.value ?? nothing)];
    return truth;
  }
}

function decodeSighting(observer: string, array: SightingArray, name: string | null): StoredSighting {
  const [, , state, addresses, config, guest, conditions, epoch, seq, term, committedMark, lacked, documents] = array;
  const registers: { [N in RegisterName]?: Register<RegisterValues[N]> } = {};
  if (state !== 0) registers.state = decodeState(state);
  if (addresses !== 0) registers.addresses = registerOf(addresses, (addresses[2] as unknown[][]).map(decodeAddress));
  if (config !== 0) {
    const [, , own, info, hash] = config as [number, number, string | 0, string, string];
    registers.config = registerOf(config, { name: own === 0 ? (name ?? '') : own, hashes: { info, config: hash } });
  }
  if (guest !== 0) registers.guest = registerOf(guest, { hash: guest[2] as string });
  if (conditions !== 0) registers.conditions = registerOf(conditions, conditions[2] as RegisterValues['conditions']);
  const stored = {
    observer,
    registers: registers as Registers,
    activation: { epoch, seq },
    term,
    committedMark,
    lackedMark: lacked < 0 ? undefined : lacked,
    configHeld: (documents & 1) !== 0,
    guestHeld: (documents & 2) !== 0,
  };
  const { 13: bornEpoch, 14: bornSeq } = array;
  return bornEpoch === undefined || bornSeq === undefined
    ? stored
    : { ...stored, born: { epoch: bornEpoch, seq: bornSeq } };
}

function registerOf<T>(array: readonly unknown[], value: T): Register<T> {
  return { version: { epoch: array[0] as number, seq: array[1] as number }, value };
}

function decodeState(array: readonly unknown[]): Register<StateValue> {
  const [epoch, seq, state, reason, rawState, rawReason, activationEpoch, activationSeq, held] = array as [
    number,
    number,
    VMState,
    string,
    string,
    string,
    number,
    number,
    number,
  ];
  const { 9: lastPresent = 0, 10: bornEpoch, 11: bornSeq } = array as { readonly [at: number]: unknown };
  const raw = { state: rawState, reason: rawReason };
  const activation = { epoch: activationEpoch, seq: activationSeq };
  const plain: StateValue = { state, reason, raw, activation, held: held === 1 };
  const value: StateValue =
    bornEpoch === undefined && lastPresent === 0
      ? plain
      : {
          ...plain,
          ...(bornEpoch === undefined ? {} : { born: { epoch: bornEpoch as number, seq: bornSeq as number } }),
          ...(lastPresent === 0 ? {} : { lastPresent: lastPresent as VMState }),
        };
  return { version: { epoch, seq }, value };
}

function decodeAddress(array: readonly unknown[]): Address {
  const [address, scope, mac, name, source] = array as [string, Address['scope'], string, string, Address['source']];
  return { address, family: address.includes(':') ? 'ipv6' : 'ipv4', scope, mac, interface: name, source };
}
