import type { Clock } from '@vedette/runtime';

/**
 * An open loop: things are due at instants fixed beforehand, whatever became of those before. Who measures from the
 * intended instant cannot leave out what a slow answer kept from being asked (coordinated omission).
 */
export interface PacerOptions {
  readonly clock: Clock;
  readonly perSecond: number;
  /** Called once for each thing due, with its number (from 0) and when it was intended, on the clock. */
  readonly emit: (number: number, intendedMs: number) => void;
  /** Most that one turn emits: a generator that fell behind must not starve what it measures. Default 1,000. */
  readonly mostPerTurn?: number;
  /** Told how late each turn began, for the verdict on the generator itself. */
  readonly onLate?: (lateMs: number) => void;
}

/** Runs until stopped. Timers have the grain of a millisecond, so what falls due within one goes out together. */
export class Pacer {
  readonly #options: PacerOptions;
  readonly #intervalMs: number;
  #beganMs = 0;
  #emitted = 0;
  #running = false;

  constructor(options: PacerOptions) {
    if (!(options.perSecond > 0)) throw new RangeError('a pace is more than 0 a second');
    this.#options = options;
    this.#intervalMs = 1_000 / options.perSecond;
  }

  get emitted(): number {
    return this.#emitted;
  }

  /** What should have been emitted by now and was not. */
  get behind(): number {
    if (!this.#running) return 0;
    return Math.max(0, Math.floor((this.#options.clock.now() - this.#beganMs) / this.#intervalMs) - this.#emitted);
  }

  start(): void {
    this.#beganMs = this.#options.clock.now();
    this.#emitted = 0;
    this.#running = true;
    this.#schedule();
  }

  stop(): void {
    this.#running = false;
  }

  #dueMs(number: number): number {
    return this.#beganMs + number * this.#intervalMs;
  }

  #schedule(): void {
    const { clock } = this.#options;
    clock.setTimer(() => this.#turn(), Math.max(0, this.#dueMs(this.#emitted) - clock.now()));
  }

  #turn(): void {
    const { clock, emit, mostPerTurn = 1_000, onLate } = this.#options;
    if (!this.#running) return;
    const nowMs = clock.now();
    const lateMs = nowMs - this.#dueMs(this.#emitted);
    if (lateMs >= 0) onLate?.(lateMs);
    for (let left = mostPerTurn; left > 0 && this.#dueMs(this.#emitted) <= nowMs && this.#running; left--) {
      emit(this.#emitted, this.#dueMs(this.#emitted));
      this.#emitted++;
    }
    if (this.#running) this.#schedule();
  }
}
