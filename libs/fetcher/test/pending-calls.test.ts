import { fetcherErrors, PendingCalls } from '@vedette/fetcher';
import { VedetteError } from '@vedette/runtime';
import { SimulatedClock } from '@vedette/runtime/simulated-clock';
import { expect, it } from 'vitest';

function never(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error('work heard of it')));
  });
}

it('a call that takes too long is a time-out of its own, and its work is told', async () => {
  const clock = new SimulatedClock();
  const calls = new PendingCalls(clock);
  let told = false;
  const pending = calls.run('listing h1', { timeoutMs: 100 }, (signal) => {
    signal.addEventListener('abort', () => {
      told = true;
    });
    return never(signal);
  });
  const outcome = expect(pending).rejects.toMatchObject({
    code: 'VDT_FETCHER_TIMEOUT',
    retryable: true,
    message: 'listing h1 did not finish within 100 ms',
  });
  await clock.advance(100);
  await outcome;
  expect(told).toBe(true);
  expect(clock.pendingTimers).toBe(0);
});

it('what work throws, and the reason of the caller, pass as they are', async () => {
  const clock = new SimulatedClock();
  const calls = new PendingCalls(clock);
  const refused = new VedetteError('VDT_FETCHER_REFUSED');
  await expect(calls.run('x', { timeoutMs: 10 }, () => Promise.reject(refused))).rejects.toBe(refused);
  const controller = new AbortController();
  const aborted = calls.run('x', { timeoutMs: 10, signal: controller.signal }, never);
  controller.abort(new Error('mine'));
  await expect(aborted).rejects.toMatchObject({ message: 'mine' });
  expect(clock.pendingTimers).toBe(0);
});

it('closing ends every call under way and refuses later ones; once', async () => {
  const clock = new SimulatedClock();
  const calls = new PendingCalls(clock);
  const pending = [calls.run('a', { timeoutMs: 10 }, never), calls.run('b', { timeoutMs: 10 }, never)];
  calls.close();
  calls.close();
  for (const call of pending) await expect(call).rejects.toMatchObject({ code: 'VDT_FETCHER_CLOSED' });
  await expect(calls.run('c', { timeoutMs: 10 }, () => Promise.resolve(1))).rejects.toMatchObject({
    code: 'VDT_FETCHER_CLOSED',
  });
  expect(clock.pendingTimers).toBe(0);
});

it('only what may pass by itself is retryable', () => {
  const retryable = Object.entries(fetcherErrors).flatMap(([code, { retryable: may }]) => (may ? [code] : []));
  expect(retryable.sort()).toEqual([
    'VDT_FETCHER_BUS_AWAY',
    'VDT_FETCHER_FAILED',
    'VDT_FETCHER_PARTIAL',
    'VDT_FETCHER_REFUSED',
    'VDT_FETCHER_RESET',
    'VDT_FETCHER_TIMEOUT',
  ]);
});
