/**
 * Which numbers of a sequence that starts at 1 have been met: all up to `through`, and the ranges beyond, sorted,
 * disjoint and with gaps between them. What a coverage's marks are judged by, and the parts of a snapshot.
 */
export interface Applied {
  through: number;
  beyond: Array<[from: number, to: number]>;
}

/** Most ranges kept beyond a gap. What would need more is forgotten again: it counts once a snapshot covers it. */
export const maxRanges = 256;

/** Takes in one number; returns whether that changed anything. */
export function addApplied(applied: Applied, seq: number): boolean {
  if (seq === applied.through + 1) {
    applied.through = seq;
    absorb(applied);
    return true;
  }
  return seq > applied.through && addBeyond(applied, seq);
}

/** Everything up to `seq` counts as met: a complete snapshot at `seq` says all that the events before it said. */
export function coverThrough(applied: Applied, seq: number): void {
  if (seq <= applied.through) return;
  applied.through = seq;
  absorb(applied);
}

function absorb(applied: Applied): void {
  if (applied.beyond.length === 0) return;
  let used = 0;
  for (const [from, to] of applied.beyond) {
    if (from > applied.through + 1) break;
    applied.through = Math.max(applied.through, to);
    used++;
  }
  if (used > 0) applied.beyond.splice(0, used);
}

function addBeyond(applied: Applied, seq: number): boolean {
  const { beyond } = applied;
  let at = beyond.length;
  while (at > 0 && (beyond[at - 1]?.[0] ?? 0) > seq) at--;
  const before = beyond[at - 1];
  const after = beyond[at];
  if (before !== undefined && seq <= before[1]) return false;
  const joinsBefore = before !== undefined && before[1] === seq - 1;
  const joinsAfter = after !== undefined && after[0] === seq + 1;
  if (joinsBefore && joinsAfter) {
    before[1] = after[1];
    beyond.splice(at, 1);
  } else if (joinsBefore) before[1] = seq;
  else if (joinsAfter) after[0] = seq;
  else if (beyond.length < maxRanges) beyond.splice(at, 0, [seq, seq]);
  else return false;
  return true;
}
