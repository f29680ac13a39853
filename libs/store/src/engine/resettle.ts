import type { ObserverBook } from './observers.ts';
import type { PendingIndex } from './pendings.ts';
import type { ObserverRecord, VMEntry } from './records.ts';
import type { Tables } from './tables.ts';
import type { Truths } from './truths.ts';

/** Resolves again the VMs that something other than a word about them can have changed. */
export class Resettle {
  readonly #tables: Tables;
  readonly #observers: ObserverBook;
  readonly #pendings: PendingIndex;
  readonly #truths: Truths;

  constructor(parts: {
    readonly tables: Tables;
    readonly observers: ObserverBook;
    readonly pendings: PendingIndex;
    readonly truths: Truths;
  }) {
    this.#tables = parts.tables;
    this.#observers = parts.observers;
    this.#pendings = parts.pendings;
    this.#truths = parts.truths;
  }

  /** VMs that the observer sees, and those it shares with others. */
  seenBy(observer: ObserverRecord, wallMs: number): void {
    const entries = new Set([...this.#tables.presentOf(observer), ...this.#tables.sharedOf(observer)]);
    for (const entry of entries) this.#truths.settle(entry, wallMs);
  }

  sharedBy(observer: ObserverRecord, wallMs: number): void {
    for (const entry of this.#tables.sharedOf(observer)) this.#truths.settle(entry, wallMs);
  }

  /** Waiting VMs of the realm for which nobody is left to answer. */
  waitingIn(realm: string, wallMs: number): void {
    for (const [mark, vms] of [...this.#pendings.groups(realm)]) {
      if (this.#observers.unanswered(realm, mark).length === 0) this.all(vms, wallMs);
    }
  }

  /** VMs that several hosts claim, where one of `echoed` is among these. */
  contestedOn(echoed: ReadonlySet<string>, wallMs: number): void {
    for (const vm of [...this.#pendings.contested]) {
      const entry = this.#tables.entry(vm);
      if (entry !== undefined && claimedByAny(entry, echoed)) this.#truths.settle(entry, wallMs);
    }
  }

  all(vms: Iterable<string>, wallMs: number): void {
    for (const vm of [...vms]) {
      const entry = this.#tables.entry(vm);
      if (entry !== undefined) this.#truths.settle(entry, wallMs);
    }
  }
}

function claimedByAny(entry: VMEntry, observers: ReadonlySet<string>): boolean {
  for (const observer of entry.sightings.keys()) if (observers.has(observer)) return true;
  return false;
}
