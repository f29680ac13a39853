import type { Clock } from '@vedette/runtime';

/**
 * One time for all processes of a run on one machine: CLOCK_MONOTONIC, which Linux counts for all of them from the same
 * instant (Node's process.hrtime is that clock).
 */
export function sharedNowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** Most readings taken to place the common time on a clock, and the distance of two that is good enough. */
const READINGS = 100;
const CLOSE_MS = 0.01;

/**
 * How far a process's clock is ahead of the common time. A reading of the clock lies between two of the common time; a
 * process that lost its processor in between reads anew, so that the error is that of the closest pair.
 */
export function clockAheadMs(clock: Clock): number {
  let best = { widthMs: Number.POSITIVE_INFINITY, aheadMs: 0 };
  for (let reading = 0; reading < READINGS && best.widthMs > CLOSE_MS; reading++) {
    const before = sharedNowMs();
    const nowMs = clock.now();
    const widthMs = sharedNowMs() - before;
    if (widthMs < best.widthMs) best = { widthMs, aheadMs: nowMs - (before + widthMs / 2) };
  }
  return best.aheadMs;
}

/** Where an instant of the common time lies on this process's clock. */
export function onClock(clock: Clock, sharedMs: number): number {
  return sharedMs + clockAheadMs(clock);
}
