import type { Clock } from '@vedette/runtime';

/** Something that has work for one turn. */
export interface Turn {
  /** The next in the scheduler's queue; the scheduler's own. */
  nextTurn: Turn | undefined;
  /** Takes the turn; must not throw. Returns how many messages it took. */
  runTurn(): number;
}

/** How long actors may keep the event loop to themselves. */
const SLICE_MS = 4;
/** The same counted in messages: what ends a slice on a clock that stands still. */
const SLICE_MESSAGES = 8192;
/** The clock is read once per this many messages; so a slice is overrun by at most that many handlers. */
const MESSAGES_PER_LOOK = 32;

/**
 * The one scheduler of a system: turns in the order of their scheduling, in slices that leave room for I/O.
 *
 * 1. The first turn after a quiet moment runs in a microtask: right after the code that cast the message, before any
 *    other event. Casting never runs a handler inside the caller.
 * 2. Microtasks alone would starve sockets and timers, since a handler may cast again. So between two passes of the
 *    event loop all actors together get one slice ({@link SLICE_MS} or {@link SLICE_MESSAGES}), however many
 *    microtasks it is cut into; the rest waits for `setImmediate`, that is, for one pass over timers and I/O.
 * 3. Turns are bounded by their owners, and whoever has more work queues again behind the others.
 *
 * A handler that computes for long holds up everything, here as anywhere in one thread.
 */
export class TurnScheduler {
  readonly #clock: Clock;
  #first: Turn | undefined;
  #last: Turn | undefined;
  /** A microtask or the present loop will take the queue up. */
  #awake = false;
  /** A `setImmediate` is pending; it begins the next slice. */
  #boundarySet = false;
  #sliceOver = false;
  #sliceEndMs = 0;
  #messagesLeft = SLICE_MESSAGES;
  #messagesToLook = MESSAGES_PER_LOOK;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Queues a turn that is not queued already. */
  schedule(turn: Turn): void {
    if (this.#last === undefined) this.#first = turn;
    else this.#last.nextTurn = turn;
    this.#last = turn;
    if (!this.#awake && !this.#sliceOver) this.#wake();
  }

  #wake(): void {
    this.#awake = true;
    if (!this.#boundarySet) {
      this.#sliceEndMs = this.#clock.now() + SLICE_MS;
      this.#setBoundary();
    }
    queueMicrotask(this.#run);
  }

  #setBoundary(): void {
    this.#boundarySet = true;
    setImmediate(this.#beginSlice);
  }

  readonly #beginSlice = (): void => {
    this.#boundarySet = false;
    this.#sliceOver = false;
    this.#messagesLeft = SLICE_MESSAGES;
    if (this.#first === undefined) return;
    this.#awake = true;
    this.#sliceEndMs = this.#clock.now() + SLICE_MS;
    this.#setBoundary();
    this.#run();
  };

  readonly #run = (): void => {
    for (let turn = this.#first; turn !== undefined; turn = this.#first) {
      if (this.#messagesToLook <= 0 && this.#isSliceOver()) break;
      const next = turn.nextTurn;
      turn.nextTurn = undefined;
      this.#first = next;
      if (next === undefined) this.#last = undefined;
      this.#messagesToLook -= turn.runTurn();
    }
    this.#awake = false;
  };

  #isSliceOver(): boolean {
    this.#messagesLeft -= MESSAGES_PER_LOOK - this.#messagesToLook;
    this.#messagesToLook = MESSAGES_PER_LOOK;
    this.#sliceOver = this.#messagesLeft <= 0 || this.#clock.now() >= this.#sliceEndMs;
    return this.#sliceOver;
  }
}
