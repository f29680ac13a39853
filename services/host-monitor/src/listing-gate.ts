import type { Clock, Timer } from '@vedette/runtime';

/** A place in the gate, or the wish for one. */
export interface GateTicket {
  readonly state: 'waiting' | 'held' | 'done';
}

interface Ticket extends GateTicket {
  state: 'waiting' | 'held' | 'done';
  readonly granted: () => boolean;
  /** When it no longer counts; monotonic. */
  untilMs: number;
}

export interface ListingGateOptions {
  readonly clock: Clock;
  /** Places; at least 1. */
  readonly places: number;
  /** After so long a place goes to the next, whatever became of its holder. */
  readonly holdMs: number;
}

/**
 * Bounds how many hosts are listed whole at once: what that costs is many times a poll without changes, and after a
 * restart of ours or of all agents every host wants it.
 *
 * G1. Places are given in the order in which they were asked for. The queue is bounded by the number of hosts: each
 *     wants one place at a time.
 * G2. A place is held for `holdMs` at most: a hung host holds nobody up (I6), and what a holder that ended forgot to
 *     give back is not lost.
 */
export class ListingGate {
  readonly #options: ListingGateOptions;
  /** In the order of granting, which is that of expiry. */
  readonly #held = new Set<Ticket>();
  readonly #waiting = new Set<Ticket>();
  #timer: Timer | undefined;

  constructor(options: ListingGateOptions) {
    this.#options = options;
  }

  get underWay(): number {
    return this.#held.size;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * Asks for a place; the ticket is held at once where one is free.
   *
   * @param granted called once if the place comes later; false: nobody is there any more to use it
   */
  enter(granted: () => boolean): GateTicket {
    const ticket: Ticket = { state: 'waiting', granted, untilMs: 0 };
    this.#expire();
    if (this.#held.size < this.#options.places) this.#hold(ticket);
    else {
      this.#waiting.add(ticket);
      this.#watch();
    }
    return ticket;
  }

  /** Gives a place, or the wish for one, back. Idempotent. */
  leave(ticket: GateTicket): void {
    const left = ticket as Ticket;
    left.state = 'done';
    this.#waiting.delete(left);
    if (this.#held.delete(left)) this.#passOn();
  }

  /** Drops everybody who waits. */
  close(): void {
    this.#waiting.clear();
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #hold(ticket: Ticket): void {
    ticket.state = 'held';
    ticket.untilMs = this.#options.clock.now() + this.#options.holdMs;
    this.#held.add(ticket);
  }

  #expire(): void {
    const nowMs = this.#options.clock.now();
    for (const ticket of this.#held) {
      if (ticket.untilMs > nowMs) return;
      this.#held.delete(ticket);
    }
  }

  #passOn(): void {
    for (const ticket of this.#waiting) {
      if (this.#held.size >= this.#options.places) break;
      this.#waiting.delete(ticket);
      this.#hold(ticket);
      if (ticket.granted()) continue;
      ticket.state = 'done';
      this.#held.delete(ticket);
    }
    this.#watch();
  }

  /** G2. One timer, and only while somebody waits. */
  #watch(): void {
    if (this.#waiting.size === 0) {
      this.#timer?.cancel();
      this.#timer = undefined;
      return;
    }
    if (this.#timer !== undefined) return;
    const [oldest] = this.#held;
    const waitMs = oldest === undefined ? 0 : Math.max(0, oldest.untilMs - this.#options.clock.now());
    this.#timer = this.#options.clock.setTimer(() => {
      this.#timer = undefined;
      this.#expire();
      this.#passOn();
    }, waitMs);
  }
}
