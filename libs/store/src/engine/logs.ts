import { envelope, type HostChanged, subjects, type VMChanged, type VMTruth } from '@vedette/model';
import type { StoreLimits } from './limits.ts';
import type { Counters, VMEntry } from './records.ts';
import type { Tables } from './tables.ts';

/** Most log and history rows that one transaction drops beyond what it added: no write waits long for cleaning up. */
const pruneStep = 500;

/** The id of a fleet event says what it is about: from it alone comes the subject. */
export function fleetSubject(id: string): string {
  const about = id.slice(id.indexOf('/') + 1, id.lastIndexOf('/'));
  return id.startsWith('vm/') ? subjects.fleetVm(about) : subjects.fleetHost(about);
}

/** The fleet log and the history: what leaves the store, and what stays to be looked up. Both bounded. */
export class Logs {
  readonly #tables: Tables;
  readonly #counters: Counters;
  readonly #limits: StoreLimits;
  readonly #source: string;
  readonly #envelopes = new Map<FleetName, EnvelopeText>();
  #fleetAdded = 0;
  #historyAdded = 0;

  constructor(tables: Tables, counters: Counters, limits: StoreLimits) {
    this.#tables = tables;
    this.#counters = counters;
    this.#limits = limits;
    this.#source = `/vedette/updater/${counters.storeId}`;
  }

  /** Fleet events since the transaction began. */
  get outboxed(): number {
    return this.#fleetAdded;
  }

  vmChanged(entry: VMEntry, data: Omit<VMChanged['data'], 'position'>, wallMs: number): void {
    this.#append('VMChanged', `vm/${entry.id}/${entry.vmVersion}`, data, wallMs);
    this.note(entry, { atMs: wallMs, by: undefined, name: 'VMChanged', via: '', data: fleetHistory(data) });
  }

  hostChanged(data: Omit<HostChanged['data'], 'position'>, wallMs: number): void {
    this.#append('HostChanged', `host/${data.host}/${data.hostVersion}`, data, wallMs);
  }

  /** Adds a line to the history of a VM. */
  note(
    entry: VMEntry,
    line: {
      readonly atMs: number;
      readonly by: string | undefined;
      readonly name: string;
      readonly via: string;
      readonly data: Readonly<Record<string, unknown>>;
    },
  ): void {
    const sequence = ++this.#counters.sequence;
    this.#tables.appendHistory(entry, { ...line, sequence, data: JSON.stringify(line.data) });
    this.#historyAdded++;
    this.#counters.historyRows++;
    entry.historyRows++;
    const { historyRowsPerVM } = this.#limits;
    if (entry.historyRows > historyRowsPerVM * 1.1) {
      this.#counters.historyRows -= this.#tables.trimHistory(entry, historyRowsPerVM);
      entry.historyRows = historyRowsPerVM;
    }
    this.#tables.saveVM(entry);
  }

  /** Drops what is beyond the limits, a step of it. Called once, when the transaction ends. */
  prune(): void {
    const { historyRows, fleetLogRows } = this.#limits;
    const counters = this.#counters;
    const excess = Math.min(counters.historyRows - historyRows, 2 * this.#historyAdded + pruneStep);
    if (excess > 0) counters.historyRows -= this.#tables.dropOldestHistory(excess);
    const droppable = Math.min(counters.relayed, counters.position - fleetLogRows);
    const upTo = Math.min(droppable, counters.dropped + 2 * this.#fleetAdded + pruneStep);
    if (upTo > counters.dropped) {
      this.#tables.dropFleet(upTo);
      counters.dropped = upTo;
    }
  }

  /** A new transaction begins. */
  begin(): void {
    this.#fleetAdded = 0;
    this.#historyAdded = 0;
  }

  #append<N extends FleetName>(name: N, id: string, data: Omit<FleetData[N], 'position'>, wallMs: number): void {
    const subject = fleetSubject(id);
    const position = ++this.#counters.position;
    const json = this.#envelopeOf(name, wallMs).around(id, subject, JSON.stringify({ position, ...data }));
    this.#tables.appendFleet({ position, id, subject, json });
    this.#fleetAdded++;
  }

  #envelopeOf(name: FleetName, wallMs: number): EnvelopeText {
    const held = this.#envelopes.get(name);
    if (held?.wallMs === wallMs) return held;
    const made = new EnvelopeText(name, this.#source, wallMs);
    this.#envelopes.set(name, made);
    return made;
  }
}

type FleetName = 'VMChanged' | 'HostChanged';

interface FleetData {
  VMChanged: VMChanged['data'];
  HostChanged: HostChanged['data'];
}

/** Stand for what differs between the events of one moment; none of these letters can be in an identifier. */
const idMark = '\u0001';
const subjectMark = '\u0002';
const dataMark = '\u0003';

/** The envelope of the events of one name and moment as text, made once for all of them. */
class EnvelopeText {
  readonly wallMs: number;
  readonly #pieces: readonly [string, string, string, string];

  constructor(name: FleetName, source: string, wallMs: number) {
    this.wallMs = wallMs;
    const text = JSON.stringify(envelope({ name, id: idMark, source, subject: subjectMark, wallMs, data: dataMark }));
    const marks = [idMark, subjectMark, dataMark].map((mark) => JSON.stringify(mark));
    const pieces = text.split(new RegExp(marks.map((mark) => RegExp.escape(mark)).join('|')));
    this.#pieces = pieces as unknown as [string, string, string, string];
  }

  /** The same bytes as of the whole event at once. */
  around(id: string, subject: string, data: string): string {
    const [start, beforeSubject, beforeData, end] = this.#pieces;
    return start + JSON.stringify(id) + beforeSubject + JSON.stringify(subject) + beforeData + data + end;
  }
}

/** What the history keeps of a VMChanged: what it became and what it was; what did not change is left out. */
function fleetHistory(data: Omit<VMChanged['data'], 'position'>): Readonly<Record<string, unknown>> {
  const { vmVersion, incarnation, reason, state, lastState, detail, host, previous } = data;
  const kept: Record<string, unknown> = { vmVersion, incarnation, reason, state };
  if (lastState !== undefined) kept.lastState = lastState;
  if (detail !== '') kept.detail = detail;
  if (host !== undefined) kept.host = host;
  for (const key of changedKeys(previous, reason)) if (data[key] !== undefined) kept[key] = data[key];
  if (reason !== 'discovered') kept.previous = previous;
  return kept;
}

const shownWhenChanged = ['name', 'realm', 'addresses', 'conditions', 'conflict'] as const;

function changedKeys(previous: Partial<VMTruth>, reason: string): readonly (typeof shownWhenChanged)[number][] {
  return reason === 'discovered' ? shownWhenChanged : shownWhenChanged.filter((key) => key in previous);
}
