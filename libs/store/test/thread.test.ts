import { describe, expect, test } from 'vitest';
import { Thread } from '../src/drivers/sqlite/thread.ts';

/** A thread whose module is this text. */
function threadOf(source: string, maxWaiting = 10): Thread {
  const entry = new URL(
    `data:text/javascript,${encodeURIComponent(`import { parentPort } from 'node:worker_threads';${source}`)}`,
  );
  return new Thread({ entry, inFlight: 2, maxWaiting });
}

describe('a thread', () => {
  const lost = { code: 'VDT_STORE_WORKER_LOST', retryable: false };

  test('F7: one that ends unexpectedly fails what was asked of it, and everything after, and can still be closed', async () => {
    const thread = threadOf(`parentPort.on('message', () => process.exit(3));`);
    const asked = [thread.ask('a', []), thread.ask('b', []), thread.ask('c', [])];
    const outcomes = await Promise.allSettled(asked);
    for (const outcome of outcomes) expect(outcome).toMatchObject({ status: 'rejected', reason: lost });
    expect(thread.alive).toBe(false);
    await expect(thread.ask('d', [])).rejects.toMatchObject(lost);
    await thread.close();
    await thread.end();
  });

  test('one that cannot even start says so', async () => {
    const thread = threadOf(`throw new Error('no such module');`);
    await expect(thread.open({ path: 'x' })).rejects.toMatchObject({ ...lost, cause: { message: 'no such module' } });
    await thread.end();
  });

  test('I6: requests beyond those under way wait, in order, and beyond those that may wait are refused', async () => {
    const thread = threadOf(
      `parentPort.on('message', ({ id, name }) => parentPort.postMessage({ id, result: name }));`,
      3,
    );
    const outcomes = await Promise.allSettled(Array.from({ length: 8 }, (_, at) => thread.ask(String(at), [])));
    const results = outcomes.map((one) =>
      one.status === 'fulfilled' ? one.value : (one.reason as { code: string }).code,
    );
    expect(results).toEqual(['0', '1', '2', '3', '4', ...Array(3).fill('VDT_STORE_BUSY')]);
    expect(await thread.ask('later', [])).toBe('later');
    await thread.end();
  });

  test('closing waits for what was asked before', async () => {
    const thread = threadOf(`const names = [];
      parentPort.on('message', ({ id, name }) => {
        names.push(name);
        setTimeout(() => parentPort.postMessage({ id, result: names.join(' ') }), 5);
      });`);
    const asked = ['a', 'b', 'c'].map((name) => thread.ask(name, []));
    await thread.close();
    expect(await Promise.all(asked)).toHaveLength(3);
    expect(await thread.ask('d', [])).toBe('a b c close d');
    await thread.end();
  });
});
