/** The VMs that left, with the revision of each, the last so many of them. Costs nothing while nobody has left. */
export class LeftLog {
  readonly #limit: number;
  #vms: string[] = [];
  #revs: number[] = [];
  /** Who left up to here has been forgotten. */
  #forgottenRev = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Departures remembered, at most twice the limit. */
  get size(): number {
    return this.#vms.length;
  }

  /** @param rev above all before */
  add(vm: string, rev: number): void {
    this.#vms.push(vm);
    this.#revs.push(rev);
    // Cut now and then: moving the whole log at each departure would cost its length.
    if (this.#vms.length >= 2 * this.#limit) this.#cut(this.#vms.length - this.#limit);
  }

  /** Each once; undefined where it is no longer known. */
  since(rev: number): readonly string[] | undefined {
    if (rev < this.#forgottenRev) return undefined;
    if (this.#revs.length === 0 || rev >= (this.#revs.at(-1) as number)) return [];
    const vms = new Set<string>();
    for (let at = this.#revs.length - 1; at >= 0 && (this.#revs[at] as number) > rev; at--) {
      vms.add(this.#vms[at] as string);
    }
    return [...vms];
  }

  forgetUpTo(rev: number): void {
    this.#vms = [];
    this.#revs = [];
    this.#forgottenRev = rev;
  }

  #cut(count: number): void {
    this.#forgottenRev = this.#revs[count - 1] as number;
    this.#vms = this.#vms.slice(count);
    this.#revs = this.#revs.slice(count);
  }
}
