import type { SubscribeOptions, Subscription } from '../../port.ts';
import type { LiveCounters } from './counters.ts';
import { Deque } from './deque.ts';
import type { Receiver, StoredMessage } from './receiver.ts';

export interface SubscriptionOptions {
  readonly subscribe: SubscribeOptions;
  /** Messages waiting for the handler, at most; the oldest is dropped beyond. */
  readonly maxMessages: number;
  readonly counters: LiveCounters;
  readonly onHandlerError: (error: unknown, subject: string) => void;
  readonly onClose: (subscription: MemorySubscription) => void;
}

/** One volatile subscription: a bounded queue that a microtask of its own empties, so that none waits for another. */
export class MemorySubscription implements Subscription, Receiver {
  indexMark = 0;
  readonly durable = false;
  readonly patterns: readonly string[];
  readonly #options: SubscriptionOptions;
  readonly #queue = new Deque<StoredMessage>();
  #due = false;
  #closed = false;

  constructor(options: SubscriptionOptions) {
    this.#options = options;
    this.patterns = [...options.subscribe.patterns];
  }

  hasRoom(): boolean {
    return true;
  }

  receive(message: StoredMessage): void {
    if (this.#queue.size === this.#options.maxMessages) {
      this.#queue.shift();
      this.#options.counters.volatileDropped++;
    }
    this.#queue.push(message);
    if (this.#due) return;
    this.#due = true;
    queueMicrotask(() => this.#drain());
  }

  /** Handlers are synchronous, so none is running when this is called from outside of one; what is queued is dropped. */
  close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      this.#options.counters.volatileDropped += this.#queue.size;
      this.#queue.clear();
      this.#options.onClose(this);
    }
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #drain(): void {
    const { subscribe, counters, onHandlerError } = this.#options;
    // Only what is there now: a handler that sends to itself must not keep everybody else waiting.
    for (let left = this.#queue.size; left > 0; left--) {
      const message = this.#queue.shift();
      if (message === undefined) break;
      counters.volatileDelivered++;
      try {
        subscribe.handler(message.subject, message.payload);
      } catch (error) {
        counters.handlerErrors++;
        onHandlerError(error, message.subject);
      }
    }
    this.#due = this.#queue.size > 0;
    if (this.#due) queueMicrotask(() => this.#drain());
  }
}
