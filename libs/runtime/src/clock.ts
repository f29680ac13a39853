/**
 * Time, injected (invariant I7): nothing outside this package reads a clock or sets a timer of its own.
 *
 * Durations are taken from {@link Clock.now}, which is monotonic and never jumps; {@link Clock.wallNow} only labels
 * what people and other programs read and must never be subtracted to get a duration.
 */
export interface Clock {
  /** Monotonic milliseconds since an arbitrary origin; fractional. Never goes back, never jumps with the wall clock. */
  now(): number;
  /** Wall-clock milliseconds since 1970-01-01T00:00:00Z. May jump either way; a label, not a measure. */
  wallNow(): number;
  /**
   * Calls `callback` once after `delayMs` (0 or less: at the next turn). An exception in the callback is the
   * process's uncaught exception: callbacks that can fail handle their own errors.
   */
  setTimer(callback: () => void, delayMs: number): Timer;
  /** Resolves after `delayMs`; rejects with the signal's reason as soon as `signal` aborts. */
  sleep(delayMs: number, options?: { readonly signal?: AbortSignal }): Promise<void>;
}

/** A pending timer. Cancelling one that has fired, or was cancelled, does nothing. */
export interface Timer {
  cancel(): void;
}

/** What a 32-bit timer can wait: Node fires anything longer after 1 ms instead, so longer waits are made in steps. */
const MAX_STEP_MS = 2 ** 31 - 1;

/** The machine's own clock. */
export class RealClock implements Clock {
  now(): number {
    return performance.now();
  }

  wallNow(): number {
    return Date.now();
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    let handle: NodeJS.Timeout;
    const arm = (leftMs: number): void => {
      handle =
        leftMs <= MAX_STEP_MS ? setTimeout(callback, leftMs) : setTimeout(arm, MAX_STEP_MS, leftMs - MAX_STEP_MS);
    };
    arm(Math.max(0, delayMs));
    return { cancel: () => clearTimeout(handle) };
  }

  sleep(delayMs: number, options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    return sleepOn(this, delayMs, options.signal);
  }
}

/** The sleep that both clocks share: one timer, one abort listener, both removed whichever comes first. */
export function sleepOn(clock: Pick<Clock, 'setTimer'>, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = (): void => {
      timer.cancel();
      reject(signal?.reason);
    };
    const timer = clock.setTimer(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, delayMs);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
