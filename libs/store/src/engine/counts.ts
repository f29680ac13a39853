import type { FleetHostState, VMState } from '@vedette/model';
import type { FleetCounts } from '../port.ts';
import { factsOf, fleetStateOf } from './observers.ts';
import type { ObserverRecord, Tally } from './records.ts';

/** States that say themselves that nothing is known, or that nothing is left: reachability adds nothing to them. */
export function readsAsItIs(state: VMState): boolean {
  return state === 'unknown' || state === 'gone';
}

/** Counts as joined when reading. */
export function countsOf(tallies: Iterable<Tally>, observers: Iterable<ObserverRecord>): FleetCounts {
  const observable = new Map<string, boolean>();
  const hosts: Partial<Record<FleetHostState, number>> = {};
  for (const observer of observers) {
    observable.set(observer.id, factsOf(observer).observable);
    if (observer.host === undefined) continue;
    const { state } = fleetStateOf(observer);
    hosts[state] = (hosts[state] ?? 0) + 1;
  }
  const vms: Partial<Record<VMState, number>> = {};
  for (const { decider, state, count } of tallies) {
    const shown = readsAsItIs(state) || observable.get(decider) === true ? state : 'unknown';
    vms[shown] = (vms[shown] ?? 0) + count;
  }
  return { vms, hosts };
}
