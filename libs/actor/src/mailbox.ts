import { VedetteError } from '@vedette/runtime';
import './errors.ts';

/**
 * What a full mailbox does with one message more.
 *
 * - `reject`: the sender is refused.
 * - `drop-oldest`: the message longest in the queue gives way.
 * - `drop-newest`: the new message is thrown away; the sender is not told, the counter is.
 * - `coalesce`: full or not, a message replaces the queued one of the same key and takes over its place in the queue;
 *   one of a new key, or of none, is refused when the mailbox is full.
 */
export type MailboxOptions<T> =
  | {
      /** Most messages that wait at one time. */
      readonly capacity: number;
      readonly overflow: 'reject' | 'drop-oldest' | 'drop-newest';
    }
  | {
      readonly capacity: number;
      readonly overflow: 'coalesce';
      /** The key of a message; must give the same answer every time. Undefined: this one is never replaced. */
      readonly key: (message: T) => string | number | undefined;
    };

/** The counts of one mailbox. At every moment `queued = handled + dropped + depth`. */
export interface MailboxCounters {
  /** Messages that wait now. */
  readonly depth: number;
  /** Messages accepted from senders, ever. */
  readonly queued: number;
  /** Messages handed to the behaviour, ever. */
  readonly handled: number;
  /** Accepted messages that were never handed over: overflowed, replaced by a newer one, or left behind at a stop. */
  readonly dropped: number;
  /** Messages refused to their sender, ever; not part of `queued`. */
  readonly rejected: number;
}

/** What many mailboxes of one kind share: the options, and who is told of a dropped message. */
export interface MailboxPolicy<T> {
  readonly capacity: number;
  readonly overflow: MailboxOptions<T>['overflow'];
  readonly key: ((message: T) => string | number | undefined) | undefined;
  readonly onDropped: ((message: T) => void) | undefined;
}

/** @throws VedetteError VDT_ACTOR_DEFINITION when the capacity is not a whole number of at least 1 */
export function mailboxPolicy<T>(options: MailboxOptions<T>, onDropped?: (message: T) => void): MailboxPolicy<T> {
  const { capacity, overflow } = options;
  if (!Number.isInteger(capacity) || capacity < 1 || capacity > MOST_SLOTS) {
    const message = `mailbox capacity ${capacity} is not a whole number from 1 to ${MOST_SLOTS}`;
    throw new VedetteError('VDT_ACTOR_DEFINITION', { message });
  }
  return { capacity, overflow, key: overflow === 'coalesce' ? options.key : undefined, onDropped };
}

/** 128 MiB of slots: whoever needs more than that has no bound. */
const MOST_SLOTS = 2 ** 24;
const FIRST_SLOTS = 4;
/** An empty mailbox keeps a ring of up to this many slots (144 bytes) and gives a larger one back. */
const KEPT_SLOTS = 16;
/** The same for the positions of keys (about 200 bytes). */
const KEPT_KEYS = 4;
const NO_SLOTS: undefined[] = [];

/**
 * A bounded queue of messages in the order of their acceptance.
 *
 * It costs nothing but itself until the first message; the ring then doubles up to the capacity as needed and is given
 * back when a burst is over. `#head` and `#tail` only grow and are the counters at the same time: `#tail` counts what
 * entered the ring, `#head` what left it.
 */
export class Mailbox<T> implements MailboxCounters {
  readonly #policy: MailboxPolicy<T>;
  #slots: (T | undefined)[] = NO_SLOTS;
  #head = 0;
  #tail = 0;
  /** Left the ring without being handed over. */
  #discarded = 0;
  /** Accepted without a slot of their own: coalesced, or the newest of a full `drop-newest` mailbox. */
  #slotless = 0;
  #rejected = 0;
  /** Where in the ring the last message of each key stands, or stood: below `#head` it has left. */
  #positions: Map<string | number, number> | undefined;

  constructor(policy: MailboxPolicy<T>) {
    this.#policy = policy;
  }

  get depth(): number {
    return this.#tail - this.#head;
  }

  get queued(): number {
    return this.#tail + this.#slotless;
  }

  get handled(): number {
    return this.#head - this.#discarded;
  }

  get dropped(): number {
    return this.#discarded + this.#slotless;
  }

  get rejected(): number {
    return this.#rejected;
  }

  /** Accepts the message, making room as the policy says; false when it is refused, which is counted. */
  offer(message: T): boolean {
    const policy = this.#policy;
    const key = policy.key === undefined ? undefined : policy.key(message);
    if (key !== undefined && this.#replace(key, message)) return true;
    const depth = this.#tail - this.#head;
    if (depth === policy.capacity) {
      if (policy.overflow === 'drop-oldest') this.discard();
      else if (policy.overflow === 'drop-newest') return this.#refuseQuietly(message);
      else return this.reject();
    } else if (depth === this.#slots.length) this.#grow();
    if (key !== undefined) this.#position(key);
    this.#slots[this.#tail & (this.#slots.length - 1)] = message;
    this.#tail++;
    return true;
  }

  /** Counts a message refused to its sender. Always false, as what {@link offer} returns. */
  reject(): false {
    this.#rejected++;
    return false;
  }

  /** Takes the oldest message to hand it over. Only to be called while `depth` is above 0. */
  take(): T {
    const slots = this.#slots;
    const at = this.#head & (slots.length - 1);
    const message = slots[at] as T;
    slots[at] = undefined;
    this.#head++;
    if (this.#head === this.#tail) this.#shrink();
    return message;
  }

  /** Throws the oldest message away, counted as dropped. */
  discard(): void {
    const message = this.take();
    this.#discarded++;
    this.#policy.onDropped?.(message);
  }

  /** Throws away everything that waits, counted as dropped; returns how many that were. */
  clear(): number {
    const count = this.depth;
    for (let left = count; left > 0; left--) this.discard();
    return count;
  }

  /** Moves the count of the message just taken from handled to dropped: nobody wants it any more. */
  takenInVain(): void {
    this.#discarded++;
  }

  #refuseQuietly(message: T): true {
    this.#slotless++;
    this.#policy.onDropped?.(message);
    return true;
  }

  #replace(key: string | number, message: T): boolean {
    const position = this.#positions?.get(key);
    if (position === undefined || position < this.#head) return false;
    const at = position & (this.#slots.length - 1);
    const replaced = this.#slots[at] as T;
    this.#slots[at] = message;
    this.#slotless++;
    this.#policy.onDropped?.(replaced);
    return true;
  }

  /** Notes where a key goes; positions that have left are swept once they outnumber those that can wait. */
  #position(key: string | number): void {
    this.#positions ??= new Map();
    const positions = this.#positions;
    positions.set(key, this.#tail);
    if (positions.size <= 2 * this.#policy.capacity) return;
    for (const [known, position] of positions) {
      if (position < this.#head) positions.delete(known);
    }
  }

  #shrink(): void {
    if (this.#slots.length > KEPT_SLOTS) this.#slots = NO_SLOTS;
    if (this.#positions !== undefined && this.#positions.size > KEPT_KEYS) this.#positions = undefined;
  }

  #grow(): void {
    const old = this.#slots;
    const slots = new Array<T | undefined>(old.length === 0 ? FIRST_SLOTS : 2 * old.length).fill(undefined);
    for (let position = this.#head; position < this.#tail; position++) {
      slots[position & (slots.length - 1)] = old[position & (old.length - 1)];
    }
    this.#slots = slots;
  }
}
