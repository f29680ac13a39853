import './error-codes.ts';
import { VedetteError } from './errors.ts';
import { Waiters } from './waiters.ts';

/** What happens to an item that meets a full queue: it is refused, the oldest one makes room, or its sender waits. */
export type OverflowPolicy = 'reject' | 'drop-oldest' | 'wait';

export interface BoundedQueueOptions {
  /** Items held at most; at least 1. */
  readonly capacity: number;
  readonly overflow: OverflowPolicy;
  /**
   * Senders that may wait for room at once (policy `wait`); the next one is refused with VDT_RUNTIME_QUEUE_FULL.
   * Default 1,024.
   */
  readonly maxWaiting?: number;
}

/** Counts since the queue was made; for metrics. `accepted = taken + dropped + size` at any moment. */
export interface QueueCounters {
  accepted: number;
  taken: number;
  /** Accepted and then given up: the oldest under `drop-oldest`, what was left at a discarding close. */
  dropped: number;
  /** Never accepted, because the queue was full. */
  rejected: number;
}

interface Sender<T> {
  readonly item: T;
}

const FIRST_RING_LENGTH = 8;

/**
 * A first-in first-out queue between asynchronous senders and consumers, bounded as I6 asks. Items leave in the
 * order in which they were accepted; waiting senders are accepted, and waiting consumers served, in their order.
 *
 * Whoever made the queue closes it. Several consumers may share one queue: each item goes to one of them. Memory
 * follows the highest number of items held so far, not the capacity.
 */
export class BoundedQueue<T extends NonNullable<unknown> | null> implements AsyncIterable<T>, AsyncDisposable {
  readonly capacity: number;
  readonly overflow: OverflowPolicy;
  readonly counters: QueueCounters = { accepted: 0, taken: 0, dropped: 0, rejected: 0 };
  #ring: (T | undefined)[] = [];
  #head = 0;
  #size = 0;
  #closed = false;
  readonly #maxWaiting: number;
  readonly #senders = new Waiters<void, Sender<T>>();
  readonly #takers = new Waiters<T | undefined, undefined>();

  constructor(options: BoundedQueueOptions) {
    const { capacity, overflow, maxWaiting = 1_024 } = options;
    if (!Number.isSafeInteger(capacity) || capacity < 1) throw new RangeError(`capacity ${capacity} is not at least 1`);
    this.capacity = capacity;
    this.overflow = overflow;
    this.#maxWaiting = maxWaiting;
  }

  /** Items held now. */
  get size(): number {
    return this.#size;
  }

  /** Senders waiting for room now. */
  get waitingSenders(): number {
    return this.#senders.size;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Puts `item` in without ever waiting. False when it was not accepted: the queue is closed, or full under any
   * policy but `drop-oldest` (under `wait` too: only {@link push} waits).
   */
  offer(item: T): boolean {
    if (this.#closed) return false;
    if (this.#handOver(item)) return true;
    if (this.#size === this.capacity) {
      if (this.overflow !== 'drop-oldest') {
        this.counters.rejected++;
        return false;
      }
      this.#shift();
      this.counters.dropped++;
    }
    this.#append(item);
    return true;
  }

  /**
   * Puts `item` in, by the policy: `wait` resolves once there was room, the others settle at once.
   *
   * @throws VedetteError VDT_RUNTIME_QUEUE_FULL (retryable) under `reject`, or with `maxWaiting` senders waiting;
   *   VDT_RUNTIME_QUEUE_CLOSED when it is closed now or while waiting; the signal's reason
   */
  async push(item: T, options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    const { signal } = options;
    signal?.throwIfAborted();
    if (this.#closed) throw new VedetteError('VDT_RUNTIME_QUEUE_CLOSED');
    const full = this.#size === this.capacity;
    if (full && this.overflow === 'wait' && this.#senders.size < this.#maxWaiting) {
      await this.#senders.wait({ item }, signal);
      return;
    }
    if (!this.offer(item)) throw new VedetteError('VDT_RUNTIME_QUEUE_FULL');
  }

  /** The oldest item, or undefined when there is none now. */
  tryTake(): T | undefined {
    if (this.#size === 0) return undefined;
    const item = this.#shift();
    this.counters.taken++;
    const sender = this.#senders.resolveFirst(undefined);
    if (sender !== undefined) this.#append(sender.item);
    return item;
  }

  /**
   * The oldest item, waiting for one if need be; undefined once the queue is closed and empty.
   *
   * @throws the signal's reason, also when it has aborted before the call
   */
  async take(options: { readonly signal?: AbortSignal } = {}): Promise<T | undefined> {
    options.signal?.throwIfAborted();
    if (this.#size > 0) return this.tryTake();
    if (this.#closed) return undefined;
    return this.#takers.wait(undefined, options.signal);
  }

  /** Items as they come, until the queue is closed and empty; throws the signal's reason when it aborts. */
  async *items(options: { readonly signal?: AbortSignal } = {}): AsyncGenerator<T, void, undefined> {
    for (;;) {
      const item = await this.take(options);
      if (item === undefined) return;
      yield item;
    }
  }

  [Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    return this.items();
  }

  /**
   * Accepts nothing more; waiting senders are refused, waiting consumers end. What is held can still be taken,
   * unless `discard` drops it (counted). Idempotent.
   */
  close(options: { readonly discard?: boolean } = {}): void {
    this.#closed = true;
    this.#senders.rejectAll(() => new VedetteError('VDT_RUNTIME_QUEUE_CLOSED'));
    this.#takers.resolveAll(undefined);
    if (options.discard) {
      this.counters.dropped += this.#size;
      this.#ring = [];
      this.#head = 0;
      this.#size = 0;
    }
  }

  /** Closes and drops what is held. */
  [Symbol.asyncDispose](): Promise<void> {
    this.close({ discard: true });
    return Promise.resolve();
  }

  /** Gives `item` to a consumer that is already waiting. */
  #handOver(item: T): boolean {
    if (this.#takers.size === 0) return false;
    this.counters.accepted++;
    this.counters.taken++;
    this.#takers.resolveFirst(item);
    return true;
  }

  #append(item: T): void {
    if (this.#size === this.#ring.length) this.#grow();
    this.#ring[(this.#head + this.#size) % this.#ring.length] = item;
    this.#size++;
    this.counters.accepted++;
  }

  #grow(): void {
    const { length } = this.#ring;
    const larger = new Array<T | undefined>(Math.min(this.capacity, Math.max(FIRST_RING_LENGTH, length * 2)));
    for (let at = 0; at < this.#size; at++) larger[at] = this.#ring[(this.#head + at) % length];
    this.#ring = larger;
    this.#head = 0;
  }

  #shift(): T {
    const item = this.#ring[this.#head] as T;
    this.#ring[this.#head] = undefined;
    this.#head = (this.#head + 1) % this.#ring.length;
    this.#size--;
    return item;
  }
}
