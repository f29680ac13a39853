import {
  type ConfigValue,
  compareVersions,
  type GuestValue,
  type HostSnapshot,
  type HostStateChanged,
  isActive,
  type MergeOutcome,
  mergeSighting,
  type ObserverEvent,
  type RegisterValues,
  type StateValue,
  type Version,
  type Via,
  type VMState,
  zeroVersion,
} from '@vedette/model';
import { sameJson } from './items.ts';
import type { Logs } from './logs.ts';
import type { PendingIndex } from './pendings.ts';
import type { Counters, DocumentRegister, ObserverRecord, StoredSighting, VMEntry } from './records.ts';
import { isLacked, isPresent, newEntry, visibleSighting } from './sightings.ts';
import type { Tables } from './tables.ts';
import type { Truths } from './truths.ts';

type VMEventOf<E extends ObserverEvent> = E extends HostSnapshot | HostStateChanged ? never : Pick<E, 'type' | 'data'>;
export type VMEvent = VMEventOf<ObserverEvent>;

/** What one event says of one VM. */
export interface VMUpdate {
  readonly vm: string;
  readonly version: Version;
  readonly values: Partial<RegisterValues>;
  /** Position in the stream, or the store's own count. */
  readonly position: number;
  /** States it went through besides the one it is in. */
  readonly passed: readonly VMState[];
  readonly via: Via;
  readonly observedAt: string;
  /** What the history keeps of the event; undefined for a row of a snapshot, which is told otherwise. */
  readonly event: VMEvent | undefined;
}

export interface UpdateOutcome {
  /** Of the VM. */
  readonly number: number;
  /** A register, the activation or a document moved on. */
  readonly moved: boolean;
  /** A hash is known for which no document is held, and this event told it. */
  readonly wanted: boolean;
}

/**
 * One VM's transaction (I4): what an event says of it is merged into the sighting, the truth is resolved, history and
 * fleet event are written.
 *
 * U1. Documents are kept beside the registers: one stands for as long as the hashes of its register do. An event that
 *     comes too late to set the register still brings the document of the hashes held.
 * U2. The truth is resolved again only if the event can have moved it.
 * U3. An observer that saw the VM defined anew (`born`, M8) begins its next incarnation, in which what it did at lower
 *     versions of that observer does not count. It counts once, when the highest birth heard of rises; a birth below
 *     that is of an incarnation already over.
 */
export class Updates {
  readonly #tables: Tables;
  readonly #counters: Counters;
  readonly #pendings: PendingIndex;
  readonly #truths: Truths;
  readonly #logs: Logs;

  constructor(parts: {
    readonly tables: Tables;
    readonly counters: Counters;
    readonly pendings: PendingIndex;
    readonly truths: Truths;
    readonly logs: Logs;
  }) {
    this.#tables = parts.tables;
    this.#counters = parts.counters;
    this.#pendings = parts.pendings;
    this.#truths = parts.truths;
    this.#logs = parts.logs;
  }

  apply(observer: ObserverRecord, update: VMUpdate, wallMs: number): UpdateOutcome {
    const entry = this.#tables.entry(update.vm) ?? this.#add(update.vm, wallMs);
    const held = entry.sightings.get(observer.id);
    const values = withoutDocuments(update.values);
    const { version, position } = update;
    const merge = mergeSighting(held, observer.id, { version, values, position, mark: this.#counters.mark });
    const inSnapshot = update.event === undefined;
    const config = this.#document(entry, held, merge, 'config', update.values.config, inSnapshot);
    const guest = this.#document(entry, held, merge, 'guest', update.values.guest, inSnapshot);
    const changed = changedRegisters(held, merge);
    const reborn = isReborn(held, merge);
    if (reborn) this.#beginAnew(entry, merge);
    const wasActive = this.#noteActive(entry, update, merge);
    if (merge.advanced.length > 0 || activationMoved(held, merge) || reborn || config.moved || guest.moved) {
      const sighting = this.#sighting(observer, held, merge, { configHeld: config.held, guestHeld: guest.held });
      this.#keep(entry, observer, held, sighting);
      this.#note(entry, observer, update, { held, changed, wallMs });
      if (changed || this.#dependsOnMore(entry, held, sighting, observer)) this.#truths.settle(entry, wallMs, reborn);
      if (wasActive) this.#noteActive(entry, update, merge); // seen again after it was gone, it begins anew just now (M8)
      return { number: entry.number, moved: true, wanted: config.wanted || guest.wanted };
    }
    return { number: entry.number, moved: false, wanted: false };
  }

  /**
   * The VMs that the observer's newest snapshot lacks and that no earlier one did.
   *
   * @param named numbers of VMs that the snapshot is known to name: they need not be looked at
   */
  sweep(observer: ObserverRecord, named: ReadonlySet<number>, via: string, wallMs: number): void {
    const mark = this.#counters.mark;
    for (const entry of this.#tables.presentOf(observer, named)) {
      const held = entry.sightings.get(observer.id);
      if (held === undefined || !isLacked(held, observer.snapshot) || held.lackedMark !== undefined) continue;
      const from = held.registers.state?.value.state;
      this.#keep(entry, observer, held, { ...held, lackedMark: mark });
      const data = { version: observer.snapshot, from, to: 'absent' };
      this.#logs.note(entry, { atMs: wallMs, by: observer.id, name: 'HostSnapshot', via, data });
      this.#truths.settle(entry, wallMs);
    }
  }

  #add(vm: string, wallMs: number): VMEntry {
    const entry = newEntry(++this.#counters.vms, vm, wallMs);
    this.#tables.addEntry(entry);
    return entry;
  }

  #sighting(
    observer: ObserverRecord,
    held: StoredSighting | undefined,
    { sighting }: MergeOutcome,
    documents: Pick<StoredSighting, 'configHeld' | 'guestHeld'>,
  ): StoredSighting {
    const lacked = isLacked(sighting, observer.snapshot);
    const lackedMark = lacked ? (held?.lackedMark ?? this.#counters.mark) : undefined;
    return { ...sighting, observer: observer.id, lackedMark, ...documents };
  }

  #keep(entry: VMEntry, observer: ObserverRecord, held: StoredSighting | undefined, sighting: StoredSighting): void {
    this.#tables.saveSighting(entry, sighting);
    const present = isPresent(visibleSighting(sighting, observer.snapshot));
    this.#tables.setPresent(entry, observer.id, present);
    if (held === undefined && entry.sightings.size > 1) this.#tables.setShared(entry);
  }

  /** U1. An event that repeats the hashes held and brings no document again has none to give: do not ask for it. */
  #document(
    entry: VMEntry,
    held: StoredSighting | undefined,
    { sighting, advanced }: MergeOutcome,
    register: DocumentRegister,
    told: ConfigValue | GuestValue | undefined,
    inSnapshot: boolean,
  ): { readonly held: boolean; readonly moved: boolean; readonly wanted: boolean } {
    const hadOne = (register === 'config' ? held?.configHeld : held?.guestHeld) ?? false;
    if (told === undefined) return { held: hadOne, moved: false, wanted: false };
    const before = held?.registers[register]?.value;
    const now = sighting.registers[register]?.value;
    const isNews = advanced.includes(register);
    const sameAsHeld = before !== undefined && sameHashes(before, told);
    if (told.document !== undefined && (isNews || (sameHashes(now, told) && !hadOne))) {
      this.#tables.saveDocument(entry, sighting.observer, register, told.document);
      return { held: true, moved: true, wanted: false };
    }
    if (!isNews || (sameAsHeld && hadOne)) return { held: hadOne, moved: false, wanted: false };
    if (hadOne) this.#tables.saveDocument(entry, sighting.observer, register, undefined);
    return { held: false, moved: true, wanted: inSnapshot || !sameAsHeld };
  }

  /** U3; it may have been seen active in it already, by an event that overtook this one. */
  #beginAnew(entry: VMEntry, { sighting: { activation, born = zeroVersion } }: MergeOutcome): void {
    entry.incarnation++;
    entry.ended = false;
    entry.everRan = compareVersions(activation, born) >= 0;
    this.#tables.saveVM(entry);
  }

  /** Whether the event shows the VM active, in its present incarnation (U3); then it is known to have run. */
  #noteActive(entry: VMEntry, { values, passed, version }: VMUpdate, { sighting }: MergeOutcome): boolean {
    const shown = (values.state !== undefined && isActive(values.state.state)) || passed.some(isActive);
    const active = shown && (sighting.born === undefined || compareVersions(version, sighting.born) >= 0);
    if (active && !entry.everRan) {
      entry.everRan = true;
      this.#tables.saveVM(entry);
    }
    return active;
  }

  /** A snapshot's rows enter the history only where the state of a known VM changed: its events tell the rest. */
  #note(
    entry: VMEntry,
    observer: ObserverRecord,
    { version, via, observedAt, event }: VMUpdate,
    was: { readonly held: StoredSighting | undefined; readonly changed: boolean; readonly wallMs: number },
  ): void {
    const by = observer.id;
    if (event !== undefined) {
      if (!was.changed) return;
      const atMs = timeOf(observedAt) ?? was.wallMs;
      this.#logs.note(entry, { atMs, by, name: eventName(event), via, data: historyOf(event) });
      return;
    }
    const before = was.held?.registers.state?.value;
    const now = entry.sightings.get(by)?.registers.state?.value;
    if (before === undefined || now === undefined || sameState(before, now)) return;
    const atMs = timeOf(observedAt) ?? was.wallMs;
    const data = { version, from: before.state, to: now.state, reason: now.reason };
    this.#logs.note(entry, { atMs, by, name: 'HostSnapshot', via, data });
  }

  /** U2: what may move the truth although no value changed. */
  #dependsOnMore(
    entry: VMEntry,
    held: StoredSighting | undefined,
    sighting: StoredSighting,
    observer: ObserverRecord,
  ): boolean {
    if (held === undefined || entry.truth === undefined || entry.sightings.size > 1 || entry.ended) return true;
    return this.#pendings.has(entry.id) || isLacked(held, observer.snapshot) !== isLacked(sighting, observer.snapshot);
  }
}

function timeOf(text: string): number | undefined {
  const wallMs = Date.parse(text);
  return Number.isNaN(wallMs) ? undefined : wallMs;
}

/** `VMStateChanged` of `vedette.VMStateChanged.v1`. */
function eventName({ type }: VMEvent): string {
  return type.slice(type.indexOf('.') + 1, type.lastIndexOf('.'));
}

/** The event's data without what a history record says already, and without documents. */
function historyOf({ type, data }: VMEvent): Readonly<Record<string, unknown>> {
  const { host: _host, vm: _vm, via: _via, observedAt: _observedAt, ...told } = data;
  if (type !== 'vedette.VMConfigChanged.v1' && type !== 'vedette.VMGuestChanged.v1') return told;
  const { document: _document, ...value } = data.value as { readonly document?: unknown };
  return { ...told, value };
}

function withoutDocuments(values: Partial<RegisterValues>): Partial<RegisterValues> {
  const { config, guest } = values;
  if (config?.document === undefined && guest?.document === undefined) return values;
  return {
    ...values,
    ...(config === undefined ? {} : { config: { name: config.name, hashes: config.hashes } }),
    ...(guest === undefined ? {} : { guest: { hash: guest.hash } }),
  };
}

function sameHashes(a: ConfigValue | GuestValue | undefined, b: ConfigValue | GuestValue): boolean {
  if (a === undefined) return false;
  if ('hash' in a && 'hash' in b) return a.hash === b.hash;
  if (!('hashes' in a) || !('hashes' in b)) return false;
  return a.hashes.info === b.hashes.info && a.hashes.config === b.hashes.config;
}

function activationMoved(held: StoredSighting | undefined, { sighting }: MergeOutcome): boolean {
  if (held === undefined) return true;
  return held.term !== sighting.term || compareVersions(held.activation, sighting.activation) !== 0;
}

/** Whether the event told of a birth above all that were heard of before. */
function isReborn(held: StoredSighting | undefined, { sighting: { born } }: MergeOutcome): boolean {
  return born !== undefined && compareVersions(born, held?.born ?? zeroVersion) > 0;
}

/** Whether any register has another value than before, or the activation moved: what the truth is made of. */
function changedRegisters(held: StoredSighting | undefined, merge: MergeOutcome): boolean {
  if (held === undefined || activationMoved(held, merge)) return true;
  return merge.advanced.some((name) => {
    const before = held.registers[name]?.value;
    const now = merge.sighting.registers[name]?.value;
    if (before === undefined || now === undefined) return true;
    return name === 'state' ? !sameState(before as StateValue, now as StateValue) : !sameJson(before, now);
  });
}

function sameState(a: StateValue, b: StateValue): boolean {
  return (
    a.state === b.state &&
    a.reason === b.reason &&
    a.lastPresent === b.lastPresent &&
    a.raw.state === b.raw.state &&
    a.raw.reason === b.raw.reason &&
    compareVersions(a.born ?? zeroVersion, b.born ?? zeroVersion) === 0
  );
}
