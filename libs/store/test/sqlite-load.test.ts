import { SqliteThreads } from '@vedette/store/sqlite';
import { afterAll, describe, test } from 'vitest';
import { listWhileWriting } from './support/listing.ts';

const threads = new SqliteThreads();
afterAll(() => threads[Symbol.asyncDispose]());

describe('large stores', () => {
  test('D5: paging through 100,000 VMs delays no write', async () => {
    await listWhileWriting({ threads, hosts: 1_000, vmsPerHost: 100 });
  }, 240_000);
});
