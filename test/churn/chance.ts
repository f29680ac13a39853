/** Chance that a seed and a stream repeat exactly: what one guest draws does not depend on how fast the others are. */
export interface Chance {
  /** In [0, 1). */
  unit(): number;
  /** A whole number, both ends included. */
  between(from: number, to: number): number;
  /** One of the choices, each as likely as its weight says. */
  weighted<T>(choices: ReadonlyArray<readonly [weight: number, choice: T]>): T;
}

export function chanceOf(seed: number, stream: number): Chance {
  let state = Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(stream + 1, 0x85ebca6b);
  const unit = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    unit,
    between: (from, to) => Math.min(to, from + Math.floor((to - from + 1) * unit())),
    weighted(choices) {
      let left = unit() * choices.reduce((sum, [weight]) => sum + weight, 0);
      for (const [weight, choice] of choices) {
        left -= weight;
        if (left < 0) return choice;
      }
      return (choices.at(-1) as (typeof choices)[number])[1];
    },
  };
}
