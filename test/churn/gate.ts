/**
 * Lets many deeds go on at a host at once, or one trouble alone. Whoever waits to be alone goes before later deeds.
 */
export class Gate {
  #inside = 0;
  #alone = false;
  readonly #waiting: Array<{ readonly alone: boolean; readonly enter: () => void }> = [];

  /** Resolves when inside; whoever entered calls {@link leave} once. */
  enter(options: { readonly alone?: boolean } = {}): Promise<void> {
    const { alone = false } = options;
    const entered = Promise.withResolvers<void>();
    this.#waiting.push({ alone, enter: entered.resolve });
    this.#admit();
    return entered.promise;
  }

  leave(): void {
    this.#inside--;
    this.#alone = false;
    this.#admit();
  }

  #admit(): void {
    for (;;) {
      const next = this.#waiting[0];
      if (next === undefined || this.#alone || (next.alone && this.#inside > 0)) return;
      this.#waiting.shift();
      this.#inside++;
      this.#alone = next.alone;
      next.enter();
    }
  }
}
