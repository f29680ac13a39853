/** Whether two lists hold the same; quick where they hold the very same objects, which is the usual case. */
export function sameItems(a: readonly unknown[], b: readonly unknown[]): boolean {
  if (a === b) return true;
  return a.length === b.length && a.every((item, at) => item === b[at] || sameJson(item, b[at]));
}

/** For values that come in one canonical form. */
export function sameJson(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
