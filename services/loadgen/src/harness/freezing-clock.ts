import type { Clock, Timer } from '@vedette/runtime';

/**
 * A clock that can be held: from an instant on it says that instant, while its timers go on. Given to a simulated
 * fleet, nothing changes any more, and what was told of it can be held against it.
 */
export class FreezingClock implements Clock {
  readonly #clock: Clock;
  #frozenMs = Number.POSITIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Says `atMs` from then on; in the past: at once, as of then. */
  freeze(atMs: number): void {
    this.#frozenMs = atMs;
  }

  now(): number {
    return Math.min(this.#clock.now(), this.#frozenMs);
  }

  wallNow(): number {
    return this.#clock.wallNow();
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    return this.#clock.setTimer(callback, delayMs);
  }

  sleep(delayMs: number, options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    return this.#clock.sleep(delayMs, options);
  }
}
