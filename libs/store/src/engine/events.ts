import type { HostSnapshot, ObserverEvent, VMState } from '@vedette/model';
import type { ApplyStatus } from '../port.ts';
import { addApplied, coverThrough } from './applied.ts';
import type { Hosts } from './hosts.ts';
import type { Marks } from './marks.ts';
import type { ObserverBook } from './observers.ts';
import type { Counters, ObserverRecord } from './records.ts';
import { partArrived, snapshotRows } from './snapshots.ts';
import type { UpdateOutcome, Updates, VMEvent, VMUpdate } from './updates.ts';

/** What counts of an event: its envelope says nothing that its data does not. */
type Told<E extends ObserverEvent> = E extends ObserverEvent ? Pick<E, 'type' | 'data'> : never;
export type ToldEvent = Told<ObserverEvent>;

/** An event as the engine takes it in. */
export interface PositionedEvent {
  readonly event: ToldEvent;
  /** Left out where the bus has none. */
  readonly position?: number | undefined;
}

/** VMs whose documents are wanted, by observer. */
export type Wanted = Map<string, string[]>;

/**
 * Events of observers, one by one.
 *
 * E1. An event of an epoch older than the observer's present one is refused whole, activation and term with it: its
 *     observer has begun anew from what the store gave it, and tells everything that counts under its new epoch (I1).
 * E2. Every other event counts as applied, also when all of it was known: what coverage marks are judged by.
 * E3. A complete snapshot stands for every event of its epoch up to its version.
 */
export class Events {
  readonly #counters: Counters;
  readonly #observers: ObserverBook;
  readonly #hosts: Hosts;
  readonly #marks: Marks;
  readonly #updates: Updates;

  constructor(parts: {
    readonly counters: Counters;
    readonly observers: ObserverBook;
    readonly hosts: Hosts;
    readonly marks: Marks;
    readonly updates: Updates;
  }) {
    this.#counters = parts.counters;
    this.#observers = parts.observers;
    this.#hosts = parts.hosts;
    this.#marks = parts.marks;
    this.#updates = parts.updates;
  }

  apply({ event, position }: PositionedEvent, wanted: Wanted, wallMs: number): ApplyStatus {
    const { host, version } = event.data;
    const observer = this.#observers.get(host);
    // An epoch that was never minted here comes from a store that was lost: its observer has to open anew.
    if (observer === undefined || observer.epoch === 0 || version.epoch > observer.epoch) return 'unknown_observer';
    if (version.epoch < observer.epoch) return 'superseded';
    const at = position ?? ++this.#counters.terms;
    const { through } = observer.applied;
    const moved = this.#take(observer, event, at, wanted, wallMs);
    if (addApplied(observer.applied, version.seq) || observer.applied.through !== through) {
      this.#observers.appliedChanged(observer);
      this.#marks.count(observer);
    }
    return moved ? 'applied' : 'stale';
  }

  #take(observer: ObserverRecord, event: ToldEvent, position: number, wanted: Wanted, wallMs: number): boolean {
    switch (event.type) {
      case 'vedette.HostSnapshot.v1':
        return this.#snapshot(observer, event.data, position, wanted, wallMs);
      case 'vedette.HostStateChanged.v1':
        return this.#hosts.report(observer, event.data, wallMs);
      default:
        return this.#update(observer, updateOf(event, position), wanted, wallMs).moved;
    }
  }

  #update(observer: ObserverRecord, update: VMUpdate, wanted: Wanted, wallMs: number): UpdateOutcome {
    const outcome = this.#updates.apply(observer, update, wallMs);
    if (outcome.wanted) {
      const vms = wanted.get(observer.id) ?? [];
      wanted.set(observer.id, vms);
      vms.push(update.vm);
    }
    return outcome;
  }

  #snapshot(
    observer: ObserverRecord,
    data: HostSnapshot['data'],
    position: number,
    wanted: Wanted,
    wallMs: number,
  ): boolean {
    const { snapshot: version, via, observedAt, columns } = data;
    if (version.epoch !== data.version.epoch) return false;
    const common = { version, position, passed: none, via, observedAt, event: undefined };
    const named = new Set<number>();
    let moved = false;
    for (const { vm, values } of snapshotRows(columns)) {
      const outcome = this.#update(observer, { ...common, vm, values }, wanted, wallMs);
      named.add(outcome.number);
      moved ||= outcome.moved;
    }
    const partialBefore = observer.partial;
    const complete = partArrived(observer, data);
    if (complete !== undefined) {
      coverThrough(observer.applied, complete.seq);
      this.#updates.sweep(observer, named, via, wallMs);
    }
    this.#observers.save(observer);
    return moved || complete !== undefined || observer.partial !== partialBefore;
  }
}

const none: readonly VMState[] = [];

function updateOf(event: VMEvent, position: number): VMUpdate {
  const { vm, version, via, observedAt } = event.data;
  const passed = event.type === 'vedette.VMStateChanged.v1' ? event.data.passed : none;
  return { vm, version, values: valuesOf(event), position, passed, via, observedAt, event };
}

function valuesOf(event: VMEvent): VMUpdate['values'] {
  switch (event.type) {
    case 'vedette.VMStateChanged.v1':
      return { state: event.data.value };
    case 'vedette.IPChanged.v1':
      return { addresses: event.data.value };
    case 'vedette.VMConfigChanged.v1':
      return { config: event.data.value };
    case 'vedette.VMGuestChanged.v1':
      return { guest: event.data.value };
    case 'vedette.VMConditionChanged.v1':
      return { conditions: event.data.value };
  }
}
