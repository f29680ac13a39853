import { bell, fraction, mix, salts } from './mixing.ts';
import type { ResolvedFleetOptions } from './options.ts';

/**
 * What is measured of a running VM, as a function of time.
 *
 * CPU load is a first-order autoregressive walk, AR(1): each step keeps a share of the last and adds noise. Written
 * out, that is a sum of noises with falling weights; cut off where they no longer count, it needs no history.
 */

/** A step of the walk: the usual poll interval, so that every poll sees another value. */
const STEP_MS = 3_000;
const KEPT = 0.8;
/** 0.8^16 = 0.03: what is left out is far below the noise. */
const TERMS = 16;
const weights = Float64Array.from({ length: TERMS }, (_, age) => Math.sqrt(1 - KEPT ** 2) * KEPT ** age);

const BURST_WINDOW_MS = 60_000;
const BURST_CHANCE = 0.2;
const BURST_LOAD = 0.5;
const MEMORY_STEP_MS = 60_000;

export interface CpuLoad {
  /** Shares of one CPU. */
  readonly user: number;
  readonly system: number;
}

/** The load of the VM with this key while it runs. */
export function cpuLoad(options: ResolvedFleetOptions['cpu'], key: number, tMs: number): CpuLoad {
  const base = 0.03 + 0.3 * fraction(mix(key, 0, 0, salts.cpuBase)) ** 2;
  const walked = (options.sdPoints / 100) * walk(key, Math.floor(tMs / STEP_MS));
  const load = Math.max(0, base + walked + burst(options.burstyShare, key, tMs));
  return { user: 0.8 * load, system: 0.2 * load };
}

/** Mean 0, standard deviation 1. */
function walk(key: number, step: number): number {
  let sum = 0;
  for (let age = 0; age < TERMS; age++) sum += (weights[age] as number) * bell(mix(key, step - age, 0, salts.cpu));
  return sum;
}

function burst(burstyShare: number, key: number, tMs: number): number {
  if (fraction(mix(key, 1, 0, salts.burst)) >= burstyShare) return 0;
  const window = Math.floor(tMs / BURST_WINDOW_MS);
  return fraction(mix(key, window, 2, salts.burst)) < BURST_CHANCE ? BURST_LOAD : 0;
}

/** Percent of the VM's memory in use while it runs: about its own level, drifting slowly by a few points. */
export function memoryPercent(key: number, tMs: number): number {
  const level = 20 + 60 * fraction(mix(key, 0, 0, salts.memoryBase));
  const step = Math.floor(tMs / MEMORY_STEP_MS);
  const between = tMs / MEMORY_STEP_MS - step;
  const from = bell(mix(key, step, 0, salts.memory));
  const to = bell(mix(key, step + 1, 0, salts.memory));
  return level + 2 * (from + (to - from) * between);
}
