/** Heart-beats that must be missing, and some time for one that is late. */
const missedBeats = 2.5;

/**
 * What the heart-beats of one host are worth.
 *
 * B1. They prove the state only after a believed listing, and as long as nothing was lost on the way of the hints; what
 *     was lost is made good by a believed listing begun afterwards.
 * B2. They have stopped when two are missing.
 *
 * Pure; fed with monotonic times and the numbers of polls, counted from 1.
 */
export class HeartBeats {
  readonly #missingMs: number;
  #lastMs = Number.NEGATIVE_INFINITY;
  /** The first poll whose listing makes good what was lost. */
  #owedPoll = 1;

  constructor(beatMs: number) {
    this.#missingMs = missedBeats * beatMs;
  }

  beat(nowMs: number): void {
    this.#lastMs = nowMs;
  }

  /** Hints were lost, or nobody knows whose they are; polls up to `asked` were begun before that. */
  lost(asked: number): void {
    this.#owedPoll = asked + 1;
  }

  /** The answer to that poll was believed and taken in. */
  listed(poll: number): void {
    if (poll >= this.#owedPoll) this.#owedPoll = 0;
  }

  /** Nothing is missing of what hints told. */
  get prove(): boolean {
    return this.#owedPoll === 0;
  }

  /** When they count as stopped unless another comes; monotonic. */
  get stopMs(): number {
    return this.#lastMs + this.#missingMs;
  }
}
