import { type Clock, VedetteError, withDeadline } from '@vedette/runtime';
import './errors.ts';
import type { FetchOptions } from './host-port.ts';

/**
 * The calls under way of one fetcher: each under its own deadline and signal (H2), all ended by {@link close}.
 */
export class PendingCalls {
  readonly #clock: Clock;
  readonly #closing = new AbortController();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get closed(): boolean {
    return this.#closing.signal.aborted;
  }

  /** Aborts at {@link close}; what a fetcher's background work listens to. */
  get signal(): AbortSignal {
    return this.#closing.signal;
  }

  /**
   * Runs `work`. Its signal aborts at the deadline, when the caller's does, or at {@link close}; the promise rejects at
   * that moment even if `work` ignores it.
   *
   * @param what is being asked of whom, in words: it becomes part of the error
   * @throws VedetteError VDT_FETCHER_TIMEOUT (retryable), VDT_FETCHER_CLOSED; the caller's abort reason; what `work` throws
   */
  async run<T>(what: string, options: FetchOptions, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const closing = this.#closing.signal;
    closing.throwIfAborted();
    const { timeoutMs } = options;
    const signal = options.signal === undefined ? closing : AbortSignal.any([options.signal, closing]);
    let given: AbortSignal | undefined;
    try {
      return await withDeadline(this.#clock, { what, timeoutMs, signal }, (abort) => {
        given = abort;
        return work(abort);
      });
    } catch (error) {
      // Work that was told to end may say so in words of its own: why it was told counts.
      throw timeoutOr(given?.aborted === true ? given.reason : error);
    }
  }

  /** Rejects every call under way, and every later one, with VDT_FETCHER_CLOSED. Idempotent. */
  close(): void {
    if (!this.closed) this.#closing.abort(new VedetteError('VDT_FETCHER_CLOSED'));
  }
}

function timeoutOr(error: unknown): unknown {
  if (!VedetteError.is(error, 'VDT_RUNTIME_DEADLINE')) return error;
  return new VedetteError('VDT_FETCHER_TIMEOUT', { message: error.message, cause: error });
}
