import type { Clock } from '@vedette/runtime';

/** How long handlers of volatile messages may keep one turn of the event loop. */
const turnBudgetMs = 5;

/**
 * Keeps volatile messages from holding up everything else of a connection: its handlers share a budget of time per
 * turn of the event loop; what comes beyond it waits for the next one.
 */
export class Turns {
  readonly #clock: Clock;
  #backlog = new Set<() => boolean>();
  #startedMs: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether there is time left in this turn. */
  hasTime(): boolean {
    if (this.#startedMs === undefined) this.#begin();
    return this.#clock.now() - (this.#startedMs ?? 0) < turnBudgetMs;
  }

  /** Has `work` called in later turns, as long as it says that there is more. */
  later(work: () => boolean): void {
    this.#backlog.add(work);
  }

  #begin(): void {
    this.#startedMs = this.#clock.now();
    // What is wanted is the next turn, not a time: every clock of this process sees the same turns.
    setImmediate(() => this.#next());
  }

  #next(): void {
    this.#startedMs = undefined;
    const again: (() => boolean)[] = [];
    for (const work of this.#takeBacklog()) if (work()) again.push(work);
    // Whoever had the time comes last the next time.
    for (const work of [...again.slice(1), ...again.slice(0, 1)]) this.#backlog.add(work);
  }

  #takeBacklog(): Set<() => boolean> {
    const backlog = this.#backlog;
    this.#backlog = new Set();
    return backlog;
  }
}
