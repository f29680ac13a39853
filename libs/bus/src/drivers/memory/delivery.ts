import type { Delivery } from '../../port.ts';
import type { MemoryConsumer } from './consumer.ts';
import type { Linked } from './linked-list.ts';
import type { StoredMessage } from './receiver.ts';

/** One message handed to one consumer once; a redelivery is another object, so that a late `ack` meets a closed one. */
export class MemoryDelivery implements Delivery, Linked<MemoryDelivery> {
  readonly consumer: MemoryConsumer;
  readonly message: StoredMessage;
  readonly attempt: number;
  readonly position = undefined;
  /** When the acknowledgement wait ends, on the broker's clock; kept by the group. */
  expiresMs: number;
  /** Handed out and neither acknowledged nor given back; kept by the group. */
  open = true;
  previous: MemoryDelivery | undefined = undefined;
  next: MemoryDelivery | undefined = undefined;

  constructor(consumer: MemoryConsumer, message: StoredMessage, attempt: number, expiresMs: number) {
    this.consumer = consumer;
    this.message = message;
    this.attempt = attempt;
    this.expiresMs = expiresMs;
  }

  get subject(): string {
    return this.message.subject;
  }

  get payload(): Uint8Array {
    return this.message.payload;
  }

  ack(): void {
    if (this.open) this.consumer.acknowledge(this);
  }

  nak(delayMs = 0): void {
    if (this.open) this.consumer.giveBack(this, delayMs);
  }

  extend(): void {
    if (this.open) this.consumer.extend(this);
  }
}
