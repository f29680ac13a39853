import { SimulatedClock } from '@vedette/runtime/simulated-clock';
import { storeConformance } from '@vedette/store/conformance';
import { openSqliteStore, SqliteThreads } from '@vedette/store/sqlite';
import { afterAll, expect } from 'vitest';
import { integrityOf, storeFolder } from './support/files.ts';

const threads = new SqliteThreads();
afterAll(() => threads[Symbol.asyncDispose]());

storeConformance('sqlite', {
  durable: true,
  async setup({ limits } = {}) {
    const folder = await storeFolder();
    const clock = new SimulatedClock();
    const open = () =>
      openSqliteStore({ path: folder.file, clock, threads, ...(limits === undefined ? {} : { limits }) });
    let store = await open();
    return {
      store,
      clock,
      async reopen() {
        await store.close();
        store = await open();
        return store;
      },
      async [Symbol.asyncDispose]() {
        await store.close();
        expect(integrityOf(folder.file)).toBe('ok');
        await folder[Symbol.asyncDispose]();
      },
    };
  },
});
