import type { RawState, VMState } from '@vedette/model';

/** What a source says of a VM's state: shared by all VMs of which it says the same. */
export interface Saying {
  readonly state: VMState;
  readonly reason: string;
  readonly raw: RawState;
}

interface Held<T> {
  readonly key: string;
  readonly value: T;
  uses: number;
}

/**
 * Values that many VMs share, each kept once, by number; 0 is none.
 *
 * T1. A value stays, under its number, as long as it has uses; each {@link Shared.use} is ended by one
 *     {@link Shared.end}. Its number may then name another value.
 */
class Shared<T> {
  readonly #numbers = new Map<string, number>();
  readonly #held: Array<Held<T> | undefined> = [undefined];
  readonly #freed: number[] = [];

  get size(): number {
    return this.#numbers.size;
  }

  find(key: string): number {
    return this.#numbers.get(key) ?? 0;
  }

  use(key: string, value: () => T): number {
    let number = this.find(key);
    if (number === 0) {
      number = this.#freed.pop() ?? this.#held.length;
      this.#held[number] = { key, value: value(), uses: 0 };
      this.#numbers.set(key, number);
    }
    this.#of(number).uses++;
    return number;
  }

  end(number: number): void {
    const held = this.#of(number);
    if (--held.uses > 0) return;
    this.#numbers.delete(held.key);
    this.#held[number] = undefined;
    this.#freed.push(number);
  }

  get(number: number): T {
    return this.#of(number).value;
  }

  #of(number: number): Held<T> {
    return this.#held[number] as Held<T>;
  }
}

/** Texts that stand for VMs: ids that are no UUIDs. */
export class SharedTexts {
  readonly #shared = new Shared<string>();

  /** Texts kept. */
  get size(): number {
    return this.#shared.size;
  }

  /** Its number; 0 where it is not kept. */
  find(text: string): number {
    return this.#shared.find(text);
  }

  use(text: string): number {
    return this.#shared.use(text, () => text);
  }

  end(number: number): void {
    this.#shared.end(number);
  }

  get(number: number): string {
    return this.#shared.get(number);
  }
}

/** What sources say of states: few sayings in a fleet, however many VMs. */
export class Sayings {
  readonly #shared = new Shared<Saying>();

  /** Sayings kept. */
  get size(): number {
    return this.#shared.size;
  }

  use({ state, reason, raw }: Saying): number {
    const key = JSON.stringify([state, reason, raw.state, raw.reason]);
    return this.#shared.use(key, () => ({ state, reason, raw: Object.freeze({ ...raw }) }));
  }

  end(number: number): void {
    this.#shared.end(number);
  }

  get(number: number): Saying {
    return this.#shared.get(number);
  }
}
