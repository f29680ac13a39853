import type { Version, VMState } from '@vedette/model';
import { LatencyHistogram } from '../harness/histogram.ts';
import type { HostChanges, TrueChange } from './true-changes.ts';

/**
 * Holds what was told of a host against what happened there.
 *
 * V1. Every change is told, by an event of its own or by name in a later one (`passed`); one that was over before
 *     anybody could see it may be left out: `shortMs` says how long that is (polls see what lasts an interval).
 * V2. Nothing is told that did not happen, and nothing before it did.
 * V3. An event delivered twice is counted, once (delivery is at least once).
 */

/** A VMStateChanged as it came to a subscriber; times are the fleet's. */
export interface ToldState {
  readonly vm: string;
  readonly to: VMState;
  readonly passed: readonly VMState[];
  readonly version: Version;
  readonly atMs: number;
}

export interface VerifyOptions {
  /** Changes from here on count; earlier ones only explain what was told late. */
  readonly fromMs: number;
  /** Longest life of a state that may go untold. */
  readonly shortMs: number;
  /** How far the clocks of two processes may disagree. */
  readonly toleranceMs: number;
}

export interface HostVerdict {
  changes: number;
  told: number;
  /** Told by name in a later event. */
  passed: number;
  /** Over too soon to be seen. */
  short: number;
  duplicates: number;
  readonly lost: Misfit[];
  readonly untrue: Misfit[];
}

export interface Misfit {
  readonly vm: string;
  readonly state: VMState;
  readonly atMs: number;
}

export function emptyVerdict(): HostVerdict {
  return { changes: 0, told: 0, passed: 0, short: 0, duplicates: 0, lost: [], untrue: [] };
}

/** @param latency where the delay of every change from its instant to its arrival is recorded */
export function verifyHost(
  truth: HostChanges,
  told: readonly ToldState[],
  options: VerifyOptions,
  latency: LatencyHistogram = new LatencyHistogram(),
): HostVerdict {
  const verdict = emptyVerdict();
  const byVm = new Map<string, ToldState[]>();
  for (const state of told) {
    const held = byVm.get(state.vm);
    if (held === undefined) byVm.set(state.vm, [state]);
    else held.push(state);
  }
  for (const vm of new Set([...truth.keys(), ...byVm.keys()])) {
    verifyVm({ vm, changes: truth.get(vm) ?? [], told: byVm.get(vm) ?? [] }, options, verdict, latency);
  }
  return verdict;
}

interface OneVm {
  readonly vm: string;
  readonly changes: readonly TrueChange[];
  readonly told: readonly ToldState[];
}

function verifyVm(
  { vm, changes, told }: OneVm,
  options: VerifyOptions,
  verdict: HostVerdict,
  latency: LatencyHistogram,
): void {
  const ordered = inOrder(told, verdict);
  const matches = matched(changes, ordered, options.toleranceMs);
  let next = 0;
  ordered.forEach((state, at) => {
    const match = matches[at];
    if (match === undefined) {
      if (state.atMs >= options.fromMs) verdict.untrue.push({ vm, state: state.to, atMs: state.atMs });
      return;
    }
    judgeSkipped(vm, changes.slice(next, match), state.passed, options, verdict);
    next = match + 1;
    const change = changes[match] as TrueChange;
    if (change.atMs < options.fromMs) return;
    verdict.changes++;
    verdict.told++;
    latency.record(state.atMs - change.atMs);
  });
  judgeSkipped(vm, changes.slice(next), [], options, verdict);
}

/**
 * Which change each event tells, from the last event to the first the latest that fits: who polls sees the latest, and
 * where nothing is left out there is but one way.
 */
function matched(
  changes: readonly TrueChange[],
  told: readonly ToldState[],
  toleranceMs: number,
): ReadonlyArray<number | undefined> {
  let before = changes.length;
  return told
    .toReversed()
    .map((state) => {
      const at = changes.findLastIndex(
        (change, index) => index < before && change.state === state.to && change.atMs <= state.atMs + toleranceMs,
      );
      if (at >= 0) before = at;
      return at < 0 ? undefined : at;
    })
    .toReversed();
}

/** V3; by version, since a repetition may come late. */
function inOrder(told: readonly ToldState[], verdict: HostVerdict): readonly ToldState[] {
  const sorted = told.toSorted((a, b) => a.version.epoch - b.version.epoch || a.version.seq - b.version.seq);
  return sorted.filter(({ version }, at) => {
    const before = sorted[at - 1]?.version;
    const again = before?.epoch === version.epoch && before.seq === version.seq;
    if (again) verdict.duplicates++;
    return !again;
  });
}

/** V1 */
function judgeSkipped(
  vm: string,
  skipped: readonly TrueChange[],
  passed: readonly VMState[],
  { fromMs, shortMs }: VerifyOptions,
  verdict: HostVerdict,
): void {
  for (const { atMs, state, untilMs } of skipped) {
    if (atMs < fromMs) continue;
    verdict.changes++;
    if (passed.includes(state)) verdict.passed++;
    else if (untilMs - atMs <= shortMs) verdict.short++;
    else verdict.lost.push({ vm, state, atMs });
  }
}
