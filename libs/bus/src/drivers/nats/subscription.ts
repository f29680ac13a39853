import type { Msg, Subscription as NatsSubscription } from '@nats-io/transport-node';
import { matchSubject } from '@vedette/model';
import type { SubscribeOptions, Subscription } from '../../port.ts';
import { Deque } from '../memory/deque.ts';
import { endSubscription, type Link } from './link.ts';
import type { Turns } from './turns.ts';
import { isRequest } from './wire.ts';

export interface FollowingOptions {
  readonly subscribe: SubscribeOptions;
  readonly link: Link;
  readonly turns: Turns;
  /** Messages waiting for the handler, at most; the oldest is dropped beyond. */
  readonly maxMessages: number;
  readonly onClosed: (following: NatsFollowing) => void;
}

interface Waiting {
  readonly subject: string;
  readonly payload: Uint8Array;
}

/**
 * One volatile subscription. Its handler is called where a message arrives, as long as the connection's turn has time;
 * then messages wait in a queue that is bounded and drops the oldest. So a slow handler delays neither calls nor
 * acknowledgements of its connection for long, and the broker does not drop the connection for being slow.
 */
export class NatsFollowing implements Subscription {
  readonly #options: FollowingOptions;
  readonly #patterns: readonly string[];
  readonly #queue = new Deque<Waiting>();
  readonly #subscriptions: readonly NatsSubscription[];
  #closing: Promise<void> | undefined;

  constructor(options: FollowingOptions) {
    this.#options = options;
    this.#patterns = [...new Set(options.subscribe.patterns)];
    this.#subscriptions = this.#patterns.map((pattern, at) =>
      options.link.subscribe(pattern, (message) => this.#receive(message, at)),
    );
  }

  /** Resolves when messages can come. @throws VedetteError VDT_BUS_REFUSED, VDT_BUS_DISCONNECTED */
  settled(): Promise<void> {
    return this.#options.link.settled(this.#subscriptions);
  }

  /** Handlers are synchronous, so none is running when this is called from outside of one; what is queued is dropped. */
  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #end(): Promise<void> {
    this.#options.link.counters.volatileDropped += this.#queue.size;
    this.#queue.clear();
    this.#options.onClosed(this);
    await Promise.all(this.#subscriptions.map((each) => endSubscription(this.#options.link, each)));
  }

  #receive(message: Msg, at: number): void {
    if (this.#closing !== undefined) return;
    const { reply } = message;
    // Who follows everything sees requests pass by as well; they are for servers.
    if (reply !== undefined && reply !== '' && isRequest(reply)) return;
    const { subject } = message;
    for (let earlier = 0; earlier < at; earlier++) {
      // The broker sends one copy for each pattern that matches; the first pattern's counts.
      if (matchSubject(this.#patterns[earlier] as string, subject)) return;
    }
    const pattern = this.#patterns[at] as string;
    if ((pattern.startsWith('*') || pattern.startsWith('>')) && this.#options.link.isInternal(subject)) return;
    if (this.#queue.size === 0 && this.#options.turns.hasTime()) this.#handle(subject, message.data);
    else this.#enqueue(subject, message.data);
  }

  #enqueue(subject: string, payload: Uint8Array): void {
    if (this.#queue.size === this.#options.maxMessages) {
      this.#queue.shift();
      this.#options.link.counters.volatileDropped++;
    }
    // A copy: a queue of views would hold on to every buffer they came in.
    this.#queue.push({ subject, payload: payload.slice() });
    this.#options.turns.later(this.#drain);
  }

  /** True when something is left. */
  readonly #drain = (): boolean => {
    while (this.#queue.size > 0 && this.#options.turns.hasTime()) {
      const { subject, payload } = this.#queue.shift() as Waiting;
      this.#handle(subject, payload);
    }
    return this.#queue.size > 0;
  };

  #handle(subject: string, payload: Uint8Array): void {
    const { link, subscribe } = this.#options;
    link.counters.volatileDelivered++;
    try {
      subscribe.handler(subject, payload);
    } catch (error) {
      link.counters.handlerErrors++;
      link.onHandlerError(error, subject);
    }
  }
}
