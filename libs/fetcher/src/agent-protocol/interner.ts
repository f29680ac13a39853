/** Texts that are worth keeping once; beyond it they are made anew each time. */
const DEFAULT_LIMIT = 4_096;

/** Gives the same value for the same text, so that what a million rows say is held once. Bounded. */
export class Interner<T> {
  readonly #make: (text: string) => T;
  readonly #limit: number;
  readonly #values = new Map<string, T>();

  constructor(make: (text: string) => T, options: { readonly limit?: number } = {}) {
    this.#make = make;
    this.#limit = options.limit ?? DEFAULT_LIMIT;
  }

  get(text: string): T {
    const held = this.#values.get(text);
    if (held !== undefined) return held;
    const made = this.#make(text);
    if (this.#values.size < this.#limit) this.#values.set(text, made);
    return made;
  }
}
