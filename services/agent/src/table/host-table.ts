import type { RuntimeRow } from '@vedette/fetcher';
import { SetChecksum } from '@vedette/model';
import { LeftLog } from './left-log.ts';
import { RecordedRow } from './recorded-row.ts';

/**
 * What an agent knows of the VMs of one host, as docs/contracts.md (agent protocol) says. Pure: no clock, no I/O.
 *
 * T1. `rev` only grows, also over {@link HostTable.reset}. A row is recorded anew, at the next `rev`, when its status or
 *     a hash changed, or when a figure left the dead band around what was recorded; a VM that left takes a `rev` too.
 * T2. A delta applied to the complete listing of any earlier `rev` is the complete listing of now. Where what left since
 *     is no longer known there is no delta.
 * T3. `stateRev` is the `rev` of the last change of status, hash or presence: what hints tell.
 * T4. Asking changes nothing: any number of pollers is safe.
 * T5. The checksum is over (VM, rev) of every row that is told, and kept with every change.
 * T6. A VM that could not be read is neither present nor absent (I2): its row is kept, withheld, and recorded anew when it
 *     can be read again.
 */

export interface HostTableOptions {
  /** In points of percent: of one CPU, and of the VM's memory. */
  readonly deadBand: number;
  /** VMs that left and are remembered for deltas. */
  readonly leftLimit: number;
}

/** What a source said of its VMs at once: the members of `RuntimeStats` that tell of them. */
export interface SourceListing {
  readonly complete: boolean;
  readonly rows: readonly RuntimeRow[];
  readonly left: readonly string[];
  readonly unreadable: readonly string[];
  /** Of a delta: what left may be believed. */
  readonly agrees: boolean;
}

/** What hints have to tell: rows whose status or sections changed, and VMs that left. */
export interface Changes {
  readonly rows: readonly RecordedRow[];
  readonly left: readonly string[];
}

export interface Delta {
  readonly rows: readonly RecordedRow[];
  readonly left: readonly string[];
}

/** Of which reading, when, and where to note what hints have to tell. */
interface Taking {
  readonly nowS: number;
  readonly reading: number;
  readonly measured: boolean;
  readonly changed: RecordedRow[];
}

const noVms: readonly string[] = [];
const noChanges: Changes = { rows: [], left: [] };

export class HostTable {
  readonly #options: HostTableOptions;
  readonly #rows = new Map<string, RecordedRow>();
  readonly #left: LeftLog;
  #rev = 0;
  #stateRev = 0;
  readonly #checksum = new SetChecksum();
  #listing = 0;
  #unreadable: readonly string[] = noVms;

  constructor(options: HostTableOptions) {
    this.#options = options;
    this.#left = new LeftLog(options.leftLimit);
  }

  get rev(): number {
    return this.#rev;
  }

  get stateRev(): number {
    return this.#stateRev;
  }

  /** 16 hex digits (T5). */
  get checksum(): string {
    return this.#checksum.toString();
  }

  get size(): number {
    return this.#rows.size;
  }

  /** VMs that the last reading could not read (T6), met before or not. */
  get unreadable(): readonly string[] {
    return this.#unreadable;
  }

  /** Every row that is told, in the order of the ids by UTF-16 code units. @param after only those after this id */
  rows(after = ''): RecordedRow[] {
    const rows: RecordedRow[] = [];
    for (const row of this.#rows.values()) if (!row.withheld && row.vm > after) rows.push(row);
    return rows.sort((a, b) => (a.vm < b.vm ? -1 : 1));
  }

  get(vm: string): RecordedRow | undefined {
    return this.#rows.get(vm);
  }

  /** Forgets everything: another host, or another run of it, is read from now on. No delta reaches back over this. */
  reset(): void {
    this.#rows.clear();
    this.#checksum.clear();
    this.#unreadable = noVms;
    this.#rev++;
    this.#stateRev = this.#rev;
    this.#left.forgetUpTo(this.#rev);
  }

  /** Has hints something to tell although no VM changed: whoever hears it asks. */
  advance(): void {
    this.#stateRev = ++this.#rev;
  }

  /** The reading that begins now; see {@link take}. */
  beginReading(): number {
    return ++this.#listing;
  }

  /** Another run of the source counts its revisions anew. */
  forgetSourceRevs(): void {
    for (const row of this.#rows.values()) row.sourceRev = 0;
  }

  /**
   * Takes in what a reading brought. A row that was hinted while the reading was under way is newer than that.
   *
   * @param reading what {@link beginReading} gave it
   * @param measured its figures mean something: they are of a time that is not too short
   */
  take(listing: SourceListing, reading: number, nowS: number, measured = true): Changes {
    const changed: RecordedRow[] = [];
    for (const row of listing.rows) {
      const held = this.#rows.get(row.vm);
      if (held !== undefined) held.listedIn = reading;
      if (held !== undefined && held.hintedIn === reading && row.rev === 0) continue;
      this.#take(row, { nowS, reading, measured, changed });
    }
    this.#withhold(listing.unreadable, reading);
    return this.#changed(changed, this.#departures(listing, reading));
  }

  /** Takes in rows that the source told by itself. */
  takeHinted(rows: readonly RuntimeRow[], nowS: number): Changes {
    const changed: RecordedRow[] = [];
    for (const row of rows) {
      this.#take(row, { nowS, reading: this.#listing, measured: false, changed });
      const held = this.#rows.get(row.vm);
      if (held !== undefined) held.hintedIn = this.#listing;
    }
    if (this.#unreadable.length > 0)
      this.#unreadable = this.#unreadable.filter((vm) => !rows.some((row) => row.vm === vm));
    return this.#changed(changed, []);
  }

  /** What was recorded, and who left, after `rev`; undefined where only a complete listing can answer. */
  delta(rev: number): Delta | undefined {
    const left = rev > this.#rev ? undefined : this.#left.since(rev);
    if (left === undefined) return undefined;
    const rows: RecordedRow[] = [];
    for (const row of this.#rows.values()) {
      if (row.rev > rev && !row.withheld) rows.push(row);
    }
    return { rows, left: left.filter((vm) => !this.#rows.has(vm)) };
  }

  #take(given: RuntimeRow, { nowS, reading, measured, changed }: Taking): void {
    const held = this.#rows.get(given.vm);
    if (held !== undefined && given.rev > 0 && given.rev < held.sourceRev) return;
    const row = held?.heeding(given) ?? given;
    const recorded = held ?? this.#add(row, reading);
    recorded.sourceRev = row.rev;
    const saysOther = held === undefined || recorded.saysOther(row);
    const isRenamed = held === undefined || (row.name !== undefined && row.name !== held.name);
    const hashesDiffer = recorded.hashesDiffer(row);
    const isBack = recorded.withheld;
    const isNews = saysOther || hashesDiffer || isBack;
    if (!isNews && !(measured && recorded.figuresMoved(row, nowS, this.#options.deadBand))) return;
    recorded.record(row, nowS);
    this.#stamp(recorded);
    if (hashesDiffer || isRenamed || isBack) recorded.describedRev = this.#rev;
    if (row.recreated) recorded.recreatedRev = this.#rev;
    if (isNews) changed.push(recorded);
  }

  #add({ vm, raw }: RuntimeRow, reading: number): RecordedRow {
    const row = new RecordedRow(vm, raw);
    row.listedIn = reading;
    this.#rows.set(vm, row);
    return row;
  }

  #stamp(row: RecordedRow): void {
    if (row.rev > 0 && !row.withheld) this.#checksum.remove(row.vm, row.rev);
    row.withheld = false;
    row.rev = ++this.#rev;
    this.#checksum.add(row.vm, row.rev);
  }

  /** T6; one that was hinted while the reading was under way can be read. */
  #withhold(unreadable: readonly string[], reading: number): void {
    if (unreadable.length === 0) {
      this.#unreadable = noVms;
      return;
    }
    this.#unreadable = unreadable.filter((vm) => this.#rows.get(vm)?.hintedIn !== reading);
    let isNews = false;
    for (const vm of this.#unreadable) {
      const row = this.#rows.get(vm);
      if (row === undefined || row.withheld) continue;
      row.withheld = true;
      this.#checksum.remove(vm, row.rev);
      isNews = true;
    }
    // No heart-beat may go on proving what nobody sees any more: it shows another state, and whoever hears it asks.
    if (isNews) this.advance();
  }

  #departures(listing: SourceListing, reading: number): readonly string[] {
    const gone = listing.complete ? this.#notListed(listing.unreadable, reading) : listing.agrees ? listing.left : [];
    return gone.filter((vm) => this.#forget(vm, reading));
  }

  #notListed(unreadable: readonly string[], reading: number): readonly string[] {
    const unread = new Set(unreadable);
    const gone: string[] = [];
    for (const row of this.#rows.values()) if (row.listedIn !== reading && !unread.has(row.vm)) gone.push(row.vm);
    return gone;
  }

  /** False for one that is not here, or that was hinted while the reading that lacks it was under way. */
  #forget(vm: string, reading: number): boolean {
    const row = this.#rows.get(vm);
    if (row === undefined || row.hintedIn === reading) return false;
    this.#rows.delete(vm);
    if (!row.withheld) this.#checksum.remove(vm, row.rev);
    this.#left.add(vm, ++this.#rev);
    return true;
  }

  #changed(rows: readonly RecordedRow[], left: readonly string[]): Changes {
    if (rows.length === 0 && left.length === 0) return noChanges;
    this.#stateRev = this.#rev; // T3: figures recorded by the way are at or below it, and tell nothing of their own
    return { rows, left };
  }
}
