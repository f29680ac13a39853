import { type Clock, withDeadline } from '@vedette/runtime';
import type { CallOptions } from './port.ts';

/** How long a close drains unless told otherwise. */
export const defaultCloseOptions: CallOptions = { timeoutMs: 5_000 };

/** Waits for `work`, which never rejects, as long as a close may; false when it was still under way at the end. */
export async function drained(clock: Clock, options: CallOptions, work: Promise<unknown>): Promise<boolean> {
  let done = false;
  const finished = work.then(() => {
    done = true;
  });
  try {
    await withDeadline(clock, { what: 'drain', ...options }, () => finished);
  } catch {
    // The deadline or an abort: it ends the wait, and the answer says so.
    return done;
  }
  return done;
}
