import type { HostFetcher } from '@vedette/fetcher';
import { VedetteError } from '@vedette/runtime';
import { onTestFinished } from 'vitest';
import type { FetcherUnderTest, Undo } from './under-test.ts';

/** The host under test, for the tests of one topic; there from the first test on. */
export interface Subject {
  readonly on: FetcherUnderTest;
  open(): HostFetcher;
}

/** Long enough for any host that answers; where a call must fail by its deadline, {@link SHORT} is used. */
export const LONG = { timeoutMs: 10_000 };
export const SHORT = { timeoutMs: 400 };
const TRIES = 100;
const BETWEEN_TRIES_MS = 100;
export const codesOfSilence = ['VDT_FETCHER_REFUSED', 'VDT_FETCHER_RESET', 'VDT_FETCHER_TIMEOUT'];

/** What was done to the host is undone once: by the test, or after it when it fails before. */
export async function undone(done: Promise<Undo>): Promise<Undo> {
  const undo = await done;
  let undoing: Promise<void> | undefined;
  const once = (): Promise<void> => {
    undoing ??= undo();
    return undoing;
  };
  onTestFinished(once);
  return once;
}

/** How each call ended: its error, or undefined if it had none. */
export function outcomes(on: FetcherUnderTest, calls: ReadonlyArray<Promise<unknown>>): Promise<readonly unknown[]> {
  const settled = calls.map((call) =>
    call.then(
      () => undefined,
      (error: unknown) => error,
    ),
  );
  return on.settle(Promise.all(settled));
}

/** Tries until the host answers: a driver may need a moment to find out that it can be reached again. */
export async function answersAgain(on: FetcherUnderTest, fetcher: HostFetcher): Promise<void> {
  let error: unknown;
  for (let tries = 0; tries < TRIES; tries++) {
    // oxlint-disable-next-line no-await-in-loop -- one try after the other
    [error] = await outcomes(on, [fetcher.runtimeStats(SHORT)]);
    if (error === undefined) return;
    // oxlint-disable-next-line no-await-in-loop -- as above
    await on.pass(BETWEEN_TRIES_MS);
  }
  throw new VedetteError('VDT_FETCHER_FAILED', { message: 'the host is not read again', cause: error });
}
