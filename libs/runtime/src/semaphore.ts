import './error-codes.ts';
import { VedetteError } from './errors.ts';
import { Waiters } from './waiters.ts';

/** The right to do one thing at a time. Released once; releasing again does nothing. */
export interface Permit extends Disposable {
  release(): void;
}

export interface SemaphoreOptions {
  /** How many may hold a permit at once; at least 1. */
  readonly permits: number;
  /** How many may wait; the next one is refused. No default: the bound is the caller's to state (I6). */
  readonly maxWaiting: number;
}

/** Bounds how many do something at once. Permits are given in the order in which they were asked for. */
export class Semaphore {
  readonly #permits: number;
  readonly #maxWaiting: number;
  #held = 0;
  readonly #waiters = new Waiters<Permit, undefined>();

  constructor(options: SemaphoreOptions) {
    const { permits, maxWaiting } = options;
    if (!Number.isSafeInteger(permits) || permits < 1) throw new RangeError(`permits ${permits} is not at least 1`);
    this.#permits = permits;
    this.#maxWaiting = maxWaiting;
  }

  /** Permits free now. */
  get available(): number {
    return this.#permits - this.#held;
  }

  /** Callers waiting now. */
  get waiting(): number {
    return this.#waiters.size;
  }

  /** A permit if one is free now; never overtakes, since nobody waits while one is free. */
  tryAcquire(): Permit | undefined {
    if (this.#held === this.#permits) return undefined;
    this.#held++;
    return this.#permit();
  }

  /**
   * Waits for a permit, which the caller must release (`using permit = await ...`).
   *
   * @throws VedetteError VDT_RUNTIME_TOO_MANY_WAITING (retryable), or the signal's reason
   */
  async acquire(options: { readonly signal?: AbortSignal } = {}): Promise<Permit> {
    options.signal?.throwIfAborted();
    const permit = this.tryAcquire();
    if (permit !== undefined) return permit;
    if (this.#waiters.size >= this.#maxWaiting) throw new VedetteError('VDT_RUNTIME_TOO_MANY_WAITING');
    return this.#waiters.wait(undefined, options.signal);
  }

  /** Runs `work` under a permit and releases it whatever happens. Throws what {@link acquire} or `work` throws. */
  async run<T>(work: () => Promise<T>, options: { readonly signal?: AbortSignal } = {}): Promise<T> {
    using _permit = await this.acquire(options);
    return await work();
  }

  #permit(): Permit {
    let held = true;
    const release = (): void => {
      if (!held) return;
      held = false;
      this.#passOn();
    };
    return { release, [Symbol.dispose]: release };
  }

  #passOn(): void {
    if (this.#waiters.size > 0) this.#waiters.resolveFirst(this.#permit());
    else this.#held--;
  }
}
