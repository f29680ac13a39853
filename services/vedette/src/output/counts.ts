/** States of what is no longer there; shown, and not part of a total. */
const past = new Set(['gone', 'removed']);

/** Numbers by state as words: `1,000: 970 running, 30 stopped, 2 gone`; the largest first. */
export function countsText(counts: Readonly<Partial<Record<string, number>>>): string {
  const entries = sortedCounts(counts);
  const total = entries.reduce((sum, [state, count]) => (past.has(state) ? sum : sum + count), 0);
  if (entries.length === 0) return 'none';
  return `${numberText(total)}: ${entries.map(([state, count]) => `${numberText(count)} ${state}`).join(', ')}`;
}

/** States that anything is in, the most frequent first and what is past last. */
export function sortedCounts<S extends string>(counts: Readonly<Partial<Record<S, number>>>): [S, number][] {
  const entries = Object.entries(counts) as [S, number][];
  return entries.filter(([, count]) => count > 0).sort(inOrder);
}

/** A whole number with its thousands apart. */
export function numberText(value: number): string {
  return value.toLocaleString('en-GB');
}

/** `1 host`, `300 hosts`. */
export function countText(count: number, thing: string): string {
  return `${numberText(count)} ${thing}${count === 1 ? '' : 's'}`;
}

function inOrder([a, countA]: [string, number], [b, countB]: [string, number]): number {
  return Number(past.has(a)) - Number(past.has(b)) || countB - countA || (a < b ? -1 : 1);
}
