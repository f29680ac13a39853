import { BoundedQueue } from '@vedette/runtime';
import type { Hint } from './host-port.ts';

/** Hints held for a consumer that is busy; a poll replaces what does not fit. */
const DEFAULT_CAPACITY = 1024;

/**
 * Carries hints from a driver to one consumer of {@link HostFetcher.hints}, bounded (I6). What does not fit is
 * dropped, and a `poll` hint in its place tells the consumer so: a hint may be lost, its effect may not.
 */
export class HintChannel {
  readonly #queue: BoundedQueue<Hint>;
  #overflowed = false;

  constructor(options: { readonly capacity?: number } = {}) {
    this.#queue = new BoundedQueue({ capacity: options.capacity ?? DEFAULT_CAPACITY, overflow: 'reject' });
  }

  /** Never waits. Does nothing once closed. */
  offer(hint: Hint): void {
    if (this.#overflowed) return; // the poll hint that is owed covers this one too
    this.#overflowed = !this.#queue.offer(hint) && !this.#queue.closed;
  }

  /** The hints in order, until {@link close} or until `signal` aborts; then it ends without an error. For one consumer. */
  async *hints(signal: AbortSignal): AsyncGenerator<Hint, void, undefined> {
    while (!signal.aborted) {
      // oxlint-disable-next-line no-await-in-loop -- one hint after the other is what an iteration is
      const hint = await this.#next(signal);
      if (hint === undefined) return;
      yield hint;
    }
  }

  /** Drops what is held and ends the iteration. Idempotent. */
  close(): void {
    this.#queue.close({ discard: true });
  }

  async #next(signal: AbortSignal): Promise<Hint | undefined> {
    if (this.#overflowed && this.#queue.size === 0) {
      this.#overflowed = false;
      return { kind: 'poll', reason: 'hints came faster than they were read' };
    }
    try {
      return await this.#queue.take({ signal });
    } catch (error) {
      if (signal.aborted) return undefined; // the consumer's way to end the iteration
      throw error;
    }
  }
}
