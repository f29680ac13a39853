/** Most places kept while the lowest are looked for, over what is asked: sorting now and then is cheaper than always. */
const slack = 4;

interface Place<T> {
  readonly key: string;
  readonly item: T;
}

/**
 * What has which address. One address is a look-up; a network costs a look at every address, in no order, of which the
 * lowest are kept.
 */
export class AddressIndex<T extends { readonly number: number }> {
  readonly #items = new Map<string, Set<T>>();

  add(key: string, item: T): void {
    const items = this.#items.get(key);
    if (items === undefined) this.#items.set(key, new Set([item]));
    else items.add(item);
  }

  remove(key: string, item: T): void {
    const items = this.#items.get(key);
    if (items?.delete(item) === true && items.size === 0) this.#items.delete(key);
  }

  /** In order of (key, number), after the place given, at most `limit`. */
  lowest(
    range: { readonly from: string; readonly to: string },
    after: { readonly key: string; readonly number: number } | undefined,
    limit: number,
  ): readonly Place<T>[] {
    const found = new Lowest<T>(limit);
    for (const key of this.#keysIn(range)) {
      if (after !== undefined && key < after.key) continue;
      for (const item of this.#items.get(key) ?? []) {
        if (after === undefined || key > after.key || item.number > after.number) found.offer(key, item);
      }
    }
    return found.places();
  }

  *#keysIn({ from, to }: { readonly from: string; readonly to: string }): Generator<string> {
    if (from === to) {
      yield from;
      return;
    }
    // An address of the other family has another length; of equal lengths the texts compare as the addresses do.
    for (const key of this.#items.keys()) if (key.length === from.length && key >= from && key <= to) yield key;
  }
}

class Lowest<T extends { readonly number: number }> {
  readonly #limit: number;
  #places: Place<T>[] = [];
  /** Nothing above it is among the lowest any more. */
  #highestKey: string | undefined;

  constructor(limit: number) {
    this.#limit = limit;
  }

  offer(key: string, item: T): void {
    if (this.#highestKey !== undefined && key > this.#highestKey) return;
    this.#places.push({ key, item });
    if (this.#places.length >= slack * this.#limit) this.#cut();
  }

  places(): readonly Place<T>[] {
    this.#cut();
    return this.#places;
  }

  #cut(): void {
    this.#places.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : a.item.number - b.item.number));
    if (this.#places.length < this.#limit) return;
    this.#places.length = this.#limit;
    this.#highestKey = this.#places.at(-1)?.key;
  }
}
