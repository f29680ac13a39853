import type { Msg } from '@nats-io/transport-node';
import type { Delivery } from '../../port.ts';
import type { Linked } from '../memory/linked-list.ts';
import type { NatsConsumer } from './consumer.ts';

/** What the reply subject of a delivered message says of it. */
export interface DeliveryInfo {
  readonly attempt: number;
  readonly position: number;
}

/**
 * Reads `$JS.ACK.<stream>.<group>.<attempt>.<stream sequence>.<...>`, or the longer form with domain and account in
 * front of the stream (nats-server, ADR-15). Undefined for anything else.
 */
export function readDeliveryInfo(reply: string): DeliveryInfo | undefined {
  if (!reply.startsWith('$JS.ACK.')) return undefined;
  const tokens = reply.split('.');
  const at = tokens.length === 9 ? 4 : 6;
  const [attempt, position] = [Number(tokens[at]), Number(tokens[at + 1])];
  return attempt >= 1 && position >= 1 ? { attempt, position } : undefined;
}

/**
 * One message handed to this member once. `expired`: its acknowledgement wait is over, as far as this client knows; an
 * `ack` is sent all the same, since the work is done and saves others from it.
 */
export class NatsDelivery implements Delivery, Linked<NatsDelivery> {
  previous: NatsDelivery | undefined = undefined;
  next: NatsDelivery | undefined = undefined;
  readonly consumer: NatsConsumer;
  readonly subject: string;
  readonly payload: Uint8Array;
  readonly attempt: number;
  readonly position: number;
  readonly reply: string;
  /** Of the group that it is from: in a later one of the same name its position would be another message's. */
  readonly incarnation: string | undefined;
  state: 'waiting' | 'open' | 'expired' | 'done' = 'waiting';
  /** When the broker last began to wait for the acknowledgement; kept by the consumer. */
  sinceMs: number;

  readonly #message: Msg;

  constructor(
    consumer: NatsConsumer,
    incarnation: string | undefined,
    message: Msg,
    info: DeliveryInfo,
    sinceMs: number,
  ) {
    this.consumer = consumer;
    this.incarnation = incarnation;
    this.#message = message;
    this.subject = message.subject;
    this.payload = message.data;
    this.reply = message.reply ?? '';
    this.attempt = info.attempt;
    this.position = info.position;
    this.sinceMs = sinceMs;
  }

  /** The id under which it was published; read when asked for: reading headers costs more than all the rest. */
  get messageId(): string {
    return this.#message.headers?.get('Nats-Msg-Id') ?? '';
  }

  ack(): void {
    if (this.state === 'open' || this.state === 'expired') this.consumer.acknowledge(this);
  }

  nak(delayMs = 0): void {
    if (this.state === 'open') this.consumer.giveBack(this, delayMs);
  }

  extend(): void {
    if (this.state === 'open') this.consumer.extend(this);
  }
}
