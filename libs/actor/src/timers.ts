import { VedetteError } from '@vedette/runtime';
import './errors.ts';
import { QueuedTimer, type TimerQueue } from './timer-queue.ts';

/** Who is told that a timer has fired. */
export interface TimerOwner {
  timerFired(): void;
}

/** One keyed timer; due when it runs no more and has not been taken. */
class KeyedTimer<M> extends QueuedTimer {
  readonly key: string;
  readonly message: M;
  readonly #timers: KeyedTimers<M>;
  next: KeyedTimer<M> | undefined;

  constructor(key: string, message: M, timers: KeyedTimers<M>) {
    super();
    this.key = key;
    this.message = message;
    this.#timers = timers;
  }

  fire(): void {
    this.#timers.fired(this);
  }
}

/**
 * The timers of one behaviour, by key. One that fired waits here, not in the mailbox, until the actor takes it: a full
 * mailbox loses no timer, and there is never more than one message per key.
 *
 * A list, since an actor has few keys and there are many actors. What fired stands in the order of firing.
 */
export class KeyedTimers<M> {
  readonly #queue: TimerQueue;
  readonly #owner: TimerOwner;
  #first: KeyedTimer<M> | undefined;

  constructor(queue: TimerQueue, owner: TimerOwner) {
    this.#queue = queue;
    this.#owner = owner;
  }

  /** Starts a timer; one of the same key, running or due, is replaced. */
  set(key: string, message: M, delayMs: number): void {
    if (Number.isNaN(delayMs)) {
      throw new VedetteError('VDT_ACTOR_DEFINITION', { message: `the delay of timer ${key} is not a number` });
    }
    this.cancel(key);
    const timer = new KeyedTimer(key, message, this);
    timer.next = this.#first;
    this.#first = timer;
    this.#queue.set(timer, delayMs);
  }

  cancel(key: string): void {
    for (let timer = this.#first; timer !== undefined; timer = timer.next) {
      if (timer.key !== key) continue;
      this.#queue.cancel(timer);
      this.#remove(timer);
      return;
    }
  }

  cancelAll(): void {
    for (let timer = this.#first; timer !== undefined; timer = timer.next) this.#queue.cancel(timer);
    this.#first = undefined;
  }

  /** Takes out the timer that fired first of those not yet taken. */
  takeDue(): { readonly message: M } | undefined {
    for (let timer = this.#first; timer !== undefined; timer = timer.next) {
      if (timer.running) continue;
      this.#remove(timer);
      return timer;
    }
    return undefined;
  }

  /** Moves a timer that fired behind those that fired before it. */
  fired(timer: KeyedTimer<M>): void {
    this.#remove(timer);
    let last = this.#first;
    while (last?.next !== undefined) last = last.next;
    if (last === undefined) this.#first = timer;
    else last.next = timer;
    this.#owner.timerFired();
  }

  #remove(timer: KeyedTimer<M>): void {
    const { next } = timer;
    timer.next = undefined;
    if (this.#first === timer) {
      this.#first = next;
      return;
    }
    for (let before = this.#first; before !== undefined; before = before.next) {
      if (before.next === timer) before.next = next;
    }
  }
}
