import { SimulatedClock } from '@vedette/runtime/simulated-clock';
import { eventually } from '@vedette/testbed';
import { expect, it } from 'vitest';

it('eventually returns what the check returned once it no longer throws', async () => {
  let tries = 0;
  const check = (): number => {
    if (++tries < 3) throw new Error(`try ${tries}`);
    return tries;
  };
  await expect(eventually(check, { intervalMs: 1 })).resolves.toBe(3);
});

it('eventually fails with the last failure, not the first', async () => {
  const clock = new SimulatedClock();
  let tries = 0;
  const failure = expect(
    eventually(() => Promise.reject(new Error(`try ${++tries}`)), { timeoutMs: 1_000, intervalMs: 100, clock }),
  ).rejects.toMatchObject({
    code: 'VDT_TESTBED_NEVER_HELD',
    message: 'did not hold within 1000 ms (10 tries); the last time: try 10',
    cause: { message: 'try 10' },
  });
  await clock.advance(1_000);
  await failure;
});

it('eventually does not wait for a check that hangs', async () => {
  const clock = new SimulatedClock();
  const failure = expect(
    eventually(() => new Promise(() => undefined), { timeoutMs: 1_000, clock }),
  ).rejects.toMatchObject({ code: 'VDT_TESTBED_NEVER_HELD' });
  await clock.advance(1_000);
  await failure;
});

it('eventually ends with the reason of its signal', async () => {
  const controller = new AbortController();
  const reason = new Error('enough');
  const check = (): never => {
    controller.abort(reason);
    throw new Error('not yet');
  };
  await expect(eventually(check, { signal: controller.signal })).rejects.toBe(reason);
});
