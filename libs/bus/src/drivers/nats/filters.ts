/**
 * JetStream refuses a consumer whose filters meet each other's subjects; a durable group of the bus may have any
 * patterns. So the broker filters by a cover of them, and what only the cover matches is passed over by the client.
 */

/** Patterns that no subject matches two of, and that match at least what the given ones do; the same ones if possible. */
export function disjointCover(patterns: readonly string[]): string[] {
  let cover = [...new Set(patterns)];
  for (;;) {
    const pair = collidingPair(cover);
    if (pair === undefined) return cover;
    const [a, b] = pair;
    const wider = covers(a, b) ? a : covers(b, a) ? b : generalise(a, b);
    cover = [...new Set([...cover.filter((each) => each !== a && each !== b), wider])];
  }
}

function collidingPair(patterns: readonly string[]): readonly [string, string] | undefined {
  for (const [at, a] of patterns.entries()) {
    for (const b of patterns.slice(at + 1)) if (collide(a, b)) return [a, b];
  }
  return undefined;
}

/** Whether some subject matches both. */
export function collide(a: string, b: string): boolean {
  const [left, right] = [a.split('.'), b.split('.')];
  for (let at = 0; ; at++) {
    const [l, r] = [left[at], right[at]];
    if (l === undefined || r === undefined) return l === r;
    if (l === '>' || r === '>') return true;
    if (l !== r && l !== '*' && r !== '*') return false;
  }
}

/** Whether every subject that matches `b` matches `a`. */
export function covers(a: string, b: string): boolean {
  const [left, right] = [a.split('.'), b.split('.')];
  for (let at = 0; ; at++) {
    const [l, r] = [left[at], right[at]];
    if (l === undefined || r === undefined) return l === r;
    if (l === '>') return true;
    if (r === '>' || (l !== '*' && l !== r)) return false;
  }
}

/** A pattern that covers both. */
function generalise(a: string, b: string): string {
  const [left, right] = [a.split('.'), b.split('.')];
  const tokens: string[] = [];
  for (let at = 0; ; at++) {
    const [l, r] = [left[at], right[at]];
    if (l === undefined && r === undefined) break;
    if (l === undefined || r === undefined || l === '>' || r === '>') {
      tokens.push('>');
      break;
    }
    tokens.push(l === r ? l : '*');
  }
  return tokens.join('.');
}
