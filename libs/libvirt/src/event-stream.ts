import { BoundedQueue } from '@vedette/runtime';

/** Stands in a stream of events for those that were dropped: list again. */
export interface EventsLost {
  readonly type: 'lost';
}

/**
 * A bounded stream of events between a writer that must not wait and one reader. When it overflows, all that is queued is
 * dropped and one `lost` stands for it: the reader then lists anew, which covers whatever was dropped, so keeping some of
 * it would gain nothing.
 */
export class EventStream<T extends { readonly type: string }> implements AsyncIterable<T | EventsLost> {
  readonly #queue: BoundedQueue<T | EventsLost>;
  readonly #onReturn: (() => void) | undefined;
  #dropped = 0;
  #error: Error | undefined;

  /**
   * @param limit events kept for a reader that does not keep up
   * @param onReturn called when the reader has stopped reading, for whatever reason
   */
  constructor(limit: number, onReturn?: () => void) {
    this.#queue = new BoundedQueue({ capacity: limit + 1, overflow: 'reject' }); // one more for `lost`
    this.#onReturn = onReturn;
  }

  /** How many events were dropped so far. */
  get dropped(): number {
    return this.#dropped;
  }

  push(event: T): void {
    if (this.#queue.offer(event) || this.#queue.closed) return;
    for (let old = this.#queue.tryTake(); old !== undefined; old = this.#queue.tryTake()) {
      if (old.type !== 'lost') this.#dropped++;
    }
    this.#queue.offer({ type: 'lost' });
    this.#queue.offer(event);
  }

  /** Nothing more comes: what is queued is still read, then the iteration ends, by throwing `error` if there is one. */
  end(error?: Error): void {
    this.#error ??= error;
    this.#queue.close();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T | EventsLost, void, undefined> {
    try {
      yield* this.#queue;
      if (this.#error !== undefined) throw this.#error;
    } finally {
      this.#queue.close({ discard: true });
      this.#onReturn?.();
    }
  }
}
