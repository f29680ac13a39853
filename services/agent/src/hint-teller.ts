import type { Bus } from '@vedette/bus';
import { hintSubject, writeHeartBeat, writeHint } from '@vedette/fetcher/agent-protocol';
import type { Clock, Timer } from '@vedette/runtime';
import type { AgentsConfig } from './config.ts';
import type { AgentCounters } from './counters.ts';
import type { Changes, HostTable } from './table/host-table.ts';
import type { RecordedRow } from './table/recorded-row.ts';
import { toldRow } from './table/told-row.ts';

/**
 * Tells the hints and heart-beats of hosts. Nothing is kept for a bus that is away: the next heart-beat names a stateRev
 * that whoever missed something does not know, and he asks.
 */
export class HintTeller {
  readonly #bus: Bus;
  readonly #clock: Clock;
  readonly #config: AgentsConfig;
  readonly #counters: AgentCounters;
  /** Hosts with changes that wait for the gap after their last hint to pass; one timer for all. */
  readonly #waiting = new Set<HostHints>();
  #timer: Timer | undefined;

  constructor(bus: Bus, clock: Clock, config: AgentsConfig, counters: AgentCounters) {
    this.#bus = bus;
    this.#clock = clock;
    this.#config = config;
    this.#counters = counters;
  }

  /** The hints of one host. */
  host(id: string, table: HostTable): HostHints {
    return new HostHints(this, hintSubject(id), table);
  }

  /** Changes of a host: told at once, or with the next ones if it has told something just now. */
  changed(hints: HostHints): void {
    const nowMs = this.#clock.now();
    if (nowMs - hints.toldMs >= this.#config.hintGapMs) {
      this.tell(hints);
      return;
    }
    this.#waiting.add(hints);
    this.#timer ??= this.#clock.setTimer(() => this.#tellWaiting(), this.#config.hintGapMs);
  }

  tell(hints: HostHints): void {
    this.#waiting.delete(hints);
    const { maxHintRows, maxHintBytes } = this.#config;
    const { rows, left, prev } = hints.takeChanges();
    const { boot, table } = hints;
    const { rev, stateRev } = table;
    hints.toldMs = this.#clock.now();
    if (!this.#config.tellHints) return;
    if (!this.#bus.connected) {
      this.#counters.hintsDropped++;
      return;
    }
    // A VM defined anew is told by the poll that follows, once to each who polls: a row of a hint comes again with it.
    const isCut = rows.length > maxHintRows || rows.some(({ recreatedRev }) => recreatedRev > prev);
    const nowS = Math.floor(hints.toldMs / 1_000);
    const told = isCut ? [] : rows.map((row) => toldRow(row, prev, false, nowS));
    const payload = writeHint({ boot, rev, stateRev, prev, rows: told, left: isCut ? [] : left }, maxHintBytes);
    this.#counters.hints++;
    if (isCut) this.#counters.hintsCut++;
    this.#send(hints, payload);
  }

  beat(hints: HostHints): void {
    if (!this.#bus.connected) {
      this.#counters.heartBeatsWithheld++;
      return;
    }
    if (hints.hasChanges) this.tell(hints);
    const { boot, table } = hints;
    this.#counters.heartBeats++;
    this.#send(hints, writeHeartBeat({ boot, rev: table.rev, stateRev: table.stateRev }));
  }

  /** Tells nothing more. */
  stop(): void {
    this.#timer?.cancel();
    this.#waiting.clear();
  }

  /** Whatever keeps it from leaving, the next heart-beat shows that something was missed; a reading must not fail for it. */
  #send({ subject }: HostHints, payload: Uint8Array): void {
    try {
      this.#bus.send(subject, payload);
      this.#counters.hintBytes += payload.byteLength;
    } catch {
      this.#counters.hintsDropped++;
    }
  }

  #tellWaiting(): void {
    this.#timer = undefined;
    for (const hints of this.#waiting) this.tell(hints);
  }
}

/** What one host has still to tell: held for a moment only, and never more than its table. */
export class HostHints {
  readonly subject: string;
  readonly table: HostTable;
  /** The run of the agent, as replies name it. */
  boot = '';
  /** When something was told last. */
  toldMs = Number.NEGATIVE_INFINITY;
  readonly #teller: HintTeller;
  #rows: Set<RecordedRow> | undefined;
  #left: Set<string> | undefined;
  /** Everything up to here was told, or is never told. */
  #toldRev = 0;

  constructor(teller: HintTeller, subject: string, table: HostTable) {
    this.#teller = teller;
    this.subject = subject;
    this.table = table;
  }

  get hasChanges(): boolean {
    return this.#rows !== undefined || this.#left !== undefined;
  }

  /** The run is new to all: they ask for the whole, and need to be told nothing but that. */
  beginRun(boot: string): void {
    this.boot = boot;
    this.skip();
  }

  /** What changed until now is not told. */
  skip(): void {
    this.#rows = undefined;
    this.#left = undefined;
    this.#toldRev = this.table.stateRev;
  }

  /** Tells to ask, and nothing else. */
  ask(): void {
    this.table.advance();
    this.#rows ??= new Set();
    this.#teller.changed(this);
  }

  add({ rows, left }: Changes): void {
    if (rows.length > 0) this.#rows = this.#rows === undefined ? new Set(rows) : addAll(this.#rows, rows);
    if (left.length > 0) this.#left = this.#left === undefined ? new Set(left) : addAll(this.#left, left);
    if (this.hasChanges) this.#teller.changed(this);
  }

  beat(): void {
    this.#teller.beat(this);
  }

  /** What is to be told now: what is still so. */
  takeChanges(): Changes & { readonly prev: number } {
    const rows = [...(this.#rows ?? [])].filter((row) => this.table.get(row.vm) === row && !row.withheld);
    const left = [...(this.#left ?? [])].filter((vm) => this.table.get(vm) === undefined);
    const prev = this.#toldRev;
    this.skip();
    return { rows, left, prev };
  }
}

function addAll<T>(set: Set<T>, items: Iterable<T>): Set<T> {
  for (const item of items) set.add(item);
  return set;
}
