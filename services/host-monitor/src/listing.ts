import type { RuntimeRow, RuntimeStats } from '@vedette/fetcher';
import { type ConditionsValue, isMigrating, stateClass, type VMState } from '@vedette/model';
import type { Clock } from '@vedette/runtime';
import type { MonitorCounters } from './counters.ts';
import { type KnownVMs, newEntry, type Observation, seenState, type VMEntry } from './knowledge.ts';
import type { Outbox } from './outbox.ts';
import { HostVMs } from './vm-table/index.ts';

/** What a listing that was taken in leaves to do. */
export interface ListingTaken {
  /** It did not settle everything: poll again at once. */
  readonly pollAgain: boolean;
  /** It answers the marks heard before its poll began (A4). */
  readonly answers: boolean;
}

/**
 * Takes believed listings and hinted rows of one host into its entries and its outbox.
 *
 * A3. What a listing or section did not prove changes nothing (I2); a poll begun before a hint says nothing against it.
 *
 * Pure of I/O: the host actor polls, with {@link since}, and numbers its polls.
 */
export class Listings {
  readonly #entries: KnownVMs;
  /** The same where VMs may rest: what tells nothing new of one is taken in without waking it. */
  readonly #resting: HostVMs | undefined;
  readonly #outbox: Outbox;
  readonly #counters: MonitorCounters;
  readonly #clock: Pick<Clock, 'now'>;
  #since: { readonly boot: string; readonly rev: number } | undefined;
  /** The run whose listing was taken in last. */
  #listedBoot: string | undefined;

  constructor(entries: KnownVMs, outbox: Outbox, counters: MonitorCounters, clock: Pick<Clock, 'now'>) {
    this.#entries = entries;
    this.#resting = entries instanceof HostVMs ? entries : undefined;
    this.#outbox = outbox;
    this.#counters = counters;
    this.#clock = clock;
  }

  /** What the next poll may take as known; undefined: it must list the whole. */
  get since(): { readonly boot: string; readonly rev: number } | undefined {
    return this.#since;
  }

  /** Has the next poll list the whole. */
  askWhole(): void {
    this.#since = undefined;
  }

  /** Takes in a listing whose identity is believed, the answer to the poll of that number. */
  take(pollNumber: number, stats: RuntimeStats, observation: Observation): ListingTaken {
    const trusted = stats.complete || stats.agrees;
    // Once at once for the whole, then at the pace of polls: an agent that never agrees must not be hammered.
    const disagrees = !trusted && this.#since !== undefined;
    // What the store knew of is not absent on the first word of a run: of two agents the wrong one may speak first.
    const confirmed = stats.boot === this.#listedBoot || this.#entries.size === 0;
    // A delta only speaks of what came after a listing that was taken in whole.
    const whole = trusted && (confirmed || !stats.complete) && stats.unreadable.length === 0;
    this.#since = whole ? { boot: stats.boot, rev: stats.rev } : undefined;
    if (stats.boot !== this.#listedBoot) this.#newRun(stats.boot);
    const nowMs = this.#clock.now();
    for (const row of stats.rows) this.#row(row, pollNumber, observation, nowMs);
    if (stats.complete && confirmed) this.#absentFrom(pollNumber, stats.unreadable, observation);
    else if (!stats.complete && stats.agrees) {
      for (const vm of stats.left) this.#absent(this.#entries.get(vm), pollNumber, observation);
    }
    return {
      pollAgain: disagrees || (stats.complete && !confirmed),
      answers: trusted && confirmed && !this.#mayHide(stats.unreadable),
    };
  }

  /**
   * Takes in rows that a hint brought.
   * @param poll the number of the last poll begun, and whether it is still under way
   */
  takeHinted(
    rows: readonly RuntimeRow[],
    poll: { readonly number: number; readonly underWay: boolean },
    observation: Observation,
  ): void {
    const nowMs = this.#clock.now();
    for (const row of rows) {
      this.#row(row, poll.number, observation, nowMs);
      if (poll.underWay) this.#hinted(row.vm, poll.number);
    }
  }

  /** Revisions count within one run of the agent: those of the former one say nothing about the rows of this one. */
  #newRun(boot: string): void {
    this.#listedBoot = boot;
    if (this.#resting !== undefined) this.#resting.forgetRevisions();
    else for (const entry of this.#entries.values()) entry.rev = 0;
  }

  #hinted(vm: string, pollNumber: number): void {
    if (this.#resting !== undefined) {
      this.#resting.hinted(vm, pollNumber);
      return;
    }
    const entry = this.#entries.get(vm);
    if (entry !== undefined) entry.hintedDuring = pollNumber;
  }

  #row(row: RuntimeRow, pollNumber: number, observation: Observation, nowMs: number): void {
    const poll = { number: pollNumber, polled: observation.via === 'poll' };
    if (this.#resting?.takeUnchanged(row, poll, nowMs)) return;
    let entry = this.#entries.get(row.vm);
    if (entry === undefined) {
      entry = newEntry(row.vm);
      this.#entries.set(row.vm, entry);
    }
    entry.listedIn = pollNumber;
    const older = row.rev > 0 ? row.rev < entry.rev : entry.hintedDuring === pollNumber && observation.via === 'poll';
    if (older) {
      if (row.recreated) this.#outbox.observeRecreation(entry, observation);
      return;
    }
    entry.rev = row.rev;
    if (row.name !== undefined) entry.listedName = row.name;
    takeSample(entry, row, nowMs);
    if (row.hashes.info !== undefined) entry.listed.info = row.hashes.info;
    if (row.hashes.config !== undefined) entry.listed.config = row.hashes.config;
    if (row.hashes.guest !== undefined) entry.listed.guest = row.hashes.guest;
    if (row.hashes.status !== undefined) entry.listed.status = row.hashes.status;
    if (row.state === 'unknown') this.#counters.unmappedStates++;
    if (row.forgotten && !row.recreated && isKnownDown(entry)) return;
    if (row.unproved && !row.recreated && isKnownSilent(entry, row.state)) return;
    this.#outbox.observeState(entry, row, observation);
  }

  /** Whether one of these may be here without our knowing: then nobody's question after it is answered (A4). */
  #mayHide(unreadable: readonly string[]): boolean {
    return unreadable.some((vm) => {
      const state = stateOf(this.#entries.get(vm));
      return state === undefined || stateClass(state) === 'left';
    });
  }

  #absentFrom(pollNumber: number, unreadable: readonly string[], observation: Observation): void {
    const unread = new Set(unreadable);
    for (const entry of this.#resting?.notListedIn(pollNumber) ?? this.#entries.values()) {
      if (entry.listedIn !== pollNumber && !unread.has(entry.vm)) this.#absent(entry, pollNumber, observation);
    }
  }

  #absent(entry: VMEntry | undefined, pollNumber: number, observation: Observation): void {
    if (entry === undefined) return;
    if (entry.hintedDuring === pollNumber) {
      this.#since = undefined; // which of the two spoke last shows in the next complete listing
      return;
    }
    entry.listed = {};
    this.#outbox.observeState(entry, absentState, observation);
    // A VM that comes back is met anew: what was wrong with it here must not outlive it in the register.
    this.#outbox.observeConditions(entry, noConditions, observation);
    delete entry.taken.status;
  }
}

function isKnownDown(entry: VMEntry): boolean {
  const state = stateOf(entry);
  return state !== undefined && stateClass(state) === 'down';
}

/** Whether it is known not to respond, and nothing in the state now read says otherwise. */
function isKnownSilent(entry: VMEntry, now: VMState): boolean {
  return stateOf(entry) === 'not_responding' && stateClass(now) === 'active' && !isMigrating(now);
}

function stateOf(entry: VMEntry | undefined): VMState | undefined {
  return entry && seenState(entry)?.state;
}

/** A VM that is down has no figures. */
function takeSample(entry: VMEntry, row: RuntimeRow, nowMs: number): void {
  entry.cpuUser = row.cpuUser ?? Number.NaN;
  entry.cpuSystem = row.cpuSystem ?? Number.NaN;
  entry.memoryPercent = row.memoryPercent ?? Number.NaN;
  entry.startedMs = row.elapsedS === undefined ? Number.NaN : nowMs - 1_000 * row.elapsedS;
}

const noConditions: ConditionsValue = [];

const absentState = {
  state: 'absent',
  reason: 'absent from a complete listing',
  raw: { state: 'absent', reason: '' },
} as const;
