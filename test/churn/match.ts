/**
 * Explains what was told of one VM by what was done to it.
 *
 * M1. Legs are what was true, in order. Each told state must be that of a leg, in the same order, not before the leg
 *     began and not later than `staleAfterMs`; one that is not is false.
 * M2. A leg that must be told and was not is missed, unless the last that was told says the same, or it is excused.
 * M3. Of all explanations the one with the fewest faults counts.
 */

/** A state that was true for a while. */
export interface Leg {
  readonly state: string;
  /** What the guest was left in, or is too long to be overlooked; else it is a state passed on the way. */
  readonly must: boolean;
  /** It became true between these. */
  readonly beganMs: number;
  readonly endedMs: number;
  /** When the next deed began: until then it was true. Infinity: to the end. */
  readonly leftMs: number;
  /** From here on to tell it is false: truth had left it long ago. */
  readonly staleAfterMs: number;
  /** Until when it must be told. */
  readonly dueMs: number;
  /** Why it may go untold; undefined: it may not. */
  readonly excuse: string | undefined;
  readonly deed: string;
}

export interface Told {
  readonly atMs: number;
  readonly state: string;
  readonly id: string;
}

export interface Unexplained {
  readonly kind: 'false' | 'missed' | 'late';
  readonly atMs: number;
  readonly what: string;
}

export interface Explanation {
  readonly faults: readonly Unexplained[];
  /** The excuses that were used. */
  readonly excused: readonly string[];
  /** From the end of a deed to its event at the subscriber; below 0 when virsh returned later. */
  readonly lagsMs: ReadonlyArray<{ readonly leg: Leg; readonly lagMs: number }>;
}

const costs = { free: 0, excused: 1, late: 50, missed: 100, false: 100 } as const;
/** The listener's clock is read after the event came, the deed's before it was done: only rounding lies between. */
const roundingMs = 1;

type Step = 'skip' | 'tell' | 'false';

/** @param before what had been told last when the first leg began */
export function explain(told: readonly Told[], legs: readonly Leg[], before: string): Explanation {
  const width = legs.length + 1;
  const cost = new Float64Array((told.length + 1) * width).fill(Number.POSITIVE_INFINITY);
  const steps: Array<Step | undefined> = new Array(cost.length);
  const reach = (at: number, total: number, step: Step): void => {
    if (total >= (cost[at] as number)) return;
    cost[at] = total;
    steps[at] = step;
  };
  cost[0] = 0;
  for (let i = 0; i <= told.length; i++) {
    const last = i === 0 ? before : (told[i - 1] as Told).state;
    for (let k = 0; k <= legs.length; k++) {
      const here = cost[i * width + k] as number;
      const [next, leg] = [told[i], legs[k]];
      if (leg !== undefined) reach(i * width + k + 1, here + costs[skipping(leg, last)], 'skip');
      if (next !== undefined) reach((i + 1) * width + k, here + costs.false, 'false');
      if (next === undefined || leg === undefined || !fits(next, leg)) continue;
      reach((i + 1) * width + k + 1, here + (next.atMs > leg.dueMs ? costs.late : 0), 'tell');
    }
  }
  return read(told, legs, before, steps);
}

function skipping({ must, state, excuse }: Leg, last: string): 'free' | 'excused' | 'missed' {
  if (!must || state === last) return 'free';
  return excuse === undefined ? 'missed' : 'excused';
}

function fits(next: Told, leg: Leg): boolean {
  return next.state === leg.state && next.atMs >= leg.beganMs - roundingMs && next.atMs <= leg.staleAfterMs;
}

/** Walks the cheapest way back. */
function read(
  told: readonly Told[],
  legs: readonly Leg[],
  before: string,
  steps: ReadonlyArray<Step | undefined>,
): Explanation {
  const faults: Unexplained[] = [];
  const excused: string[] = [];
  const lagsMs: Array<{ leg: Leg; lagMs: number }> = [];
  let [i, k] = [told.length, legs.length];
  while (i > 0 || k > 0) {
    const step = steps[i * (legs.length + 1) + k];
    if (step === 'skip') {
      const leg = legs[--k] as Leg;
      const last = i === 0 ? before : (told[i - 1] as Told).state;
      const skipped = skipping(leg, last);
      if (skipped === 'excused') excused.push(leg.excuse as string);
      if (skipped === 'missed')
        faults.push({ kind: 'missed', atMs: leg.endedMs, what: `${leg.state} after ${leg.deed}; told last: ${last}` });
      continue;
    }
    const event = told[--i] as Told;
    if (step === 'false') {
      faults.push({
        kind: 'false',
        atMs: event.atMs,
        what: `${event.state} (${event.id}) was told and never true then`,
      });
      continue;
    }
    const leg = legs[--k] as Leg;
    if (leg.must) lagsMs.push({ leg, lagMs: event.atMs - leg.endedMs });
    if (event.atMs > leg.dueMs)
      faults.push({ kind: 'late', atMs: event.atMs, what: `${event.state} after ${leg.deed} (${event.id})` });
  }
  return { faults: faults.reverse(), excused, lagsMs };
}
