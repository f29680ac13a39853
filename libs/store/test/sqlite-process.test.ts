import { setTimeout as sleep } from 'node:timers/promises';
import { openSqliteReader, openSqliteStore, SqliteThreads } from '@vedette/store/sqlite';
import { afterAll, describe, expect, test } from 'vitest';
import { integrityOf, storeFolder } from './support/files.ts';
import { RunningChild } from './support/running-child.ts';

const threads = new SqliteThreads();
afterAll(() => threads[Symbol.asyncDispose]());

describe('one process per file', { timeout: 60_000 }, () => {
  test('F9: a second process is refused, and told which one holds the file; killing that one frees it', async () => {
    await using folder = await storeFolder();
    const child = await RunningChild.start(folder.file, 1);
    await expect(openSqliteStore({ path: folder.file, threads })).rejects.toMatchObject({
      code: 'VDT_STORE_LOCKED',
      retryable: false,
      message: `store ${folder.file} is open in process ${child.pid}`,
    });
    await child.kill();
    await using store = await openSqliteStore({ path: folder.file, threads });
    expect((await store.openObserver('h1')).epoch).toBe(2);
  });

  test('F9: a second opening in the same process is refused too, and harms the first in nothing', async () => {
    await using folder = await storeFolder();
    await using first = await openSqliteStore({ path: folder.file, threads });
    for (let attempt = 0; attempt < 2; attempt++) {
      await expect(openSqliteStore({ path: folder.file, threads })).rejects.toMatchObject({
        code: 'VDT_STORE_LOCKED',
        message: expect.stringContaining(`this process (${process.pid})`),
      });
    }
    expect((await first.openObserver('h1')).epoch).toBe(1);
    await first.close();
    await using second = await openSqliteStore({ path: folder.file, threads });
    expect((await second.openObserver('h1')).epoch).toBe(2);
  });

  test('F9: reading offline is allowed while a process writes', async () => {
    await using folder = await storeFolder();
    await using child = await RunningChild.start(folder.file, 1);
    while (child.acknowledged === 0) await sleep(5);
    await using reader = await openSqliteReader({ path: folder.file });
    expect((await reader.vm('v0'))?.truth).toMatchObject({ state: 'unknown', host: 'h1' });
  });
});

describe('sudden death', () => {
  const rounds = 5;

  test(`F4: SIGKILL in the middle of batches, ${rounds} rounds: the file is sound and has every acknowledged batch`, async () => {
    await using folder = await storeFolder();
    const vms = 200;
    let relayed = 0;
    for (let round = 1; round <= rounds; round++) {
      const child = await RunningChild.start(folder.file, vms);
      const enough = 1 + ((round * 7) % 5); // another moment each round, the same in every run
      while (child.acknowledged < enough) await sleep(1);
      await sleep((round * 13) % 17);
      await child.kill();
      const acknowledged = child.acknowledged;
      await using store = await openSqliteStore({ path: folder.file, threads });
      const { items } = await store.vms({}, { limit: 1_000 });
      const batches = new Set(items.map(({ truth }) => Number(truth.detail.slice('batch '.length))));
      expect(items).toHaveLength(vms);
      expect([...batches], 'a batch is there as a whole or not at all').toHaveLength(1);
      expect([...batches][0]).toBeGreaterThanOrEqual(acknowledged);
      expect([...batches][0]).toBeLessThanOrEqual(acknowledged + 1);
      const { position } = await store.identity();
      const outbox = await store.outbox(100_000);
      // A round that ended with its first batch may have changed no state, and so told the fleet nothing.
      expect(outbox.at(-1)?.position ?? relayed).toBe(position);
      await store.relayed(position);
      relayed = position;
      expect((await store.openObserver('h1')).epoch).toBe(2 * round);
      await store.close();
      expect(integrityOf(folder.file)).toBe('ok');
    }
  }, 120_000);
});
