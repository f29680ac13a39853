export interface BackoffOptions {
  /** The wait after the first failure, before jitter. */
  readonly initialMs: number;
  /** No wait is longer than this, jitter included. */
  readonly maxMs: number;
  /** How much longer each further wait is; at least 1. Default 2. */
  readonly factor?: number;
  /** The part of each wait that is left to chance, 0 to 1: a wait is drawn from [(1 - jitter) x full, full]. Default 0.5. */
  readonly jitter?: number;
}

/** A source of numbers from 0 to below 1, like Math.random; injected, so that a test or a replay gets the same ones. */
export type Random = () => number;

/**
 * The wait before try number `attempt` + 1, after `attempt` failures in a row (from 1): exponential, capped, with
 * jitter so that many who failed together do not come back together.
 */
export function backoffDelayMs(options: BackoffOptions, attempt: number, random: Random): number {
  const { initialMs, maxMs, factor = 2, jitter = 0.5 } = options;
  const fullMs = Math.min(maxMs, initialMs * factor ** Math.max(0, attempt - 1));
  return fullMs * (1 - jitter + jitter * random());
}

/** {@link backoffDelayMs} with its count of failures. */
export class Backoff {
  readonly #options: BackoffOptions;
  readonly #random: Random;
  #failures = 0;

  constructor(options: BackoffOptions, random: Random) {
    this.#options = options;
    this.#random = random;
  }

  /** Failures since the start or the last reset. */
  get failures(): number {
    return this.#failures;
  }

  /** Counts one failure and returns the wait before the next try. */
  nextDelayMs(): number {
    this.#failures++;
    return backoffDelayMs(this.#options, this.#failures, this.#random);
  }

  /** To be called after a success: the next failure waits `initialMs` again. */
  reset(): void {
    this.#failures = 0;
  }
}

/** A random source that gives the same numbers for the same seed (mulberry32); not for secrets. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
