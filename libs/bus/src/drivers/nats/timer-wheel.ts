import type { Clock, Timer } from '@vedette/runtime';
import { type Linked, LinkedList } from '../memory/linked-list.ts';

/** Something with a deadline; in one wheel at a time. */
export interface Timed<T> extends Linked<T> {
  /** Kept by the wheel: the turn at which it expires; 0 while it is in no wheel. */
  dueTurn: number;
  expire(): void;
}

/** How long one turn takes: what expires is noticed 1 to 2 turns late, and never early. */
export const turnMs = 10;
const slotCount = 256;

/**
 * Deadlines of many things at once for the price of two list operations each: a coarse wheel, one timer for all. It
 * turns only while it holds something.
 */
export class TimerWheel<T extends Timed<T>> {
  readonly #clock: Clock;
  /** Made as they are used: most connections of a fleet of agents never have a deadline. */
  #slots: (LinkedList<T> | undefined)[] | undefined;
  #size = 0;
  #turn = 0;
  #timer: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(item: T, timeoutMs: number): void {
    const nowMs = this.#clock.now();
    if (this.#timer === undefined) {
      this.#turn = Math.floor(nowMs / turnMs);
      this.#timer = this.#clock.setTimer(this.#onTimer, turnMs);
    }
    // At least one turn on, so that no slot is filled while it is being emptied.
    item.dueTurn = Math.max(Math.ceil((nowMs + timeoutMs) / turnMs), this.#turn) + 1;
    this.#slotOf(item.dueTurn).append(item);
    this.#size++;
  }

  /** Takes it out; nothing happens if it is not in. */
  remove(item: T): void {
    if (item.dueTurn === 0) return;
    this.#slotOf(item.dueTurn).remove(item);
    item.dueTurn = 0;
    this.#size--;
  }

  readonly #onTimer = (): void => {
    const untilTurn = Math.floor(this.#clock.now() / turnMs);
    const due: T[] = [];
    for (let visits = 0; this.#turn < untilTurn && visits < slotCount; visits++) {
      this.#turn++;
      const slot = this.#slots?.[this.#turn & (slotCount - 1)];
      if (slot === undefined) continue;
      for (const item of slot) if (item.dueTurn <= untilTurn) due.push(item);
    }
    this.#turn = untilTurn;
    for (const item of due) {
      if (item.dueTurn === 0) continue; // an earlier one took it out
      this.remove(item);
      item.expire();
    }
    this.#timer = this.#size === 0 ? undefined : this.#clock.setTimer(this.#onTimer, turnMs);
  };

  #slotOf(turn: number): LinkedList<T> {
    this.#slots ??= new Array<LinkedList<T> | undefined>(slotCount).fill(undefined);
    const at = turn & (slotCount - 1);
    const slot = this.#slots[at];
    if (slot !== undefined) return slot;
    const made = new LinkedList<T>();
    this.#slots[at] = made;
    return made;
  }
}
