import type { FleetHostState, HostMode, HostState, Sighting, Version, VMState, VMTruth } from '@vedette/model';
import type { HostOrigin } from '../port.ts';
import type { Applied } from './applied.ts';

/** What the engine keeps, as every driver holds it. */

/** One row of counters for the whole store; saved with every transaction that moved one. */
export interface Counters {
  readonly storeId: string;
  /** The highest mark cast. */
  mark: number;
  /** Events applied without a stream position: what becomes of `term` on such a bus. */
  terms: number;
  /** The last position of the fleet log. */
  position: number;
  /** Everything up to this position is on the bus. */
  relayed: number;
  /** Everything up to this position was dropped from the log. */
  dropped: number;
  /** The last sequence of the history. */
  sequence: number;
  historyRows: number;
  /** The last number given to a VM, and to an observer. */
  vms: number;
  observers: number;
  /** The highest vmVersion of any VM that was dropped: a VM that comes back starts above it, so no id repeats. */
  versionFloor: number;
}

export function newCounters(storeId: string): Counters {
  return {
    storeId,
    mark: 0,
    terms: 0,
    position: 0,
    relayed: 0,
    dropped: 0,
    sequence: 0,
    historyRows: 0,
    vms: 0,
    observers: 0,
    versionFloor: 0,
  };
}

// ---- VMs ---------------------------------------------------------------------------------------------------------

/**
 * What one observer said of one VM, merged (I4); registers without documents. Never modified, only replaced.
 * What a complete listing lacked is not written into it: {@link visibleSighting} adds that when it is read.
 */
export interface StoredSighting extends Sighting {
  /** The highest mark cast when a complete listing was first committed that lacked the VM; undefined: none lacks it. */
  readonly lackedMark: number | undefined;
  /** Whether the document of the register's present hashes is held. */
  readonly configHeld: boolean;
  readonly guestHeld: boolean;
}

/** One VM with its sightings; a live object: change it, then tell the tables what was changed. */
export interface VMEntry {
  /** Its place in the order of discovery, which is the order of pages. */
  readonly number: number;
  readonly id: string;
  vmVersion: number;
  incarnation: number;
  everRan: boolean;
  /** It has been gone in this incarnation: seen present again it begins the next one. */
  ended: boolean;
  /** A person declared it gone; holds for as long as nobody can say otherwise. */
  forgotten: boolean;
  /** Undefined until a state of it was seen; no query shows it before. */
  truth: VMTruth | undefined;
  /** The observer whose sighting decides. */
  decider: string | undefined;
  firstSeenMs: number;
  lastChangedMs: number;
  historyRows: number;
  readonly sightings: Map<string, StoredSighting>;
}

/**
 * Why a VM may change without a word about it: it waits for hosts to confirm its absence, two hosts claim it and no
 * mark has told which, or the removed host that lacked it may be registered again.
 */
export type PendingKind = 'waiting' | 'contested' | 'parked';

export interface Pending {
  readonly kind: PendingKind;
  /** Of the deciding observer; empty where it has none. */
  readonly realm: string;
  /** Hosts must echo a mark above this one. */
  readonly mark: number;
}

/** A VM as queries read it. */
export interface VMRow {
  readonly number: number;
  readonly id: string;
  readonly vmVersion: number;
  readonly incarnation: number;
  readonly everRan: boolean;
  readonly truth: VMTruth;
  readonly decider: string | undefined;
  readonly firstSeenMs: number;
  readonly lastChangedMs: number;
  readonly pending: Pending | undefined;
}

export type DocumentRegister = 'config' | 'guest';

/** The documents held of one sighting. */
export type Documents = { readonly [R in DocumentRegister]?: Readonly<Record<string, unknown>> };

// ---- Observers ---------------------------------------------------------------------------------------------------

/** A value that the observer set of itself, with the version that set it. */
export interface Versioned<T> {
  readonly version: Version;
  readonly value: T;
}

/** The parts that have come of a snapshot that is not complete yet. */
export interface PartialSnapshot {
  readonly version: Version;
  readonly parts: number;
  readonly seen: Applied;
}

export interface HostRegistrationRow {
  name: string;
  realm: string;
  url: string;
  origin: HostOrigin;
  /** Who took it away; undefined while it is watched. */
  removedBy: string | undefined;
  mode: HostMode;
  hostVersion: number;
  /** No living owner: nobody's coverage speaks for it. */
  unwatched: boolean;
  /** The member whose coverage last spoke for it. */
  member: string | undefined;
  /** As last published. */
  state: FleetHostState;
  reason: string;
}

/** One observer, and the host it stands for where that is registered; a live object. */
export interface ObserverRecord {
  readonly number: number;
  readonly id: string;
  /** 0: never opened. */
  epoch: number;
  /** The present epoch was ended in order. */
  closed: boolean;
  /** Of the present epoch. */
  readonly applied: Applied;
  /** The newest complete snapshot: what it lacks is absent. */
  snapshot: Version;
  partial: PartialSnapshot[];
  echoedMark: number;
  /** Marks echoed at versions that are not applied yet. */
  marks: Array<{ readonly mark: number; readonly version: Version }>;
  report: Versioned<{ readonly state: HostState; readonly reason: string }> | undefined;
  hostUuid: Versioned<string> | undefined;
  capabilities: Versioned<Readonly<Record<string, unknown>>> | undefined;
  host: HostRegistrationRow | undefined;
}

/** What of an observer decides how its VMs read; what queries join. */
export interface ObserverFacts {
  readonly observable: boolean;
  readonly removed: boolean;
  readonly unwatched: boolean;
  readonly realm: string;
  readonly echoedMark: number;
  readonly snapshot: Version;
}

// ---- Logs --------------------------------------------------------------------------------------------------------

export interface FleetRow {
  readonly position: number;
  readonly id: string;
  readonly subject: string;
  readonly json: string;
}

export interface HistoryRow {
  readonly sequence: number;
  readonly atMs: number;
  /** An observer; undefined: the fleet. */
  readonly by: string | undefined;
  readonly name: string;
  readonly via: string;
  /** JSON text. */
  readonly data: string;
}

/** What one member last proved, by the wall clock: for the ages shown after a restart and by offline readers. */
export interface CoverageRecord {
  readonly member: string;
  readonly wallMs: number;
  readonly provedAgoMs: number;
  /** Hosts for which `provedAgoMs` does not hold; null: never proved as far as is known. */
  readonly exceptions: ReadonlyArray<readonly [host: string, ageMs: number | null]>;
}

/** How many VMs an observer decides, by stored state. */
export interface Tally {
  readonly decider: string;
  readonly state: VMState;
  readonly count: number;
}
