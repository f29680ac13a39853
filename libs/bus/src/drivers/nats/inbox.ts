import type { Msg } from '@nats-io/transport-node';
import type { VedetteError } from '@vedette/runtime';
import type { ReplyKind } from './wire.ts';

/** Something that was sent and waits for what comes back. */
export interface Waiting {
  /** A reply came. It goes on waiting for further ones unless it is forgotten. Must not throw. */
  onReply(message: Msg): void;
  /** Nothing will come any more. Must not throw. */
  fail(error: VedetteError): void;
}

/**
 * Whatever of one connection waits for replies, behind one subscription: the number in the reply subject says whose it
 * is. (`request()` of the client costs three times the CPU: facts, oslo-messaging.md.)
 */
export class Inbox {
  /** In front of every reply subject of this connection; ends with a dot. */
  readonly base: string;
  readonly #waiting = new Map<number, Waiting>();
  #last = 0;

  constructor(base: string) {
    this.base = base;
  }

  /** What the connection has to subscribe to. */
  get pattern(): string {
    return `${this.base}>`;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** The number under which replies are handed to it, until {@link forget}. */
  register(waiting: Waiting): number {
    const number = ++this.#last;
    this.#waiting.set(number, waiting);
    return number;
  }

  forget(number: number): void {
    this.#waiting.delete(number);
  }

  /** Where replies to it go (W1). */
  replyTo(kind: ReplyKind, number: number, timeoutMs: number): string {
    return `${this.base}${kind}${number}.${timeoutMs}`;
  }

  /** What comes for somebody who waits no more is dropped: late replies, and second ones. */
  readonly receive = (message: Msg): void => {
    const { subject } = message;
    let number = 0;
    for (let at = this.base.length + 1; at < subject.length; at++) {
      const digit = subject.charCodeAt(at) - 0x30;
      if (digit < 0 || digit > 9) break;
      number = number * 10 + digit;
    }
    this.#waiting.get(number)?.onReply(message);
  };

  /** Ends everything that waits. */
  failAll(error: VedetteError): void {
    for (const waiting of [...this.#waiting.values()]) waiting.fail(error);
  }

  /** Everything that waits now. */
  all(): Waiting[] {
    return [...this.#waiting.values()];
  }
}
