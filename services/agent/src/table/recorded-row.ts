import type { RuntimeRow } from '@vedette/fetcher';
import { isMigrating, type RawState, stateClass, type VMState } from '@vedette/model';

/** No figure: what is kept of it is a small number, which costs no object of its own. */
export const unmeasured = -1;

/** What a source says besides of a row, as bits. */
const forgottenFlag = 1;
const unprovedFlag = 2;

/**
 * One VM in the table, as it was last recorded. Figures are whole numbers so that V8 keeps them in the object itself:
 * thousandths of a CPU, tenths of a percent, seconds since the table was made.
 */
export class RecordedRow {
  readonly vm: string;
  name: string | undefined;
  state: VMState = 'unknown';
  reason = '';
  raw: RawState;
  flags = 0;
  /** Of each section; empty until there was one. */
  info = '';
  config = '';
  status = '';
  guest = '';
  cpuSystem: number = unmeasured;
  cpuUser: number = unmeasured;
  memory: number = unmeasured;
  /** When the VM was started; only where {@link hasStarted}. */
  startedS = 0;
  hasStarted = false;
  rev = 0;
  /** It cannot be read now. */
  withheld = false;
  /** The revision at which its name or a hash changed last, and at which it was last seen defined anew (0: never). */
  describedRev = 0;
  recreatedRev = 0;
  /** The source's own revision of it; 0 where it has none. */
  sourceRev = 0;
  /** The last reading of the source that had it, and the one that was under way or over when it was hinted. */
  listedIn = 0;
  hintedIn = 0;

  constructor(vm: string, raw: RawState) {
    this.vm = vm;
    this.raw = raw;
  }

  get forgotten(): boolean {
    return (this.flags & forgottenFlag) !== 0;
  }

  get unproved(): boolean {
    return (this.flags & unprovedFlag) !== 0;
  }

  /**
   * What `row` says to whoever knows this: a source that forgot why the VM is down, or whose QEMU has not answered it yet,
   * says nothing against a state that was known better (host port, `forgotten` and `unproved`).
   */
  heeding(row: RuntimeRow): RuntimeRow {
    if (row.recreated || !(row.forgotten || row.unproved)) return row;
    const isKnownDown = row.forgotten === true && stateClass(this.state) === 'down';
    const isKnownSilent =
      this.state === 'not_responding' && stateClass(row.state) === 'active' && !isMigrating(row.state);
    if (!isKnownDown && !(row.unproved === true && isKnownSilent)) return row;
    const { state, reason, raw, forgotten, unproved } = this;
    return { ...row, state, reason, raw, forgotten, unproved };
  }

  /** Whether `row` says anything else of the VM but figures and hashes. */
  saysOther(row: RuntimeRow): boolean {
    return (
      row.state !== this.state ||
      row.reason !== this.reason ||
      row.raw.state !== this.raw.state ||
      row.raw.reason !== this.raw.reason ||
      (row.name !== undefined && row.name !== this.name) ||
      flagsOf(row) !== this.flags ||
      row.recreated === true
    );
  }

  /** Whether `row` has a hash that is not the recorded one; one that is left out says nothing. */
  hashesDiffer({ hashes }: RuntimeRow): boolean {
    return (
      (hashes.info !== undefined && hashes.info !== this.info) ||
      (hashes.config !== undefined && hashes.config !== this.config) ||
      (hashes.status !== undefined && hashes.status !== this.status) ||
      (hashes.guest !== undefined && hashes.guest !== this.guest)
    );
  }

  /** Whether the figures have left the dead band, or the VM was started since. @param deadBand in points of percent */
  figuresMoved(row: RuntimeRow, nowS: number, deadBand: number): boolean {
    const cpuSystem = thousandths(row.cpuSystem);
    const cpuUser = thousandths(row.cpuUser);
    const memory = tenths(row.memoryPercent);
    return (
      appeared(cpuSystem, this.cpuSystem) ||
      appeared(cpuUser, this.cpuUser) ||
      appeared(memory, this.memory) ||
      Math.abs(sum(cpuSystem, cpuUser) - sum(this.cpuSystem, this.cpuUser)) > 10 * deadBand ||
      Math.abs(memory - this.memory) > 10 * deadBand ||
      this.#startMoved(row, nowS)
    );
  }

  record(row: RuntimeRow, nowS: number): void {
    this.state = row.state;
    this.reason = row.reason;
    this.raw = row.raw;
    this.name = row.name ?? this.name;
    this.flags = flagsOf(row);
    this.info = row.hashes.info ?? this.info;
    this.config = row.hashes.config ?? this.config;
    this.status = row.hashes.status ?? this.status;
    this.guest = row.hashes.guest ?? this.guest;
    this.cpuSystem = thousandths(row.cpuSystem);
    this.cpuUser = thousandths(row.cpuUser);
    this.memory = tenths(row.memoryPercent);
    this.hasStarted = row.elapsedS !== undefined;
    this.startedS = row.elapsedS === undefined ? 0 : nowS - Math.floor(row.elapsedS);
  }

  #startMoved({ elapsedS }: RuntimeRow, nowS: number): boolean {
    if ((elapsedS !== undefined) !== this.hasStarted) return true;
    return elapsedS !== undefined && Math.abs(nowS - Math.floor(elapsedS) - this.startedS) > startJitterS;
  }
}

/** A start is told in whole seconds of age; two readings of the same may be that far apart. */
const startJitterS = 2;

function flagsOf(row: RuntimeRow): number {
  return (row.forgotten ? forgottenFlag : 0) | (row.unproved ? unprovedFlag : 0);
}

function thousandths(ratio: number | undefined): number {
  return ratio === undefined ? unmeasured : Math.round(1_000 * ratio);
}

function tenths(percent: number | undefined): number {
  return percent === undefined ? unmeasured : Math.round(10 * percent);
}

/** A figure is there that was not, or the other way round. */
function appeared(now: number, before: number): boolean {
  return (now === unmeasured) !== (before === unmeasured);
}

function sum(cpuSystem: number, cpuUser: number): number {
  return Math.max(0, cpuSystem) + Math.max(0, cpuUser);
}
