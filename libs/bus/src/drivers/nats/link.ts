import type { Msg, NatsConnection, PublishOptions, Subscription } from '@nats-io/transport-node';
import { type Clock, VedetteError, withDeadline } from '@vedette/runtime';
import type { LiveCounters } from '../memory/counters.ts';
import { Inbox } from './inbox.ts';
import { controlPrefix } from './wire.ts';

/** Room that a message needs beside its payload: headers with an id and what dead letters add. */
const headerBytes = 4 * 1024;

export interface LinkOptions {
  readonly connection: NatsConnection;
  readonly clock: Clock;
  readonly counters: LiveCounters;
  readonly inboxPrefix: string;
  /** Names this connection in reply subjects; one token. */
  readonly token: string;
  readonly maxPayloadBytes: number | undefined;
  readonly onHandlerError: (error: unknown, subject: string) => void;
  readonly onTrouble: (error: VedetteError) => void;
}

/** What the parts of one connection share: the client underneath, whether it is connected, and the inbox. */
export class Link {
  readonly clock: Clock;
  readonly counters: LiveCounters;
  readonly inbox: Inbox;
  /** In front of the subjects that durable consumers are delivered to; ends with a dot. */
  readonly deliverBase: string;
  readonly onHandlerError: (error: unknown, subject: string) => void;
  readonly onTrouble: (error: VedetteError) => void;
  /** Kept by the connection. */
  connected = true;
  readonly #connection: NatsConnection;
  readonly #inboxPrefix: string;
  readonly #maxPayloadBytes: number;
  /** The broker's own limit, as it said last; it says nothing while the connection is lost. */
  #brokerPayloadBytes = 0;

  constructor(options: LinkOptions) {
    const { connection, inboxPrefix, token, maxPayloadBytes } = options;
    this.clock = options.clock;
    this.counters = options.counters;
    this.onHandlerError = options.onHandlerError;
    this.onTrouble = options.onTrouble;
    this.#connection = connection;
    this.#inboxPrefix = `${inboxPrefix}.`;
    this.#maxPayloadBytes = maxPayloadBytes ?? Number.POSITIVE_INFINITY;
    this.inbox = new Inbox(`${inboxPrefix}.${token}.`);
    this.deliverBase = `${inboxPrefix}.${token}d.`;
    this.noteBroker();
    this.subscribe(this.inbox.pattern, this.inbox.receive);
  }

  /** Whatever was thrown while a message was handled: the client underneath would stop reading for good. */
  #onFault(cause: unknown): void {
    const message = 'a message could not be handled: this is a fault of the driver';
    this.onTrouble(new VedetteError('VDT_BUS_UNAVAILABLE', { message, cause }));
  }

  /** Reads the broker's limits anew: it may be another one. */
  noteBroker(): void {
    this.#brokerPayloadBytes = this.#connection.info?.max_payload ?? this.#brokerPayloadBytes;
  }

  get maxPayloadBytes(): number {
    return Math.min(this.#maxPayloadBytes, this.#brokerPayloadBytes - headerBytes);
  }

  /**
   * Hands a message to the client; it leaves with the next turn at the latest. Not while disconnected: the client
   * would keep it, without bound, for a time when nobody wants it any more.
   */
  publish(subject: string, payload: Uint8Array, options?: PublishOptions): void {
    this.#connection.publish(subject, payload, options);
  }

  subscribe(pattern: string, onMessage: (message: Msg) => void, queue?: string): Subscription {
    const callback = (error: Error | null, message: Msg): void => {
      if (error !== null) return; // a subscription that is refused is told to who asked for it, see `settled`
      try {
        onMessage(message);
      } catch (cause) {
        this.#onFault(cause);
      }
    };
    return this.#connection.subscribe(pattern, queue === undefined ? { callback } : { callback, queue });
  }

  /**
   * Resolves when the broker has heard of everything sent so far.
   *
   * @throws VedetteError VDT_BUS_DISCONNECTED, also when it does not answer
   */
  async flushed(timeoutMs = 5_000): Promise<void> {
    try {
      await withDeadline(this.clock, { what: 'flush', timeoutMs }, () => this.#connection.flush());
    } catch (error) {
      throw new VedetteError('VDT_BUS_DISCONNECTED', { cause: error });
    }
  }

  /** As {@link flushed}, for new subscriptions. @throws VedetteError VDT_BUS_REFUSED when the broker refused one */
  async settled(subscriptions: readonly Subscription[]): Promise<void> {
    await this.flushed();
    // The broker's refusal comes before the answer to the flush, and closes the subscription.
    const refused = subscriptions.find((each) => each.isClosed());
    if (refused === undefined) return;
    throw new VedetteError('VDT_BUS_REFUSED', {
      message: `the broker does not let this client subscribe to ${refused.getSubject()}`,
    });
  }

  /** Subjects that only a pattern beginning with a wildcard can meet, and that are not the bus's: the broker's, ours. */
  isInternal(subject: string): boolean {
    return subject.startsWith('$') || subject.startsWith(controlPrefix) || subject.startsWith(this.#inboxPrefix);
  }
}

/** Ends a subscription once what the broker had sent before has arrived, or at once without a connection. */
export async function endSubscription(link: Link, subscription: Subscription): Promise<void> {
  if (subscription.isClosed()) return;
  if (!link.connected) {
    subscription.unsubscribe();
    return;
  }
  try {
    await withDeadline(link.clock, { what: 'unsubscribe', timeoutMs: 2_000 }, () => subscription.drain());
  } catch {
    // The connection is lost or slow: the subscription is gone with it, or ends with the connection.
    if (!subscription.isClosed()) subscription.unsubscribe();
  }
}
