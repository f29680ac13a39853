import type { Clock, Timer } from '@vedette/runtime';

/** What has a turn in each interval. */
export interface Beating {
  /** Where in the interval its turn is, from 0 to below the interval. */
  readonly phaseMs: number;
  /** Must return quickly and not throw. */
  beat(): void;
}

/** Turns closer together than this share one wake-up. */
const grainMs = 5;

/**
 * Gives each host its turn once an interval, with one timer for all. After a stall the turns that were missed are
 * given once, not made up for.
 */
export class Beats {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #ordered: readonly Beating[];
  readonly #originMs: number;
  /** The next turn: an index into the order, of the round that began at {@link #roundMs}. */
  #at = 0;
  #roundMs: number;
  #timer: Timer | undefined;

  constructor(clock: Clock, intervalMs: number, hosts: readonly Beating[]) {
    this.#clock = clock;
    this.#intervalMs = intervalMs;
    this.#ordered = hosts.toSorted((a, b) => a.phaseMs - b.phaseMs);
    this.#originMs = clock.now();
    this.#roundMs = this.#originMs;
  }

  start(): void {
    if (this.#ordered.length > 0) this.#arm();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #arm(): void {
    const dueMs = this.#roundMs + (this.#ordered[this.#at] as Beating).phaseMs;
    const waitMs = Math.max(0, dueMs - this.#clock.now());
    this.#timer = this.#clock.setTimer(() => this.#turn(), waitMs);
  }

  #turn(): void {
    const nowMs = this.#clock.now();
    const behindMs = nowMs - this.#roundMs - this.#intervalMs;
    if (behindMs > this.#intervalMs) this.#roundMs += Math.floor(behindMs / this.#intervalMs) * this.#intervalMs;
    for (let given = 0; given < this.#ordered.length; given++) {
      const next = this.#ordered[this.#at] as Beating;
      if (this.#roundMs + next.phaseMs > nowMs + grainMs) break;
      this.#at++;
      if (this.#at === this.#ordered.length) {
        this.#at = 0;
        this.#roundMs += this.#intervalMs;
      }
      next.beat();
    }
    this.#arm();
  }
}
