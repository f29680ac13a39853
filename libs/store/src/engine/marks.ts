import { compareVersions, type HostCoverage, lastCommittedMark } from '@vedette/model';
import { hasApplied, type ObserverBook } from './observers.ts';
import type { PendingIndex } from './pendings.ts';
import type { Counters, ObserverRecord } from './records.ts';
import type { Resettle } from './resettle.ts';
import type { Tables } from './tables.ts';

/** Most echoes kept of one host for later: each newer one says more than all before. */
const maxWaitingEchoes = 8;

/**
 * Marks: how the absence or presence of a VM is confirmed without clocks.
 *
 * K1. A mark is larger than all before it, and is minted only while a VM waits for one.
 * K2. An echo counts when everything that its observer published before is applied; until then it is kept.
 */
export class Marks {
  readonly #tables: Tables;
  readonly #counters: Counters;
  readonly #observers: ObserverBook;
  readonly #pendings: PendingIndex;
  readonly #resettle: Resettle;
  /** Observers whose echo counted since the last {@link settle}. */
  readonly #counted = new Set<ObserverRecord>();

  constructor(parts: {
    readonly tables: Tables;
    readonly counters: Counters;
    readonly observers: ObserverBook;
    readonly pendings: PendingIndex;
    readonly resettle: Resettle;
  }) {
    this.#tables = parts.tables;
    this.#counters = parts.counters;
    this.#observers = parts.observers;
    this.#pendings = parts.pendings;
    this.#resettle = parts.resettle;
  }

  /** K1 */
  cast(): { readonly mark: number; readonly realms: readonly string[] } | undefined {
    const realms = [...this.#waitingRealms()].sort();
    return realms.length === 0 ? undefined : { mark: ++this.#counters.mark, realms };
  }

  /** Takes in echoes; those that name another epoch than the observer's present one say nothing. */
  echoed(marks: HostCoverage['data']['marks']): void {
    for (const { host, mark, version } of marks) {
      const observer = this.#observers.get(host);
      if (observer === undefined || version.epoch !== observer.epoch) continue;
      if (mark <= observer.echoedMark || mark > this.#counters.mark) continue;
      if (observer.marks.some((held) => held.mark === mark && compareVersions(held.version, version) === 0)) continue;
      observer.marks = [...observer.marks, { mark, version }].slice(-maxWaitingEchoes);
      this.count(observer, { save: true });
    }
  }

  /** K2: looks again at the echoes kept, after something of the observer was applied. */
  count(observer: ObserverRecord, { save }: { readonly save: boolean } = { save: false }): void {
    if (observer.marks.length === 0) return;
    const counting = observer.marks.filter(({ version }) => hasApplied(observer, version));
    if (counting.length > 0) {
      observer.echoedMark = counting.reduce((highest, { mark }) => Math.max(highest, mark), observer.echoedMark);
      observer.marks = observer.marks.filter(({ mark }) => mark > observer.echoedMark);
      this.#counted.add(observer);
    }
    if (save || counting.length > 0) this.#observers.save(observer);
  }

  /** Resolves again what the echoes counted since the last time can change. */
  settle(wallMs: number): void {
    if (this.#counted.size === 0) return;
    const realms = new Set([...this.#counted].map((observer) => observer.host?.realm ?? ''));
    const echoed = new Set([...this.#counted].map((observer) => observer.id));
    this.#counted.clear();
    for (const realm of realms) this.#resettle.waitingIn(realm, wallMs);
    this.#resettle.contestedOn(echoed, wallMs);
  }

  /** VMs that a mark could decide about, and the hosts that would have to echo it, sorted. */
  pending(): { readonly vms: number; readonly waitingFor: readonly string[] } {
    const waitingFor = new Set<string>();
    let vms = this.#pendings.contested.size;
    for (const realm of this.#pendings.realms()) {
      for (const [mark, group] of this.#pendings.groups(realm)) {
        const unanswered = this.#observers.unanswered(realm, mark);
        if (unanswered.length > 0) vms += group.size;
        for (const host of unanswered) waitingFor.add(host);
      }
    }
    for (const vm of this.#pendings.contested) {
      for (const host of this.#claimants(vm)) if (host.mayStillEcho) waitingFor.add(host.id);
    }
    return { vms, waitingFor: [...waitingFor].sort() };
  }

  /** The hosts that a contested VM was seen on; those may still echo that have not since the last of them was written. */
  #claimants(vm: string): ReadonlyArray<{ readonly id: string; readonly mayStillEcho: boolean }> {
    const sightings = [...(this.#tables.entry(vm)?.sightings.values() ?? [])];
    const lastMark = lastCommittedMark(sightings);
    return sightings.map(({ observer }) => {
      const echoed = this.#observers.get(observer)?.echoedMark ?? 0;
      return { id: observer, mayStillEcho: echoed <= lastMark };
    });
  }

  /** Realms in which somebody has an answer to give that is waited for. */
  #waitingRealms(): ReadonlySet<string> {
    const realms = new Set<string>();
    for (const realm of this.#pendings.realms()) {
      for (const mark of this.#pendings.groups(realm).keys()) {
        if (this.#observers.unanswered(realm, mark).length === 0) continue;
        realms.add(realm);
        break;
      }
    }
    for (const vm of this.#pendings.contested) {
      for (const { id } of this.#claimants(vm)) {
        const realm = this.#observers.view(id)?.realm;
        if (realm !== undefined) realms.add(realm);
      }
    }
    return realms;
  }
}
