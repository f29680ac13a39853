import type { Msg } from '@nats-io/transport-node';
import { BoundedQueue, type VedetteError } from '@vedette/runtime';
import type { CallOptions } from '../../port.ts';
import type { Waiting } from './inbox.ts';
import type { Requester } from './requester.ts';
import { controlPrefix, readFault, replyKinds } from './wire.ts';

/** Replies waiting for the iteration, at most; further ones are lost and count as failed. */
const maxReplies = 65_536;

export interface FanOutOptions {
  readonly requester: Requester;
  readonly subject: string;
  readonly payload: Uint8Array;
  readonly call: CallOptions & { readonly expected?: number };
}

/** Asks every server; nobody knows how many there are, so it ends with `expected` answers or at the deadline. */
export class FanOut implements Waiting {
  readonly #options: FanOutOptions;
  readonly #replies = new BoundedQueue<Uint8Array>({ capacity: maxReplies, overflow: 'reject' });
  #missing: number;
  #error: VedetteError | undefined;

  constructor(options: FanOutOptions) {
    this.#options = options;
    this.#missing = options.call.expected ?? Number.POSITIVE_INFINITY;
  }

  /** Sends the request and yields replies; those still at work are told at the end. */
  async *replies(): AsyncGenerator<Uint8Array, void, undefined> {
    const { requester, subject, payload, call } = this.#options;
    const { link } = requester;
    const number = link.inbox.register(this);
    const reply = link.inbox.replyTo(replyKinds.fanOut, number, Math.ceil(call.timeoutMs));
    const timer = link.clock.setTimer(() => this.#replies.close(), call.timeoutMs);
    try {
      link.publish(controlPrefix + subject, payload, { reply });
      yield* this.#replies.items(call.signal === undefined ? {} : { signal: call.signal });
      if (this.#error !== undefined) throw this.#error;
    } finally {
      timer.cancel();
      link.inbox.forget(number);
      requester.cancel(subject, reply);
    }
  }

  onReply(message: Msg): void {
    const { headers } = message;
    if (headers?.code === 503) {
      this.#replies.close();
      return;
    }
    const failed = headers !== undefined && readFault(headers, message.data) !== undefined;
    if (failed || !this.#replies.offer(message.data)) this.#options.requester.link.counters.callsFailed++;
    if (--this.#missing === 0) this.#replies.close();
  }

  fail(error: VedetteError): void {
    this.#error = error;
    this.#replies.close();
  }
}
