import {
  absenceMark,
  changeReason,
  isProviderObserver,
  lastCommittedMark,
  type ObserverView,
  type Resolution,
  type ResolveContext,
  resolve,
  type Sighting,
  stateClass,
  truthDifference,
  truthOf,
  type VMChangeReason,
  type VMTruth,
} from '@vedette/model';
import { sameItems } from './items.ts';
import type { Logs } from './logs.ts';
import type { ObserverBook } from './observers.ts';
import type { PendingIndex } from './pendings.ts';
import type { Pending, VMEntry } from './records.ts';
import { hasState, visibleSighting } from './sightings.ts';
import type { Tables } from './tables.ts';
import type { Tallies } from './tallies.ts';

/**
 * From sightings to truth (I5).
 *
 * T1. A VM that one observer alone has seen is resolved as if that one could be asked: whether it can is joined when
 *     reading, so that a host's reachability costs one record however many VMs it has. A removed host's absent VM is
 *     the exception: nobody may call it gone, so it is parked as unknown until the host is registered again.
 * T2. A VM that several observers have seen, or that a person declared gone, is resolved by what they are, and again
 *     whenever that changes.
 * T3. A VMChanged leaves exactly when the truth differs as `truthDifference` says, or another incarnation began that is
 *     not gone, with the next vmVersion, in the transaction that writes it.
 */
export class Truths {
  readonly #tables: Tables;
  readonly #observers: ObserverBook;
  readonly #pendings: PendingIndex;
  readonly #tallies: Tallies;
  readonly #logs: Logs;
  readonly #versionFloor: () => number;

  constructor(
    tables: Tables,
    parts: {
      readonly observers: ObserverBook;
      readonly pendings: PendingIndex;
      readonly tallies: Tallies;
      readonly logs: Logs;
      readonly versionFloor: () => number;
    },
  ) {
    this.#tables = tables;
    this.#observers = parts.observers;
    this.#pendings = parts.pendings;
    this.#tallies = parts.tallies;
    this.#logs = parts.logs;
    this.#versionFloor = parts.versionFloor;
  }

  /**
   * Resolves the VM again and writes and publishes what differs.
   *
   * @param reborn it was defined anew: another incarnation has begun, to be told whatever it looks like (T3)
   */
  settle(entry: VMEntry, wallMs: number, reborn = false): void {
    const visible = this.#visible(entry);
    if (!visible.some(hasState)) return;
    const sole = soleObserver(visible);
    const resolution = this.#byWordOfPerson(entry, this.#resolve(visible, sole));
    const truth = truthOf(resolution, visible, (id) => this.#observers.view(id));
    this.#pendings.set(entry, this.#pendingOf(resolution, visible, sole));
    this.#write(entry, truth, resolution.deciding, { wallMs, reborn });
  }

  #visible(entry: VMEntry): Sighting[] {
    const visible: Sighting[] = [];
    for (const sighting of entry.sightings.values()) {
      visible.push(visibleSighting(sighting, this.#observers.snapshotOf(sighting.observer)));
    }
    return visible;
  }

  #resolve(visible: readonly Sighting[], sole: Sighting | undefined): Resolution {
    const observers = this.#observers;
    const context: ResolveContext = {
      observer: (id) => (id === sole?.observer ? askable(visible, observers.view(id)) : observers.view(id)),
      unanswered: (realm, mark) => observers.unanswered(realm, mark),
    };
    return resolve(visible, context);
  }

  /** T2; the word holds only where nobody knows better, by what the observers really are. */
  #byWordOfPerson(entry: VMEntry, resolution: Resolution): Resolution {
    if (!entry.forgotten) return resolution;
    const known = resolve(this.#visible(entry), {
      observer: (id) => this.#observers.view(id),
      unanswered: (realm, mark) => this.#observers.unanswered(realm, mark),
    });
    if (known.state === 'unknown') {
      const lastState = known.lastState;
      return { ...known, state: 'gone', lastState, detail: forgottenDetail, waitingFor: [], contested: false };
    }
    if (known.state !== 'gone') {
      entry.forgotten = false;
      this.#tables.saveVM(entry);
    }
    return known;
  }

  #pendingOf(resolution: Resolution, visible: readonly Sighting[], sole: Sighting | undefined): Pending | undefined {
    const { deciding, state } = resolution;
    if (deciding === undefined || state === 'gone') return undefined;
    const realm = this.#observers.view(deciding.observer)?.realm ?? '';
    const mark = absenceMark(visible);
    if (resolution.waitingFor.length > 0) return { kind: 'waiting', realm, mark };
    if (resolution.contested) return { kind: 'contested', realm, mark: lastCommittedMark(visible) };
    const parked = sole !== undefined && isLeft(sole) && this.#observers.facts(sole.observer)?.removed !== false;
    return parked ? { kind: 'parked', realm, mark } : undefined;
  }

  #write(
    entry: VMEntry,
    truth: VMTruth,
    deciding: Sighting | undefined,
    { wallMs, reborn }: { readonly wallMs: number; readonly reborn: boolean },
  ): void {
    const before = entry.truth;
    const decider = deciding?.observer;
    const anew = reborn && truth.state !== 'gone';
    const previous = truthDifference(before, truth) ?? (anew ? {} : undefined);
    if (previous === undefined && entry.decider === decider && before !== undefined && looksSame(before, truth)) return;
    this.#tallies.move(before && { decider: entry.decider, state: before.state }, { decider, state: truth.state });
    entry.truth = truth;
    entry.decider = decider;
    if (truth.state === 'gone') entry.ended = true;
    else if (entry.ended && deciding !== undefined && !isLeft(deciding)) this.#reincarnate(entry);
    const reason = anew ? 'discovered' : changeReason(before, truth);
    if (previous !== undefined) this.#publish(entry, { previous, reason, wallMs, first: before === undefined });
    this.#tables.saveVM(entry);
  }

  #publish(
    entry: VMEntry,
    change: {
      readonly previous: Partial<VMTruth>;
      readonly reason: VMChangeReason;
      readonly wallMs: number;
      readonly first: boolean;
    },
  ): void {
    const { previous, reason, wallMs, first } = change;
    const truth = entry.truth as VMTruth;
    entry.vmVersion = Math.max(entry.vmVersion, first ? this.#versionFloor() : 0) + 1;
    entry.lastChangedMs = wallMs;
    const { vmVersion, incarnation } = entry;
    this.#logs.vmChanged(entry, { vm: entry.id, vmVersion, incarnation, reason, ...truth, previous }, wallMs);
  }

  #reincarnate(entry: VMEntry): void {
    entry.ended = false;
    entry.incarnation++;
    entry.everRan = false;
  }
}

/** Of truths that do not differ by `truthDifference`: whether queries show the same, too. */
function looksSame(a: VMTruth, b: VMTruth): boolean {
  return a.detail === b.detail && sameItems(a.addresses, b.addresses);
}

const forgottenDetail = 'forgotten: a person declared it gone';

/** T1: the one sighting that can decide, where there is just one. */
function soleObserver(visible: readonly Sighting[]): Sighting | undefined {
  const seen = visible.filter(hasState);
  const hypervisors = seen.filter((sighting) => !isProviderObserver(sighting.observer));
  const deciding = hypervisors.length === 0 ? seen : hypervisors;
  return deciding.length === 1 ? deciding[0] : undefined;
}

/** T1; with a provider's word that the VM left, that its host was removed counts as well (resolve, R7). */
function askable(visible: readonly Sighting[], view: ObserverView | undefined): ObserverView {
  const removed = view?.removed !== false && visible.some(isLeft);
  return { realm: view?.realm ?? '', echoedMark: view?.echoedMark ?? 0, observable: true, removed };
}

function isLeft(sighting: Sighting): boolean {
  return stateClass(sighting.registers.state?.value.state ?? 'unknown') === 'left';
}
