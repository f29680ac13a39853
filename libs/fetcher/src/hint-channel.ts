import type { Hint } from './host-port.ts';

/** Hints held for a consumer that is busy; a poll replaces what does not fit. */
const DEFAULT_CAPACITY = 1024;

type Result = IteratorResult<Hint, undefined>;
const ended: Result = { value: undefined, done: true };

/**
 * Carries hints from a driver to one consumer of {@link HostFetcher.hints}, bounded (I6). What does not fit is
 * dropped, and a `poll` hint in its place tells the consumer so: a hint may be lost, its effect may not.
 *
 * There is one for each host: while nothing is held it is a few hundred bytes, its reader included.
 */
export class HintChannel {
  readonly #capacity: number;
  #held: Hint[] | undefined;
  #overflowed = false;
  #closed = false;
  #readers: readonly HintReader[] = [];

  constructor(options: { readonly capacity?: number } = {}) {
    this.#capacity = options.capacity ?? DEFAULT_CAPACITY;
  }

  /** Never waits. Does nothing once closed. */
  offer(hint: Hint): void {
    if (this.#closed || this.#overflowed) return; // the poll hint that is owed covers this one too
    for (const reader of this.#readers) if (reader.take(hint)) return;
    this.#held ??= [];
    if (this.#held.length < this.#capacity) this.#held.push(hint);
    else this.#overflowed = true;
  }

  /**
   * The hints in order, until {@link close} or until `signal` aborts; then it ends without an error. For one consumer,
   * which asks for one hint at a time.
   *
   * @param left called once, when this iteration has ended
   */
  hints(signal: AbortSignal, left?: () => void): AsyncIterableIterator<Hint, undefined, undefined> {
    const source: HintSource = {
      next: () => this.#next(),
      left: (reader) => {
        this.#readers = this.#readers.filter((other) => other !== reader);
        left?.();
      },
    };
    const reader = new HintReader(source, signal);
    if (this.#closed || signal.aborted) reader.end();
    else this.#readers = [...this.#readers, reader];
    return reader;
  }

  /** Drops what is held and ends the iteration. Idempotent. */
  close(): void {
    this.#closed = true;
    this.#held = undefined;
    for (const reader of this.#readers) reader.end();
  }

  #next(): Hint | undefined {
    const held = this.#held?.shift();
    if (held !== undefined) return held;
    this.#held = undefined;
    if (!this.#overflowed) return undefined;
    this.#overflowed = false;
    return { kind: 'poll', reason: 'hints came faster than they were read' };
  }
}

/** What a reader reads from. */
interface HintSource {
  readonly next: () => Hint | undefined;
  readonly left: (reader: HintReader) => void;
}

/** An iteration by hand: as a generator it would be ten times as large, for every host. */
class HintReader implements AsyncIterableIterator<Hint, undefined, undefined> {
  readonly #source: HintSource;
  readonly #signal: AbortSignal;
  #waiting: ((result: Result) => void) | undefined;
  #ended = false;

  constructor(source: HintSource, signal: AbortSignal) {
    this.#source = source;
    this.#signal = signal;
    signal.addEventListener('abort', this);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Result> {
    if (this.#ended) return Promise.resolve(ended);
    if (this.#waiting !== undefined) return Promise.reject(new TypeError('one hint at a time'));
    const hint = this.#source.next();
    if (hint !== undefined) return Promise.resolve({ value: hint, done: false });
    return new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }

  return(): Promise<Result> {
    this.end();
    return Promise.resolve(ended);
  }

  /** The abort of the signal. */
  handleEvent(): void {
    this.end();
  }

  /** False if it does not wait for one. */
  take(hint: Hint): boolean {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.({ value: hint, done: false });
    return waiting !== undefined;
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#signal.removeEventListener('abort', this);
    this.#source.left(this);
    this.#waiting?.(ended);
    this.#waiting = undefined;
  }
}
