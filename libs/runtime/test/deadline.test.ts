import { describe, expect, it } from 'vitest';
import { withDeadline } from '../src/deadline.ts';
import { VedetteError } from '../src/errors.ts';
import { SimulatedClock } from '../src/simulated-clock.ts';

const never = (): Promise<never> => new Promise(() => undefined);

describe('withDeadline', () => {
  it('returns what the work returns and leaves no timer behind', async () => {
    const clock = new SimulatedClock();
    const work = withDeadline(clock, { what: 'a call', timeoutMs: 100 }, () => Promise.resolve(42));
    await expect(work).resolves.toBe(42);
    expect(clock.pendingTimers).toBe(0);
  });

  it('rejects at the deadline with a retryable error that says what was waited for, though the work ignores its signal', async () => {
    const clock = new SimulatedClock();
    const settled: unknown[] = [];
    const work = withDeadline(clock, { what: 'the poll of h1', timeoutMs: 100 }, never).catch((error: unknown) =>
      settled.push(error),
    );
    await clock.advance(99);
    expect(settled).toEqual([]);
    await clock.advance(1);
    await work;
    expect(settled).toEqual([
      expect.objectContaining({
        code: 'VDT_RUNTIME_DEADLINE',
        retryable: true,
        message: 'the poll of h1 did not finish within 100 ms',
      }),
    ]);
  });

  it('aborts the signal of the work at the deadline with the same error', async () => {
    const clock = new SimulatedClock();
    let seen: AbortSignal | undefined;
    const work = withDeadline(clock, { what: 'a call', timeoutMs: 100 }, (signal) => {
      seen = signal;
      return never();
    });
    const failed = expect(work).rejects.toSatisfy((error) => error === seen?.reason);
    await clock.advance(100);
    await failed;
    expect(VedetteError.is(seen?.reason, 'VDT_RUNTIME_DEADLINE')).toBe(true);
  });

  it('passes on the reason when the caller aborts, and leaves no timer behind', async () => {
    const clock = new SimulatedClock();
    const controller = new AbortController();
    const work = withDeadline(clock, { what: 'a call', timeoutMs: 100, signal: controller.signal }, never);
    controller.abort(new Error('stopping'));
    await expect(work).rejects.toThrow('stopping');
    expect(clock.pendingTimers).toBe(0);
  });

  it('does not begin the work for a caller who has aborted', async () => {
    const clock = new SimulatedClock();
    let begun = false;
    const options = { what: 'a call', timeoutMs: 100, signal: AbortSignal.abort(new Error('stopping')) };
    const work = withDeadline(clock, options, () => {
      begun = true;
      return never();
    });
    await expect(work).rejects.toThrow('stopping');
    expect(begun).toBe(false);
  });

  it('never aborts the signal after the work has settled', async () => {
    const clock = new SimulatedClock();
    const controller = new AbortController();
    let seen: AbortSignal | undefined;
    await withDeadline(clock, { what: 'a call', timeoutMs: 100, signal: controller.signal }, (signal) => {
      seen = signal;
      return Promise.resolve();
    });
    await clock.advance(1_000);
    controller.abort();
    expect(seen?.aborted).toBe(false);
  });

  it('passes on what the work throws, at once or later, and cleans up', async () => {
    const clock = new SimulatedClock();
    const options = { what: 'a call', timeoutMs: 100 };
    await expect(withDeadline(clock, options, () => Promise.reject(new Error('later')))).rejects.toThrow('later');
    const throwing = withDeadline(clock, options, () => {
      throw new Error('at once');
    });
    await expect(throwing).rejects.toThrow('at once');
    expect(clock.pendingTimers).toBe(0);
  });

  it('leaves a late failure of abandoned work unheard instead of ending the process', async () => {
    const clock = new SimulatedClock();
    const late = Promise.withResolvers<never>();
    const work = withDeadline(clock, { what: 'a call', timeoutMs: 10 }, () => late.promise);
    const failed = expect(work).rejects.toMatchObject({ code: 'VDT_RUNTIME_DEADLINE' });
    await clock.advance(10);
    await failed;
    late.reject(new Error('too late'));
    await clock.advance(1); // an unhandled rejection would fail this test file
  });
});
