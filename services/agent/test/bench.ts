import type { SimulatedClock } from '@vedette/runtime/simulated-clock';

/** Advances the clock until `pending` has settled. */
export async function settleOn<T>(clock: SimulatedClock, pending: Promise<T>): Promise<T> {
  let settled = false;
  const note = (): void => {
    settled = true;
  };
  pending.then(note, note);
  await clock.advanceUntil(() => settled, { stepMs: 10 });
  return pending;
}
