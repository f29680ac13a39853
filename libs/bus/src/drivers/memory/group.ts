import type { Clock, Timer } from '@vedette/runtime';
import type { MemoryConsumer } from './consumer.ts';
import { MemoryDelivery } from './delivery.ts';
import { Deque } from './deque.ts';
import type { MemoryLimits } from './limits.ts';
import { LinkedList } from './linked-list.ts';
import type { Receiver, StoredMessage } from './receiver.ts';

/** A message that was delivered too often and set aside. */
export interface DeadLetter {
  readonly group: string;
  readonly subject: string;
  readonly id: string;
  readonly payload: Uint8Array;
  /** How often it had been delivered. */
  readonly attempts: number;
}

/** What a group holds at this moment; `waiting + inFlight + delayed` is what counts against the limit. */
export interface GroupState {
  readonly name: string;
  readonly patterns: readonly string[];
  readonly members: number;
  readonly waiting: number;
  readonly inFlight: number;
  readonly delayed: number;
  readonly bytes: number;
}

/** A publisher held back by a full group. */
export interface Stalled {
  resume(): void;
}

export interface GroupOptions {
  readonly name: string;
  readonly patterns: readonly string[];
  readonly clock: Clock;
  readonly limits: MemoryLimits;
  readonly onDeadLetter: (letter: DeadLetter) => void;
}

/**
 * One durable group: its messages and what its members have of them.
 *
 * Every message is in one place: `ready` (never delivered, in the order of storing), `returned` (to be delivered
 * again, before anything new), in flight, or delayed. Members are woken together, by one microtask however many
 * messages came; several waiting members share what there is evenly. One timer watches the acknowledgement wait of
 * all deliveries: it is the same for all, so the oldest is always first in line.
 */
export class DurableGroup implements Receiver {
  indexMark = 0;
  readonly durable = true;
  readonly name: string;
  readonly patterns: readonly string[];
  readonly #clock: Clock;
  readonly #limits: MemoryLimits;
  readonly #onDeadLetter: (letter: DeadLetter) => void;
  readonly #ready = new Deque<StoredMessage>();
  readonly #returned = new Deque<MemoryDelivery>();
  readonly #inFlight = new LinkedList<MemoryDelivery>();
  readonly #delayed = new Map<MemoryDelivery, Timer>();
  readonly #members = new Set<MemoryConsumer>();
  readonly #stalled = new Set<Stalled>();
  /** Members with a `next` under way, in the order of asking. */
  #asking: MemoryConsumer[] = [];
  #messages = 0;
  #bytes = 0;
  #handOutDue = false;
  #resumeDue = false;
  #ackTimer: Timer | undefined;

  constructor(options: GroupOptions) {
    this.name = options.name;
    this.patterns = options.patterns;
    this.#clock = options.clock;
    this.#limits = options.limits;
    this.#onDeadLetter = options.onDeadLetter;
  }

  get state(): GroupState {
    return {
      name: this.name,
      patterns: this.patterns,
      members: this.#members.size,
      waiting: this.#available,
      inFlight: this.#inFlight.size,
      delayed: this.#delayed.size,
      bytes: this.#bytes,
    };
  }

  // ---- Publishers --------------------------------------------------------------------------------------------

  hasRoom(bytes: number): boolean {
    if (this.#messages === 0) return true;
    return this.#messages < this.#limits.maxGroupMessages && this.#bytes + bytes <= this.#limits.maxGroupBytes;
  }

  receive(message: StoredMessage): void {
    this.#ready.push(message);
    this.#messages++;
    this.#bytes += message.payload.byteLength;
    this.#wake();
  }

  /** Has `publisher` resumed once there may be room again; each call is good for one resumption. */
  stall(publisher: Stalled): void {
    this.#stalled.add(publisher);
  }

  // ---- Members -----------------------------------------------------------------------------------------------

  join(member: MemoryConsumer): void {
    this.#members.add(member);
  }

  /** Gives back whatever the member holds. */
  leave(member: MemoryConsumer): void {
    this.#members.delete(member);
    this.#asking = this.#asking.filter((asking) => asking !== member);
    for (const delivery of this.#inFlight) if (delivery.consumer === member) this.giveBack(delivery, 0);
    if (this.#inFlight.size === 0) this.#disarm();
  }

  /** Puts a member in line for deliveries; it is asked for its wish when its turn comes. */
  ask(member: MemoryConsumer): void {
    this.#asking.push(member);
    this.#wake();
  }

  /** Hands out at most `max` messages at once; none when there are none. */
  take(member: MemoryConsumer, max: number): MemoryDelivery[] {
    const count = Math.min(max, this.#available);
    const batch: MemoryDelivery[] = [];
    if (count <= 0) return batch;
    const expiresMs = this.#clock.now() + this.#limits.ackWaitMs;
    for (let taken = 0; taken < count; taken++) {
      const delivery = this.#next(member, expiresMs);
      this.#inFlight.append(delivery);
      batch.push(delivery);
    }
    this.#ackTimer ??= this.#clock.setTimer(() => this.#expire(), this.#limits.ackWaitMs);
    return batch;
  }

  acknowledge(delivery: MemoryDelivery): void {
    this.#end(delivery);
    this.#forget(delivery.message);
  }

  /** Ends a delivery without acknowledgement: to be delivered again after the delay, or a dead letter. */
  giveBack(delivery: MemoryDelivery, delayMs: number): void {
    this.#end(delivery);
    if (delivery.attempt >= this.#limits.maxDeliveries) this.#setAside(delivery);
    else if (delayMs > 0) this.#delay(delivery, delayMs);
    else this.#returnToQueue(delivery);
  }

  extend(delivery: MemoryDelivery): void {
    delivery.expiresMs = this.#clock.now() + this.#limits.ackWaitMs;
    this.#inFlight.remove(delivery);
    this.#inFlight.append(delivery);
  }

  /** Drops everything that waits; publishers held back go on. Nothing is in flight where there are no members. */
  drop(): void {
    for (const timer of this.#delayed.values()) timer.cancel();
    this.#delayed.clear();
    this.#ready.clear();
    this.#returned.clear();
    this.#messages = 0;
    this.#bytes = 0;
    this.#letPublishersGoOn();
  }

  // ---- Handing out -------------------------------------------------------------------------------------------

  get #available(): number {
    return this.#returned.size + this.#ready.size;
  }

  #next(member: MemoryConsumer, expiresMs: number): MemoryDelivery {
    const again = this.#returned.shift();
    if (again !== undefined) return new MemoryDelivery(member, again.message, again.attempt + 1, expiresMs);
    return new MemoryDelivery(member, this.#ready.shift() as StoredMessage, 1, expiresMs);
  }

  #wake(): void {
    if (this.#handOutDue || this.#asking.length === 0 || this.#available === 0) return;
    this.#handOutDue = true;
    queueMicrotask(() => this.#handOut());
  }

  #handOut(): void {
    this.#handOutDue = false;
    const asking = this.#asking;
    this.#asking = [];
    let left = asking.length;
    for (const member of asking) {
      const share = Math.ceil(this.#available / left--);
      if (!member.serve(share)) this.#asking.push(member);
    }
  }

  // ---- What became of deliveries -----------------------------------------------------------------------------

  #end(delivery: MemoryDelivery): void {
    delivery.open = false;
    this.#inFlight.remove(delivery);
    delivery.consumer.ended();
    this.#wake(); // the member may have been at its bound
  }

  #returnToQueue(delivery: MemoryDelivery): void {
    this.#returned.push(delivery);
    this.#wake();
  }

  #delay(delivery: MemoryDelivery, delayMs: number): void {
    const timer = this.#clock.setTimer(() => {
      this.#delayed.delete(delivery);
      this.#returnToQueue(delivery);
    }, delayMs);
    this.#delayed.set(delivery, timer);
  }

  #setAside(delivery: MemoryDelivery): void {
    const { message, attempt } = delivery;
    this.#forget(message);
    delivery.consumer.counters.deadLettered++;
    this.#onDeadLetter({ group: this.name, ...message, attempts: attempt });
  }

  #forget(message: StoredMessage): void {
    this.#messages--;
    this.#bytes -= message.payload.byteLength;
    this.#letPublishersGoOn();
  }

  #letPublishersGoOn(): void {
    if (this.#stalled.size === 0 || this.#resumeDue) return;
    this.#resumeDue = true;
    queueMicrotask(() => {
      this.#resumeDue = false;
      const stalled = [...this.#stalled];
      this.#stalled.clear();
      for (const publisher of stalled) publisher.resume();
    });
  }

  // ---- The acknowledgement wait ------------------------------------------------------------------------------

  #expire(): void {
    this.#ackTimer = undefined;
    const nowMs = this.#clock.now();
    let { first } = this.#inFlight;
    while (first !== undefined && first.expiresMs <= nowMs) {
      this.giveBack(first, 0);
      first = this.#inFlight.first;
    }
    if (first !== undefined) this.#ackTimer = this.#clock.setTimer(() => this.#expire(), first.expiresMs - nowMs);
  }

  #disarm(): void {
    this.#ackTimer?.cancel();
    this.#ackTimer = undefined;
  }
}
