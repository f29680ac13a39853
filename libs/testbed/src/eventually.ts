import { type Clock, RealClock, VedetteError, withDeadline } from '@vedette/runtime';
import './errors.ts';

export interface EventuallyOptions {
  /** How long to go on trying; 5,000 unless said. */
  readonly timeoutMs?: number;
  /** Pause between two tries; 25 unless said. */
  readonly intervalMs?: number;
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
}

/**
 * Runs `check` again and again until it does not throw, and returns what it returned. For real servers only: what runs
 * on a simulated clock is advanced, not waited for.
 *
 * @throws VedetteError VDT_TESTBED_NEVER_HELD with the last failure as its cause; a check that hangs counts as failed
 */
export async function eventually<T>(check: () => T | Promise<T>, options: EventuallyOptions = {}): Promise<T> {
  const { timeoutMs = 5_000, intervalMs = 25, signal, clock = new RealClock() } = options;
  const endMs = clock.now() + timeoutMs;
  const abortable = signal === undefined ? {} : { signal };
  let tries = 0;
  for (;;) {
    tries++;
    try {
      const remainingMs = Math.max(1, endMs - clock.now());
      return await withDeadline(clock, { what: 'the check', timeoutMs: remainingMs, ...abortable }, async () =>
        check(),
      );
    } catch (error) {
      signal?.throwIfAborted();
      if (clock.now() + intervalMs >= endMs) throw neverHeld(error, timeoutMs, tries);
    }
    await clock.sleep(intervalMs, abortable);
  }
}

function neverHeld(error: unknown, timeoutMs: number, tries: number): VedetteError {
  const last = error instanceof Error ? error.message : String(error);
  return new VedetteError('VDT_TESTBED_NEVER_HELD', {
    message: `did not hold within ${timeoutMs} ms (${tries} tries); the last time: ${last}`,
    cause: error,
  });
}
