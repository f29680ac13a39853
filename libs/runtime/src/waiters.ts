interface Waiter<R, D> {
  readonly data: D;
  readonly resolve: (result: R) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * The callers waiting for one thing, served in the order of their coming. A caller whose signal aborts leaves the
 * line at once; a caller that was served keeps what it got, even if its signal aborts in the same turn.
 */
export class Waiters<R, D> {
  readonly #line = new Set<Waiter<R, D>>();

  get size(): number {
    return this.#line.size;
  }

  /** Joins the line; `data` is what {@link resolveFirst} hands back to the one who serves. */
  wait(data: D, signal?: AbortSignal): Promise<R> {
    return new Promise<R>((resolve, reject) => {
      const onAbort = (): void => {
        this.#line.delete(waiter);
        reject(signal?.reason);
      };
      const leave = (): void => signal?.removeEventListener('abort', onAbort);
      const waiter: Waiter<R, D> = {
        data,
        resolve: (result) => {
          leave();
          resolve(result);
        },
        reject: (reason) => {
          leave();
          reject(reason);
        },
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#line.add(waiter);
    });
  }

  /** Serves the first in line and returns its data; undefined when nobody waits. */
  resolveFirst(result: R): D | undefined {
    for (const waiter of this.#line) {
      this.#line.delete(waiter);
      waiter.resolve(result);
      return waiter.data;
    }
    return undefined;
  }

  resolveAll(result: R): void {
    while (this.#line.size > 0) this.resolveFirst(result);
  }

  rejectAll(reason: () => unknown): void {
    for (const waiter of this.#line) {
      this.#line.delete(waiter);
      waiter.reject(reason());
    }
  }
}
