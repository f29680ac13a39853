/** Does a bounded piece of work between two yields, so that whoever runs it can let others in between (D5). */
export type Stepwise<T> = Generator<undefined, T, undefined>;

export function isStepwise(result: unknown): result is Stepwise<unknown> {
  return typeof result === 'object' && result !== null && Symbol.iterator in result && 'next' in result;
}

/** Runs it to its end without letting anybody in between. */
export function runAtOnce<T>(steps: Stepwise<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}
