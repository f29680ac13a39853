import { StartIntents, type StartOutcome } from '@vedette/fetcher';
import { expect, it } from 'vitest';

const NOW_MS = Date.UTC(2026, 0, 1, 12);
const started: StartOutcome = { outcome: 'started', detail: '' };

function request(intentId: string, vm = 'vm', notAfter = '2026-01-01T12:00:01Z') {
  return { vm, intentId, notAfter };
}

/** Carries out starts by hand. */
function starts(): {
  readonly begun: () => number;
  readonly carryOut: () => Promise<StartOutcome>;
  readonly end: (outcome: StartOutcome | Error) => void;
} {
  let begun = 0;
  let current = Promise.withResolvers<StartOutcome>();
  return {
    begun: () => begun,
    carryOut: () => {
      begun++;
      current = Promise.withResolvers<StartOutcome>();
      return current.promise;
    },
    end: (outcome) => (outcome instanceof Error ? current.reject(outcome) : current.resolve(outcome)),
  };
}

it('I8: the same intent is carried out once, and answered again: while it runs and afterwards', async () => {
  const intents = new StartIntents();
  const { begun, carryOut, end } = starts();
  const first = intents.answer(request('i'), NOW_MS, carryOut);
  const second = intents.answer(request('i'), NOW_MS, carryOut);
  end(started);
  expect(await Promise.all([first, second])).toEqual([started, started]);
  expect(await intents.answer(request('i'), NOW_MS + 60_000, carryOut)).toEqual(started);
  expect(begun()).toBe(1);
});

it('another intent is another start', async () => {
  const intents = new StartIntents();
  const { begun, carryOut } = starts();
  void intents.answer(request('i'), NOW_MS, carryOut);
  void intents.answer(request('j'), NOW_MS, carryOut);
  expect(begun()).toBe(2);
});

it('L4: after a failure nobody knows, so the same intent looks again', async () => {
  const intents = new StartIntents();
  const { begun, carryOut, end } = starts();
  const first = intents.answer(request('i'), NOW_MS, carryOut);
  end(new Error('connection lost'));
  await expect(first).rejects.toThrow('connection lost');
  const second = intents.answer(request('i'), NOW_MS, carryOut);
  end({ outcome: 'active', detail: '' });
  expect(await second).toEqual({ outcome: 'active', detail: '' });
  expect(begun()).toBe(2);
});

it('what is too late, or has no time, is not begun', async () => {
  const intents = new StartIntents();
  const { begun, carryOut } = starts();
  expect(await intents.answer(request('i', 'vm', '2026-01-01T11:59:59Z'), NOW_MS, carryOut)).toMatchObject({
    outcome: 'expired',
  });
  expect(await intents.answer(request('j', 'vm', 'soon'), NOW_MS, carryOut)).toMatchObject({ outcome: 'expired' });
  expect(begun()).toBe(0);
});

it('an intent names one VM for ever', async () => {
  const intents = new StartIntents();
  const { begun, carryOut, end } = starts();
  const first = intents.answer(request('i', 'one'), NOW_MS, carryOut);
  expect(await intents.answer(request('i', 'other'), NOW_MS, carryOut)).toMatchObject({ outcome: 'refused' });
  end(started);
  expect(await first).toEqual(started);
  expect(begun()).toBe(1);
});

it('I6: it remembers so many, the oldest go first', async () => {
  const intents = new StartIntents({ limit: 2 });
  let begun = 0;
  const carryOut = (): Promise<StartOutcome> => {
    begun++;
    return Promise.resolve(started);
  };
  const ask = (intentId: string): Promise<StartOutcome> => intents.answer(request(intentId), NOW_MS, carryOut);
  for (const intentId of ['i', 'j', 'k', 'k', 'j', 'i']) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await ask(intentId);
  }
  expect(begun).toBe(4);
});
