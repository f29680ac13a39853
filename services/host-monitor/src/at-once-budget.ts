/** In how long a time the polls of all hosts are counted as one burst. */
const burstMs = 100;

export interface AtOnceBudgetOptions {
  /** So many together, and so many a second, however few the hosts. */
  readonly polls: number;
  readonly pollIntervalMs: number;
  /** Hosts watched now. */
  readonly hosts: () => number;
}

/**
 * How many polls out of turn one monitor begins at once, all its hosts together. Whoever gets none waits for the host's
 * own turn, which is at most a poll interval away and spread by nature: whatever makes thousands of hosts want a poll
 * in the same instant (a bus that is back, agents restarted, a mark) adds little to the polls of any moment.
 *
 * In any 100 ms there are at most `polls` and a tenth of `polls`, or twice the average of the ordinary polls, besides
 * these. Pure; fed with monotonic times.
 */
export class AtOnceBudget {
  readonly #options: AtOnceBudgetOptions;
  #spent = 0;
  #atMs = Number.NEGATIVE_INFINITY;

  constructor(options: AtOnceBudgetOptions) {
    this.#options = options;
  }

  /** Whether one more may begin at once; it then counts as begun. */
  take(nowMs: number): boolean {
    const { polls, pollIntervalMs, hosts } = this.#options;
    const perMs = hosts() / pollIntervalMs;
    const most = Math.max(polls, perMs * burstMs);
    const regained = (nowMs - this.#atMs) * Math.max(polls / 1_000, perMs);
    this.#spent = Math.max(0, this.#spent - regained);
    this.#atMs = nowMs;
    if (this.#spent + 1 > most) return false;
    this.#spent++;
    return true;
  }
}
