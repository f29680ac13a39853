import type { Step } from './courses.ts';
import { mix, salts, unit } from './mixing.ts';

/**
 * Creation and removal: some seats of each host hold one VM after the other. Each life lies within one slot of its
 * seat, so who sits there, and in which state, follows from one slot.
 */
export interface LifePlan {
  /** The last so many seats of each host. */
  readonly seatsPerHost: number;
  readonly slotMs: number;
}

const MINUTE_MS = 60_000;
/** The slot wished for; the real one follows from a whole number of seats. */
const WISHED_SLOT_MINUTES = 60;

/** @throws RangeError for more creations than the seats can take */
export function planLives(creationsPerMinute: number, vmsPerHost: number): LifePlan {
  const perHost = creationsPerMinute * vmsPerHost;
  if (perHost === 0) return { seatsPerHost: 0, slotMs: 0 };
  const seatsPerHost = Math.min(vmsPerHost, Math.max(1, Math.round(perHost * WISHED_SLOT_MINUTES)));
  const slotMs = Math.round((seatsPerHost / perHost) * MINUTE_MS);
  if (slotMs < MINUTE_MS)
    throw new RangeError(`creationsPerMinute ${creationsPerMinute}: no life may be below a minute`);
  return { seatsPerHost, slotMs };
}

/** The number of the life that a seat is in, also before its beginning and after its end. */
export function lifeAt(plan: LifePlan, seed: number, seat: number, tMs: number): number {
  return Math.floor((tMs + phaseMs(plan, seed, seat)) / plan.slotMs);
}

/** A life: created early in its slot, removed late in it. */
export function lifeSteps(plan: LifePlan, seed: number, seat: number, life: number): readonly Step[] {
  const startMs = life * plan.slotMs - phaseMs(plan, seed, seat);
  const createdMs = startMs + Math.floor(plan.slotMs * (0.01 + 0.19 * unit(seed, seat, life, salts.lifeStart)));
  const removedMs = startMs + Math.floor(plan.slotMs * (0.7 + 0.29 * unit(seed, seat, life, salts.lifeEnd)));
  return [
    { atMs: createdMs, state: 'starting' },
    { atMs: createdMs + 3_000, state: 'running' },
    { atMs: removedMs - 4_000, state: 'stopping' },
    { atMs: removedMs - 1_500, state: 'stopped' },
    { atMs: removedMs, state: undefined },
  ];
}

function phaseMs(plan: LifePlan, seed: number, seat: number): number {
  return mix(seed, seat, 0, salts.lifePhase) % plan.slotMs;
}
