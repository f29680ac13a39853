import type { VMState } from '@vedette/model';
import type { Tally } from './records.ts';

/** How many VMs each observer decides, by stored state: what counts and host records are made of. */
export class Tallies {
  readonly #counts = new Map<string, Map<VMState, number>>();
  #gone = 0;

  constructor(tallies: Iterable<Tally>) {
    for (const { decider, state, count } of tallies) this.#add(decider, state, count);
  }

  /** VMs that are gone, of all observers. */
  get gone(): number {
    return this.#gone;
  }

  move(
    from: { readonly decider: string | undefined; readonly state: VMState } | undefined,
    to: { readonly decider: string | undefined; readonly state: VMState } | undefined,
  ): void {
    if (from?.decider === to?.decider && from?.state === to?.state) return;
    if (from?.decider !== undefined) this.#add(from.decider, from.state, -1);
    if (to?.decider !== undefined) this.#add(to.decider, to.state, 1);
  }

  /** VMs that the observer decides and that are not gone. */
  decidedBy(observer: string): number {
    let vms = 0;
    for (const [state, count] of this.#counts.get(observer) ?? []) if (state !== 'gone') vms += count;
    return vms;
  }

  *entries(): Generator<Tally> {
    for (const [decider, states] of this.#counts) {
      for (const [state, count] of states) if (count > 0) yield { decider, state, count };
    }
  }

  #add(decider: string, state: VMState, count: number): void {
    if (state === 'gone') this.#gone += count;
    const states = this.#counts.get(decider) ?? new Map<VMState, number>();
    this.#counts.set(decider, states);
    states.set(state, (states.get(state) ?? 0) + count);
  }
}
