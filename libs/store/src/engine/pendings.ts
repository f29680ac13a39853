import type { Pending, VMEntry } from './records.ts';
import type { Tables } from './tables.ts';

/** VMs whose truth can change without a word about them, in memory and written through. */
export class PendingIndex {
  readonly #tables: Tables;
  readonly #pendings = new Map<string, Pending>();
  /** Waiting VMs by realm and mark: all of a group wait for the same hosts. */
  readonly #groups = new Map<string, Map<number, Set<string>>>();
  readonly #contested = new Set<string>();
  readonly #parked = new Set<string>();

  constructor(tables: Tables) {
    this.#tables = tables;
    for (const [vm, pending] of tables.pendings()) this.#add(vm, pending);
  }

  has(vm: string): boolean {
    return this.#pendings.has(vm);
  }

  set(entry: VMEntry, pending: Pending | undefined): void {
    const held = this.#pendings.get(entry.id);
    if (samePending(held, pending)) return;
    if (held !== undefined) this.#remove(entry.id, held);
    if (pending !== undefined) this.#add(entry.id, pending);
    this.#tables.savePending(entry, pending);
  }

  /** The groups of waiting VMs of a realm. */
  groups(realm: string): ReadonlyMap<number, ReadonlySet<string>> {
    return this.#groups.get(realm) ?? new Map();
  }

  realms(): Iterable<string> {
    return this.#groups.keys();
  }

  get contested(): ReadonlySet<string> {
    return this.#contested;
  }

  get parked(): ReadonlySet<string> {
    return this.#parked;
  }

  #add(vm: string, pending: Pending): void {
    this.#pendings.set(vm, pending);
    if (pending.kind === 'contested') this.#contested.add(vm);
    else if (pending.kind === 'parked') this.#parked.add(vm);
    else {
      const groups = this.#groups.get(pending.realm) ?? new Map<number, Set<string>>();
      this.#groups.set(pending.realm, groups);
      const group = groups.get(pending.mark) ?? new Set();
      groups.set(pending.mark, group);
      group.add(vm);
    }
  }

  #remove(vm: string, pending: Pending): void {
    this.#pendings.delete(vm);
    this.#contested.delete(vm);
    this.#parked.delete(vm);
    const groups = this.#groups.get(pending.realm);
    const group = groups?.get(pending.mark);
    if (groups === undefined || group === undefined) return;
    group.delete(vm);
    if (group.size === 0) groups.delete(pending.mark);
    if (groups.size === 0) this.#groups.delete(pending.realm);
  }
}

function samePending(a: Pending | undefined, b: Pending | undefined): boolean {
  return a === b || (a?.kind === b?.kind && a?.realm === b?.realm && a?.mark === b?.mark);
}
