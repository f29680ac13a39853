import type { Indexed } from '../../subject-index.ts';

/** A message as the broker keeps it: one object, shared by all that receive it. */
export interface StoredMessage {
  readonly subject: string;
  /** Empty for a volatile message. */
  readonly id: string;
  readonly payload: Uint8Array;
}

/** Whoever the broker hands messages to: a durable group or a volatile subscription. */
export interface Receiver extends Indexed {
  /** A durable receiver gets what is published and holds publishers back; any other gets what is sent, too. */
  readonly durable: boolean;
  hasRoom(bytes: number): boolean;
  /** Takes the message over. Only notes it: whoever consumes it is woken later, never within the publish. */
  receive(message: StoredMessage): void;
}
