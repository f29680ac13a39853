import type { RuntimeRow } from '@vedette/fetcher';
import type { VMState } from '@vedette/model';
import { type FetchedSection, lastSent, seenState, type VMEntry } from '../knowledge.ts';
import { hasAll } from '../sections.ts';
import { readHash, wordsRead } from './binary-text.ts';
import { contentOf } from './blocks.ts';
import { isListedName } from './details.ts';
import { type Figures, figuresOf, setFigures } from './figures.ts';
import { flagBits, sectionIs, sectionOrder, sectionsShift, words } from './layout.ts';
import { pack, revisionOf, setRevision } from './packing.ts';
import { placeOf } from './records.ts';
import { detailsOf, unpack, type Woken } from './unpacking.ts';
import type { VMTable } from './vm-table.ts';

/** What is told of a VM in samples. */
export interface VMGlance extends Figures {
  readonly vm: string;
  /** Undefined before the first. */
  readonly state: VMState | undefined;
  readonly name: string;
}

/** `details` is undefined where it did not wake but came. */
interface Awake extends Omit<Woken, 'details'> {
  readonly details: Woken['details'] | undefined;
}

/**
 * The VMs that one host knows: what a `Map<string, VMEntry>` would be, with most of them at rest in the process's
 * {@link VMTable}. A VM asked for wakes as a {@link VMEntry} and stays that object until {@link HostVMs.rest}.
 *
 * W1. While a VM is awake every question about it has the same object for an answer, and that object alone counts.
 * W2. A VM rests only where nothing is pending, in doubt, lacking or put off, and no more events were told in this
 *     second: then its record says everything, and it wakes as it went to rest. (Figures with the digits that are told.)
 * W3. What is done to a VM at rest without waking it is what would have been done to the object.
 * W4. In the order in which they came to be known, as a Map has it.
 */
export class HostVMs {
  readonly #table: VMTable;
  readonly #host: number;
  /** By record. */
  #awake: Map<number, Awake> | undefined;
  #first = 0;
  #last = 0;
  #size = 0;
  /** The record after the one last taken in. */
  #guess = 0;

  constructor(table: VMTable) {
    this.#table = table;
    this.#host = table.newHost();
  }

  get size(): number {
    return this.#size;
  }

  /** The VM, awake; undefined where it is not known. */
  get(vm: string): VMEntry | undefined {
    const row = this.#table.find(this.#host, vm);
    return row === 0 ? undefined : this.#wake(row);
  }

  /** Has `entry` stand for the VM from now on; known before or not, it is awake. */
  set(vm: string, entry: VMEntry): this {
    let row = this.#table.find(this.#host, vm);
    if (row === 0) {
      row = this.#table.add(this.#host, vm);
      this.#link(row);
    }
    this.#setAwake(row, { entry, details: undefined });
    return this;
  }

  /** Forgets a VM; false where it was not known. */
  delete(vm: string): boolean {
    const row = this.#table.find(this.#host, vm);
    if (row === 0) return false;
    if (this.#awake?.delete(row)) this.#table.awake--;
    this.#unlink(row);
    this.#table.drop(row);
    return true;
  }

  /** All of them, awake: for what is done seldom. */
  *values(): IterableIterator<VMEntry> {
    let next = 0;
    for (let row = this.#first; row !== 0; row = next) {
      next = this.#nextOf(row);
      yield this.#wake(row);
    }
  }

  /** Those that are awake. */
  *awake(): IterableIterator<VMEntry> {
    for (const { entry } of this.#awake?.values() ?? []) yield entry;
  }

  /**
   * Puts all to rest that may. Only for who holds no entry any more, and knows of nobody who does: a later question is
   * answered by another object.
   */
  rest(nowMs: number): void {
    if (this.#awake === undefined) return;
    for (const [row, { entry, details }] of this.#awake) {
      if (!mayRest(entry, nowMs)) continue;
      pack(this.#table, row, entry, details);
      this.#awake.delete(row);
      this.#table.awake--;
    }
    if (this.#awake.size === 0) this.#awake = undefined;
  }

  /** Forgets all. */
  clear(): void {
    for (let row = this.#first; row !== 0; ) {
      const next = this.#nextOf(row);
      this.#table.drop(row);
      row = next;
    }
    this.#table.awake -= this.#awake?.size ?? 0;
    this.#awake = undefined;
    this.#first = 0;
    this.#last = 0;
    this.#size = 0;
  }

  // ---- Without waking them -----------------------------------------------------------------------------------

  /**
   * Takes in a row that says of a VM at rest what is known already, but for figures: the usual case, every VM at every
   * poll. Returns false, with nothing done, where there is more to it: then the VM has to be woken.
   *
   * @param polled it came with the answer to the poll of that number, not with a hint
   */
  takeUnchanged(row: RuntimeRow, poll: { readonly number: number; readonly polled: boolean }, nowMs: number): boolean {
    const record = this.#table.find(this.#host, row.vm, this.#guess || this.#first);
    if (record === 0 || row.recreated === true) return false;
    const held = this.#table.records.page(record);
    const at = placeOf(record);
    if (((held[at + words.flags] as number) & flagBits.awake) !== 0) return false;
    const older =
      row.rev > 0 ? row.rev < revisionOf(held, at) : poll.polled && held[at + words.hintedDuring] === poll.number + 1;
    if (!older) {
      if (!this.#saysTheSame(record, held, at, row)) return false;
      setRevision(held, at, row.rev);
      takeFigures(held, at, row, nowMs);
    }
    held[at + words.listedIn] = poll.number;
    this.#guess = held[at + words.nextOfHost] as number;
    return true;
  }

  /** A hint spoke of the VM during the poll of that number. */
  hinted(vm: string, pollNumber: number): void {
    const row = this.#table.find(this.#host, vm);
    if (row === 0) return;
    const entry = this.#awake?.get(row)?.entry;
    if (entry !== undefined) entry.hintedDuring = pollNumber;
    else this.#table.records.page(row)[placeOf(row) + words.hintedDuring] = pollNumber + 1;
  }

  /** Those of which the listing of that poll had no row, awake. */
  notListedIn(pollNumber: number): VMEntry[] {
    const entries: VMEntry[] = [];
    for (let row = this.#first; row !== 0; row = this.#nextOf(row)) {
      const entry = this.#awake?.get(row)?.entry;
      const listedIn = entry?.listedIn ?? this.#table.records.page(row)[placeOf(row) + words.listedIn];
      if (listedIn !== pollNumber) entries.push(this.#wake(row));
    }
    return entries;
  }

  /** Revisions of a former run of the agent say nothing about the rows of this one. */
  forgetRevisions(): void {
    for (let row = this.#first; row !== 0; row = this.#nextOf(row)) {
      const entry = this.#awake?.get(row)?.entry;
      if (entry !== undefined) entry.rev = 0;
      else setRevision(this.#table.records.page(row), placeOf(row), 0);
    }
  }

  /** What samples tell of each. */
  *glances(): IterableIterator<VMGlance> {
    for (let row = this.#first; row !== 0; row = this.#nextOf(row)) {
      const entry = this.#awake?.get(row)?.entry;
      yield entry === undefined ? this.#glance(row) : glanceOf(entry);
    }
  }

  #glance(row: number): VMGlance {
    const held = this.#table.records.page(row);
    const at = placeOf(row);
    const saying = held[at + words.saying] as number;
    const details = detailsOf(this.#table, row);
    const name = this.#table.odd.get(row)?.published.config?.name ?? details.configName;
    return {
      vm: this.#table.vmOf(row),
      name: name || details.listedName,
      state: saying === 0 ? undefined : this.#table.sayings.get(saying).state,
      ...figuresOf(held, at),
    };
  }

  /** Whether a row tells nothing of the state, the name or the sections that is not known. */
  #saysTheSame(record: number, held: Uint32Array, at: number, row: RuntimeRow): boolean {
    const flags = held[at + words.flags] as number;
    const saying = held[at + words.saying] as number;
    if (saying === 0 || row.state === 'unknown') return false;
    const known = this.#table.sayings.get(saying);
    if (known.state !== row.state || known.reason !== row.reason) return false;
    if (row.name !== undefined && !this.#isNamed(record, held, at, flags, row.name)) return false;
    return this.#takeHashes(held, at, flags, row.hashes);
  }

  #isNamed(record: number, held: Uint32Array, at: number, flags: number, name: string): boolean {
    if ((flags & flagBits.oddNames) !== 0) return detailsOf(this.#table, record).listedName === name;
    const block = held[at + words.details] as number;
    return block === 0 ? name === '' : isListedName(this.#table.blocks.slabOf(block), contentOf(block), name);
  }

  /** What is listed now was taken in already, listed then or not; else false, with nothing done. */
  #takeHashes(held: Uint32Array, at: number, flags: number, hashes: RuntimeRow['hashes']): boolean {
    let listed = flags;
    for (let index = 0; index < sectionOrder.length; index++) {
      const hash = hashes[sectionOrder[index] as FetchedSection];
      if (hash === undefined) continue;
      const shift = sectionsShift + 2 * index;
      const place = at + words.sections + 2 * index;
      if (((flags >>> shift) & 3) === sectionIs.unknown || !readHash(hash)) return false;
      if (held[place] !== wordsRead[0] || held[place + 1] !== wordsRead[1]) return false;
      listed = (listed & ~(3 << shift)) | (sectionIs.listedAndTaken << shift);
    }
    held[at + words.flags] = listed;
    return true;
  }

  // ---- Records -----------------------------------------------------------------------------------------------

  #wake(row: number): VMEntry {
    return this.#awake?.get(row)?.entry ?? this.#setAwake(row, unpack(this.#table, row));
  }

  #setAwake(row: number, awake: Awake): VMEntry {
    this.#awake ??= new Map();
    if (!this.#awake.has(row)) this.#table.awake++;
    this.#awake.set(row, awake);
    const held = this.#table.records.page(row);
    held[placeOf(row) + words.flags] = (held[placeOf(row) + words.flags] as number) | flagBits.awake;
    return awake.entry;
  }

  #nextOf(row: number): number {
    return this.#table.records.page(row)[placeOf(row) + words.nextOfHost] as number;
  }

  #setLink(row: number, place: number, to: number): void {
    this.#table.records.page(row)[placeOf(row) + place] = to;
  }

  #link(row: number): void {
    this.#setLink(row, words.previousOfHost, this.#last);
    if (this.#last === 0) this.#first = row;
    else this.#setLink(this.#last, words.nextOfHost, row);
    this.#last = row;
    this.#size++;
  }

  #unlink(row: number): void {
    const next = this.#nextOf(row);
    const previous = this.#table.records.page(row)[placeOf(row) + words.previousOfHost] as number;
    if (previous === 0) this.#first = next;
    else this.#setLink(previous, words.nextOfHost, next);
    if (next === 0) this.#last = previous;
    else this.#setLink(next, words.previousOfHost, previous);
    this.#size--;
  }
}

/** W2 */
function mayRest(entry: VMEntry, nowMs: number): boolean {
  return (
    entry.pending === undefined &&
    entry.sent === undefined &&
    (entry.retries === undefined || Object.keys(entry.retries).length === 0) &&
    nowMs - entry.windowStartMs >= 1_000 &&
    hasAll(entry)
  );
}

/** A VM that is down has no figures. Called for every VM at every poll: one object serves them all. */
function takeFigures(held: Uint32Array, at: number, row: RuntimeRow, nowMs: number): void {
  figuresTaken.cpuUser = row.cpuUser ?? Number.NaN;
  figuresTaken.cpuSystem = row.cpuSystem ?? Number.NaN;
  figuresTaken.memoryPercent = row.memoryPercent ?? Number.NaN;
  figuresTaken.startedMs = row.elapsedS === undefined ? Number.NaN : nowMs - 1_000 * row.elapsedS;
  setFigures(held, at, figuresTaken);
}

const figuresTaken = { cpuUser: Number.NaN, cpuSystem: Number.NaN, memoryPercent: Number.NaN, startedMs: Number.NaN };

function glanceOf(entry: VMEntry): VMGlance {
  const { vm, cpuUser, cpuSystem, memoryPercent, startedMs } = entry;
  const name = lastSent(entry, 'config')?.name || entry.listedName;
  return { vm, name, state: seenState(entry)?.state, cpuUser, cpuSystem, memoryPercent, startedMs };
}
