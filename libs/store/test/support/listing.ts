import type { Page, PageRequest, Store, VMQuery, VMRecord } from '@vedette/store';
import { ScriptedObserver } from '@vedette/store/conformance';
import { openSqliteStore, type SqliteThreads } from '@vedette/store/sqlite';
import { expect } from 'vitest';
import { storeFolder } from './files.ts';

export interface LoadOptions {
  readonly threads: SqliteThreads;
  readonly hosts: number;
  readonly vmsPerHost: number;
}

/** A search that held up writes would let at most one of them through. */
const searches = 5;

/**
 * D5: fills a store, then pages through all of it, by every kind of query that has to look at every VM, while batches
 * are written one after the other. What counts is order, not time: between any two pages of a listing writes get
 * through, a page never waits for writes to end, and a listing shows every VM once although all of them change.
 */
export async function listWhileWriting({ threads, hosts, vmsPerHost }: LoadOptions): Promise<void> {
  await using folder = await storeFolder();
  await using store = await openSqliteStore({ path: folder.file, threads });
  const observers = await fill(store, hosts, vmsPerHost);
  const vms = hosts * vmsPerHost;
  const writer = new Writing(store, observers);
  const writing = writer.run();
  try {
    const all = await pages(store, {});
    expect(new Set(all.ids).size).toBe(vms);
    expect(all.ids).toHaveLength(vms);
    expect(writer.written, 'batches written during the listing').toBeGreaterThan(all.pages / 10);

    const before = writer.written;
    for (let search = 0; search < searches; search++) {
      expect((await store.vms({ text: 'no such name' }, { limit: 1_000 })).items).toEqual([]);
    }
    expect(writer.written - before, 'batches written during searches through everything').toBeGreaterThan(2 * searches);

    const one = store.vms({ text: 'no such name either' }, { limit: 1_000 });
    const quick = await store.vm(`v-${vms - 1}`);
    const order: string[] = [];
    await Promise.all([
      one.then(() => order.push('search')),
      store.vm('v-0').then(() => order.push('look-up')),
      store.castMark().then(() => order.push('write')),
    ]);
    expect(order.at(-1), 'a long search is overtaken by what is short').toBe('search');
    expect(quick?.id).toBe(`v-${vms - 1}`);
  } finally {
    writer.stop();
    await writing;
  }
  const { vms: counted } = await store.counts();
  expect(Object.values(counted).reduce((sum, count) => sum + count, 0)).toBe(vms);
}

async function fill(store: Store, hosts: number, vmsPerHost: number): Promise<ScriptedObserver[]> {
  const ids = Array.from({ length: hosts }, (_, at) => `h${at}`);
  await store.registerHosts(ids.map((id) => ({ id, name: id, realm: 'r1', url: `test://${id}` })));
  const openings = await Promise.all(ids.map((id) => store.openObserver(id)));
  const observers = ids.map((id, at) => new ScriptedObserver(id, openings[at]?.epoch ?? 0));
  for (const [at, observer] of observers.entries()) {
    const rows = Array.from({ length: vmsPerHost }, (_, vm) => {
      const number = at * vmsPerHost + vm;
      return { vm: `v-${number}`, state: 'running', name: `name ${number}`, configHash: 'c', infoHash: 'i' } as const;
    });
    await store.apply(observer.snapshot(rows).map((event) => ({ event, position: undefined })));
  }
  await store.relayed((await store.identity()).position);
  return observers;
}

/** Writes batches of changes one after the other until it is stopped. */
class Writing {
  readonly #store: Store;
  readonly #observers: readonly ScriptedObserver[];
  #stopped = false;
  written = 0;

  constructor(store: Store, observers: readonly ScriptedObserver[]) {
    this.#store = store;
    this.#observers = observers;
  }

  async run(): Promise<void> {
    for (let batch = 0; !this.#stopped; batch++) {
      const events = this.#observers.slice(0, 20).map((observer, at) => {
        const state = batch % 2 === 0 ? 'paused' : 'running';
        return { event: observer.state(`v-${at * 100 + (batch % 100)}`, state), position: undefined };
      });
      await this.#store.apply(events);
      this.written++;
    }
  }

  stop(): void {
    this.#stopped = true;
  }
}

async function pages(store: Store, query: VMQuery): Promise<{ readonly ids: string[]; readonly pages: number }> {
  const ids: string[] = [];
  let count = 0;
  let request: PageRequest = { limit: 1_000 };
  for (;;) {
    const page: Page<VMRecord> = await store.vms(query, request);
    ids.push(...page.items.map(({ id }) => id));
    count++;
    if (page.cursor === undefined) return { ids, pages: count };
    request = { limit: 1_000, cursor: page.cursor };
  }
}
