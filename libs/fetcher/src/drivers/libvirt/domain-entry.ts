import { type Domain, type DomainInfo, domainStates, type GuestInterface } from '@vedette/libvirt';
import { isMigrating, libvirtState, type MigrationJob, stateClass } from '@vedette/model';
import type { GuestDetails, RuntimeRow, Section } from '../../host-port.ts';
import { ConditionSet } from './condition-set.ts';
import { CpuRatio, type CpuShares, cpuTimesOfInfo } from './cpu-ratio.ts';
import type { Definition } from './definition.ts';
import type { AgentReport } from './guest-details.ts';
import { GuestKnowledge, type GuestStanding } from './guest-knowledge.ts';
import { LiveDefinition } from './live-definition.ts';
import type { NeighbourReport } from './neighbour-reports.ts';
import type { ProcessFact } from './process-facts.ts';

/** How long a VM reads as rebooting after the last reboot event: libvirt sends three for one reboot. */
export const rebootHoldMs = 2_000;

/** virDomainRunningReason, virDomainPausedReason and virDomainShutoffReason: those with consequences here. */
const reasons = {
  runningMigrated: 2,
  runningRestored: 3,
  runningMigrationCanceled: 6,
  runningPostcopy: 10,
  pausedUser: 1,
  pausedMigration: 2,
  pausedIoError: 5,
  pausedWatchdog: 6,
  pausedShuttingDown: 8,
  pausedStartingUp: 11,
  pausedPostcopy: 12,
  pausedPostcopyFailed: 13,
  shutoffUnknown: 0,
  shutoffMigrated: 4,
  shutoffSaved: 5,
} as const;

/** Answers, one a listing, that a guest paused as if by a move has no job: between a move and its end one can be so. */
const idleAnswersMin = 2;

/** What is known of a QEMU's monitor: a `suspect` has been asked and has not answered yet. */
export type MonitorHealth = 'answers' | 'suspect' | 'silent';

/**
 * One domain of a host, as the driver remembers it between listings. Plain data and rules about it; no I/O.
 *
 * D1. State and reason are those last read; `restoring`, `rebooting` and `not_responding`, which no reading tells, are
 *     laid over them, and a migration job decides where a state alone cannot tell. The raw state is always the one read.
 * D2. A domain that is shut off has no addresses, and that is known; one that is saved keeps what it had, also where
 *     libvirtd has forgotten that it is and only its saved memory tells.
 * D3. What an agent says of a guest that is shutting down counts nothing: its network goes before it does (S3). The other
 *     rules about what is told of a guest are {@link GuestKnowledge}'s.
 * D4. What belongs to a run of the domain (its number in libvirt) ends with that run, also when both its end and the
 *     next start were missed.
 * D5. Starting up, and each state of a move, is read on both sides of a move: no row tells it before the job is known.
 *     A job that is known stands until libvirt says otherwise, by an answer or by a state that ends it.
 */
export class DomainEntry {
  readonly conditions = new ConditionSet();
  state = 0;
  reason = 0;
  /** The move it is part of, as far as is known. */
  job: MigrationJob | undefined;
  /** Monotonic ms at which its job is asked for without a sign of one. */
  jobDueMs = 0;
  /** Monotonic ms at which the definition must be read again; it is stale from then on. */
  definitionDueMs = 0;
  readingDefinition = false;
  monitor: MonitorHealth = 'answers';
  monitorDueMs = 0;
  /** Its monitor has been looked at in this run of the driver: until then it may have hung for long. */
  monitorKnown = false;
  /** Its monitor has answered since it was first seen, and since it was silent. */
  monitorProved = false;
  /** Since when its monitor is not `answers`; monotonic ms. */
  suspectSinceMs = 0;
  agentDueMs = 0;
  askingAgent = false;
  /** Questions to its agent that failed since it last answered or connected. */
  agentFailures = 0;
  rebootingUntilMs = Number.NEGATIVE_INFINITY;
  /** Somebody looks at it again when it no longer reads as rebooting. */
  rebootWatched = false;
  restoring = false;
  /** Is back under its UUID after it was undefined while down, and not told yet: another domain, unless it arrived (M8). */
  returned = false;
  /** A row was kept back until its job is known. */
  withheld = false;
  /** Monotonic ms at which the newest reading of its state was asked for. */
  stateAskedMs = Number.NEGATIVE_INFINITY;
  /** Its last lifecycle event said that it stopped, other than by leaving; the reading that follows may come too late. */
  stoppedByEvent = false;
  #saved: boolean | undefined;
  #domain: Domain;
  #arriving = false;
  /** What its job is, or is not, is known for the state it was last read in. */
  #explained = false;
  /** Answers in a row that it has no job, in the state it is in. */
  #idleAnswers = 0;
  /** It was restored, and has not run since. */
  #restored = false;
  readonly #guest = new GuestKnowledge();
  readonly #live = new LiveDefinition();
  readonly #cpu = new CpuRatio();
  #shares: CpuShares = {};

  constructor(domain: Domain) {
    this.#domain = domain;
  }

  get domain(): Domain {
    return this.#domain;
  }

  get definition(): Definition | undefined {
    return this.#live.value;
  }

  get isActive(): boolean {
    return this.state !== domainStates.shutoff && this.state !== domainStates.noState;
  }

  get isRunning(): boolean {
    return this.state === domainStates.running || this.state === domainStates.blocked;
  }

  /** On its way down, as far as its state tells. */
  get isStopping(): boolean {
    return this.state === domainStates.shutdown || this.#isPaused(reasons.pausedShuttingDown);
  }

  get isStartingUp(): boolean {
    return this.#isPaused(reasons.pausedStartingUp);
  }

  /** Read as down, and not because it left for another host. */
  get isDownHere(): boolean {
    return this.state === domainStates.shutoff && this.reason !== reasons.shutoffMigrated;
  }

  /** Off, and libvirtd does not know why: what it says of every domain that is off when it starts. */
  get isForgotten(): boolean {
    return this.state === domainStates.shutoff && this.reason === reasons.shutoffUnknown;
  }

  /** Of one that {@link isForgotten}: whether its memory is saved; undefined until that was asked. */
  get saved(): boolean | undefined {
    return this.#saved;
  }

  hasSave(saved: boolean): void {
    this.#saved = saved;
    this.#guest.stand(this.#standing());
  }

  /** Came, or is coming, from another host. */
  get hasArrived(): boolean {
    return this.job === 'incoming' || this.#arriving || this.#isAfterMove();
  }

  /** Its state is one of a move, and only its job tells of which side; or it was known to move at the last reading. */
  get mayBeMoving(): boolean {
    if (!this.isActive) return false;
    return this.job !== undefined || this.#arriving || this.isPausedByMove || this.#needsJob();
  }

  /** D5: nothing can be said of it before its job is known. */
  get awaitsJob(): boolean {
    if (this.job !== undefined || this.#arriving || this.restoring || this.#isPausedInPlace) return false;
    return this.#needsJob();
  }

  /** Removed and defined anew under its UUID, and not told yet (M8); not to be asked while it {@link awaitsJob}. */
  get recreated(): boolean {
    return this.returned && !this.hasArrived;
  }

  get guest(): Section<GuestDetails> {
    return this.#guest.section;
  }

  /** Takes in how libvirt names the domain now: its number tells one run from another (D4). */
  identify(domain: Domain): void {
    const before = this.#domain;
    this.#domain = domain;
    if (domain.id === before.id && domain.name === before.name) return;
    this.definitionDueMs = 0; // it starts, stops, or bears another name: the live definition is another one
    if (domain.id !== before.id && domain.id >= 0) this.#endRun();
  }

  /** libvirt says that it is being restored; nothing new where it was already read as restored. */
  beginRestoring(): void {
    if (!this.#runs(reasons.runningRestored)) this.restoring = true;
  }

  /** libvirt says that it is being started to receive a guest from another host; it may have been read as arrived before. */
  beginArriving(): void {
    if (!this.#hasLanded()) this.#arriving = true;
  }

  /** As {@link read}, unless a reading that was asked for later is known already. */
  readAsked(askedMs: number, state: number, reason: number): void {
    if (askedMs < this.stateAskedMs) return;
    this.stateAskedMs = askedMs;
    this.read(state, reason);
  }

  /** Takes in a reading of the state. What the former run of the domain had said is forgotten when it ends. */
  read(state: number, reason: number): void {
    const wasActive = this.isActive;
    const wasSaved = this.#isSaved;
    const wasPausedByFault = this.#isPaused(reasons.pausedIoError);
    const isNews = state !== this.state || reason !== this.reason;
    this.state = state;
    this.reason = reason;
    if (isNews) {
      this.#explained = false;
      this.#idleAnswers = 0;
    }
    this.stoppedByEvent = false;
    if (!this.isForgotten) this.#saved = undefined;
    // What was saved comes back by being restored, whatever its state says meanwhile.
    if (wasSaved && this.isActive) this.restoring = true;
    if (!this.isActive || this.isRunning) {
      this.restoring = false;
      this.#restored = false;
    }
    if (wasActive && !this.isActive) this.#endRun();
    if (!this.isActive) this.conditions.clear('nic');
    // These reasons stay while it runs on: they say nothing of a move that has begun since.
    const ended = this.#isAfterMove() || this.#runs(reasons.runningMigrationCanceled);
    const landed = this.#hasLanded() && (this.job === 'incoming' || this.#arriving);
    if (!this.isActive || landed || (ended && (isNews || this.job !== 'outgoing'))) this.#endMove();
    if (this.#isPaused(reasons.pausedIoError)) this.conditions.raise('io_error');
    if (this.#isPaused(reasons.pausedWatchdog)) this.conditions.raise('watchdog');
    if (wasPausedByFault && this.isRunning) this.conditions.clear('io_error');
    this.#guest.stand(this.#standing());
  }

  /**
   * The job was read: with none, or one that moves nothing, it is not on its way. But one that was arriving, and has not
   * been read as arrived, was asked when it was over: its state is older than that answer.
   */
  moves(job: MigrationJob | undefined): void {
    this.#explained = true;
    this.#idleAnswers = job === undefined ? this.#idleAnswers + 1 : 0;
    if (this.#isPausedInPlace) this.restoring = false;
    const isComing = (this.isPausedByMove || this.isStartingUp) && (this.job === 'incoming' || this.#arriving);
    if (job === undefined && isComing) return;
    const isOver = job === 'incoming' && this.#hasLanded();
    this.job = this.isActive && !isOver ? job : undefined;
    if (job !== 'incoming' || isOver) this.#arriving = false;
  }

  /** libvirt says that it is restored, and stays paused. */
  endRestoring(): void {
    this.restoring = false;
    this.#restored = true;
  }

  /** The job cannot be had, but it is no incoming one: what was known of it stands. */
  movesNotHere(): void {
    this.#explained = true;
  }

  /** Takes in its processor time; not that of a domain that is not active. */
  used(info: DomainInfo, nowMs: number): void {
    this.#shares = this.isActive ? this.#cpu.sample(cpuTimesOfInfo(info), nowMs) : {};
  }

  define(definition: Definition): void {
    this.#live.define(definition);
  }

  /** See {@link LiveDefinition.expectProcess}. */
  expectProcess(): void {
    this.#live.expectProcess();
  }

  /** See {@link LiveDefinition.runsAs}. */
  runsAs(process: ProcessFact | undefined): void {
    if (this.isActive) this.#live.runsAs(process);
  }

  /** The process table was too slow. */
  wasNotLookedAt(): void {
    this.#live.wasNotLookedAt();
  }

  /** What its network's DHCP server knows. */
  leased(interfaces: readonly GuestInterface[]): void {
    if (this.isActive) this.#guest.leased(interfaces);
  }

  /** What neighbour tables have said of it in this run. */
  get neighbours(): readonly NeighbourReport[] {
    return this.#guest.neighbours;
  }

  neighboured(reports: readonly NeighbourReport[]): void {
    if (this.isActive) this.#guest.neighboured(reports);
  }

  /** D3; see {@link GuestKnowledge.agentSaid}. */
  agentSaid(report: AgentReport): 'same' | 'changed' | 'doubtful' {
    return this.isActive && !this.isStopping ? this.#guest.agentSaid(report) : 'same';
  }

  row(nowMs: number): RuntimeRow {
    const mapped = libvirtState(this.state, this.reason, this.job ?? this.#guessedJob());
    const overlay = this.#overlay(mapped.state, nowMs);
    const { elapsedS } = this.#live;
    return {
      vm: this.domain.uuid,
      state: overlay?.state ?? mapped.state,
      reason: overlay?.reason ?? (isMigrating(mapped.state) && !this.#tellsMove() ? 'migration' : mapped.reason),
      raw: mapped.raw,
      name: this.domain.name,
      ...this.#shares,
      ...(elapsedS === undefined ? {} : { elapsedS }),
      hashes: {
        ...this.#live.hashes(this.isActive),
        status: this.conditions.section.hash,
        ...(this.guest.observed === 'ok' ? { guest: this.guest.hash } : {}),
      },
      rev: 0,
      ...(this.isForgotten && this.#saved !== true ? { forgotten: true } : {}),
      ...(this.isActive && !this.monitorProved ? { unproved: true } : {}),
      ...(this.recreated ? { recreated: true } : {}),
    };
  }

  /** D1 */
  #overlay(state: RuntimeRow['state'], nowMs: number): Pick<RuntimeRow, 'state' | 'reason'> | undefined {
    // One that moves is libvirt's to watch: its move ends, or fails, with a state of its own.
    const moves = state === 'migrating_out' || state === 'migrating_in';
    if (this.monitor === 'silent' && stateClass(state) === 'active' && !moves) {
      return { state: 'not_responding', reason: 'monitor' };
    }
    if (this.isForgotten && this.#saved === true) return { state: 'suspended', reason: 'saved' };
    if (this.restoring) return { state: 'restoring', reason: '' };
    if (this.#isPausedInPlace) return { state: 'paused', reason: '' };
    if (state === 'running' && nowMs < this.rebootingUntilMs) return { state: 'rebooting', reason: '' };
    return undefined;
  }

  /** What stands in for a job that could not be read: only libvirt's own word that the domain is arriving. */
  #guessedJob(): MigrationJob | undefined {
    return this.#arriving ? 'incoming' : undefined;
  }

  #runs(reason: number): boolean {
    return this.isRunning && this.reason === reason;
  }

  #isPaused(reason: number): boolean {
    return this.state === domainStates.paused && this.reason === reason;
  }

  get isPausedByMove(): boolean {
    return [reasons.pausedMigration, reasons.pausedPostcopy, reasons.pausedPostcopyFailed].some((reason) =>
      this.#isPaused(reason),
    );
  }

  /** libvirt calls a guest "paused (migrating)" for ever that was paused when it was saved, once it is restored. */
  get #isPausedInPlace(): boolean {
    const isIdle = this.#restored || this.#idleAnswers >= idleAnswersMin;
    return isIdle && this.job === undefined && this.#isPaused(reasons.pausedMigration);
  }

  get #isSaved(): boolean {
    return this.state === domainStates.shutoff && (this.reason === reasons.shutoffSaved || this.#saved === true);
  }

  /** Its state and reason are those of a move, on whichever side. */
  #tellsMove(): boolean {
    return this.isPausedByMove || this.#runs(reasons.runningPostcopy);
  }

  /** Only its job tells what its state means, and that is not known; one answer that it has none is not enough. */
  #needsJob(): boolean {
    if (this.#idleAnswers === 1 && this.#isPaused(reasons.pausedMigration)) return true;
    return (this.#tellsMove() || this.isStartingUp) && !this.#explained;
  }

  #isAfterMove(): boolean {
    return this.#runs(reasons.runningMigrated);
  }

  /** Of one that arrives: it has, running or, as it was where it came from, paused. */
  #hasLanded(): boolean {
    return this.#isAfterMove() || this.#isPaused(reasons.pausedUser);
  }

  #endMove(): void {
    this.#explained = false;
    this.job = undefined;
    this.#arriving = false;
  }

  /** D4 */
  #endRun(): void {
    this.#guest.endRun();
    this.agentFailures = 0;
    this.rebootingUntilMs = Number.NEGATIVE_INFINITY;
    this.monitor = 'answers';
    this.#endMove();
    this.conditions.beginAnew();
    this.#cpu.reset();
    this.#shares = {};
    this.#live.endRun();
  }

  /** D2 */
  #standing(): GuestStanding {
    if (this.isActive) return 'told';
    return this.#isSaved || (this.isForgotten && this.#saved === undefined) ? 'kept' : 'none';
  }
}
