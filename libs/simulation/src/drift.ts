import { mix, unit } from './mixing.ts';

/**
 * Something of a VM that changes for good now and then: exactly once in each slot of the mean interval, at a moment
 * drawn for that slot. The number of changes up to an instant follows from one slot.
 */
export interface Drift {
  /** Mean time between two changes, whole; Infinity: never. */
  readonly intervalMs: number;
  /** What the phase and the moments are drawn for. */
  readonly phaseSalt: number;
  readonly changeSalt: number;
}

export function driftOf(changesPerMinute: number, phaseSalt: number, changeSalt: number): Drift {
  const intervalMs = changesPerMinute === 0 ? Number.POSITIVE_INFINITY : Math.round(60_000 / changesPerMinute);
  return { intervalMs, phaseSalt, changeSalt };
}

/** How often it has changed by `tMs`: a number that only grows, by one at each change. */
export function changesBy(drift: Drift, key: number, tMs: number): number {
  if (drift.intervalMs === Number.POSITIVE_INFINITY) return 0;
  const slot = slotOf(drift, key, tMs);
  return slot + (tMs >= changeMs(drift, key, slot) ? 1 : 0);
}

/** When it changes next, after `tMs`. */
export function nextChangeMs(drift: Drift, key: number, tMs: number): number {
  if (drift.intervalMs === Number.POSITIVE_INFINITY) return Number.POSITIVE_INFINITY;
  const slot = slotOf(drift, key, tMs);
  const hereMs = changeMs(drift, key, slot);
  return hereMs > tMs ? hereMs : changeMs(drift, key, slot + 1);
}

function slotOf(drift: Drift, key: number, tMs: number): number {
  return Math.floor((tMs + phaseMs(drift, key)) / drift.intervalMs);
}

function changeMs(drift: Drift, key: number, slot: number): number {
  const offsetMs = Math.floor(unit(key, slot, 0, drift.changeSalt) * drift.intervalMs);
  return slot * drift.intervalMs - phaseMs(drift, key) + offsetMs;
}

function phaseMs(drift: Drift, key: number): number {
  return mix(key, 0, 0, drift.phaseSalt) % drift.intervalMs;
}
