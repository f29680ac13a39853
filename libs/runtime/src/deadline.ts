import type { Clock } from './clock.ts';
import './error-codes.ts';
import { VedetteError } from './errors.ts';

export interface DeadlineOptions {
  /** What is being waited for, in words: it becomes part of the error. */
  readonly what: string;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/**
 * Runs `work` under a deadline on the injected clock. The signal it is given aborts at the deadline, when the
 * caller's signal aborts, and never after `work` has settled. The returned promise rejects at that moment even if
 * `work` ignores its signal; what `work` does later is nobody's business any more.
 *
 * @throws VedetteError VDT_RUNTIME_DEADLINE (retryable), or the caller's abort reason
 */
export async function withDeadline<T>(
  clock: Clock,
  options: DeadlineOptions,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { what, timeoutMs, signal } = options;
  signal?.throwIfAborted();
  const controller = new AbortController();
  const expired = Promise.withResolvers<never>();
  const end = (reason: unknown): void => {
    controller.abort(reason);
    expired.reject(reason);
  };
  const onAbort = (): void => end(signal?.reason);
  const timer = clock.setTimer(
    () => end(new VedetteError('VDT_RUNTIME_DEADLINE', { message: `${what} did not finish within ${timeoutMs} ms` })),
    timeoutMs,
  );
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([work(controller.signal), expired.promise]);
  } finally {
    timer.cancel();
    signal?.removeEventListener('abort', onAbort);
  }
}
