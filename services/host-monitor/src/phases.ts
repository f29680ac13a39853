/**
 * How long until the next instant at which it is a host's turn, each `intervalMs`: at its own phase, so that thousands
 * of hosts spread evenly and stay where they are. Above 0, at most `intervalMs`.
 *
 * @param hash of the host's id, 0 to 2^32 - 1
 * @param nowMs monotonic
 */
export function untilTurnMs(hash: number, intervalMs: number, nowMs: number): number {
  const phaseMs = hash % intervalMs;
  return intervalMs - ((nowMs - phaseMs + intervalMs) % intervalMs);
}
