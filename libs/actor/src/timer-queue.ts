import type { Clock, Timer } from '@vedette/runtime';

/** A timer that can stand in a {@link TimerQueue}; all but `fire` is the queue's own. */
export abstract class QueuedTimer {
  dueMs = 0;
  order = 0;
  /** Its place in the heap; -1 when it does not run. */
  at = -1;

  get running(): boolean {
    return this.at >= 0;
  }

  /** Must not throw. */
  abstract fire(): void;
}

/** Node's timers fire at once when given more than this (24.8 days). */
const LONGEST_ALARM_MS = 2 ** 31 - 1;

/**
 * All timers of a system on one timer of the clock. A timer of the machine's clock holds some 400 bytes, and an actor
 * may have several of them running all its life; one of these holds about 100 and can be cancelled without trace.
 *
 * Timers fire in the order of their due time, then of their setting; never early, never inside `set`.
 */
export class TimerQueue {
  readonly #clock: Clock;
  /** Binary heap, the earliest first. */
  readonly #heap: QueuedTimer[] = [];
  #order = 0;
  #alarm: Timer | undefined;
  #alarmMs = Number.POSITIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Starts a timer that does not run. */
  set(timer: QueuedTimer, delayMs: number): void {
    timer.dueMs = this.#clock.now() + Math.max(0, delayMs);
    timer.order = this.#order++;
    this.#heap.push(timer);
    this.#rise(timer, this.#heap.length - 1);
    if (timer.at === 0) this.#setAlarm(timer.dueMs);
  }

  /** Stops a timer; nothing if it does not run. */
  cancel(timer: QueuedTimer): void {
    const { at } = timer;
    if (at < 0) return;
    timer.at = -1;
    const last = this.#heap.pop();
    if (last !== undefined && last !== timer) {
      this.#rise(last, at);
      this.#sink(last, last.at);
    }
    if (this.#heap.length === 0) this.#clearAlarm();
  }

  /** One that is later than needed is replaced; one that is earlier goes off for nothing, which costs less. */
  #setAlarm(dueMs: number): void {
    if (dueMs >= this.#alarmMs) return;
    this.#clearAlarm();
    this.#alarmMs = dueMs;
    this.#alarm = this.#clock.setTimer(this.#ring, Math.min(LONGEST_ALARM_MS, dueMs - this.#clock.now()));
  }

  #clearAlarm(): void {
    this.#alarm?.cancel();
    this.#alarm = undefined;
    this.#alarmMs = Number.POSITIVE_INFINITY;
  }

  readonly #ring = (): void => {
    this.#clearAlarm();
    const nowMs = this.#clock.now();
    let first = this.#heap[0];
    while (first !== undefined && first.dueMs <= nowMs) {
      this.cancel(first);
      first.fire();
      first = this.#heap[0];
    }
    if (first !== undefined) this.#setAlarm(first.dueMs);
  };

  #rise(timer: QueuedTimer, from: number): void {
    const heap = this.#heap;
    let at = from;
    while (at > 0) {
      const parentAt = (at - 1) >> 1;
      const parent = heap[parentAt] as QueuedTimer;
      if (!isBefore(timer, parent)) break;
      place(heap, parent, at);
      at = parentAt;
    }
    place(heap, timer, at);
  }

  #sink(timer: QueuedTimer, from: number): void {
    const heap = this.#heap;
    let at = from;
    for (;;) {
      let childAt = 2 * at + 1;
      const right = heap[childAt + 1];
      if (right !== undefined && isBefore(right, heap[childAt] as QueuedTimer)) childAt++;
      const child = heap[childAt];
      if (child === undefined || !isBefore(child, timer)) break;
      place(heap, child, at);
      at = childAt;
    }
    place(heap, timer, at);
  }
}

function isBefore(a: QueuedTimer, b: QueuedTimer): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order);
}

function place(heap: QueuedTimer[], timer: QueuedTimer, at: number): void {
  heap[at] = timer;
  timer.at = at;
}
