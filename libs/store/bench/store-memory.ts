/**
 * What a process needs that opens a filled store and lists all of it once; started by million.bench.ts, prints JSON.
 *
 *     node libs/store/bench/store-memory.ts FILE
 */
import { openSqliteStore } from '../src/drivers/sqlite/index.ts';
import type { Page } from '../src/index.ts';

/** Resident MiB before the store was opened, when it was, and when all of it was listed; how long the opening took. */
export interface StoreMemory {
  readonly beforeMiB: number;
  readonly openMiB: number;
  readonly listedMiB: number;
  readonly openSeconds: number;
}

const residentMiB = (): number => Math.round(process.memoryUsage.rss() / 2 ** 20);

const { 2: path = '' } = process.argv;
const beforeMiB = residentMiB();
const began = performance.now();
await using store = await openSqliteStore({ path });
const openSeconds = (performance.now() - began) / 1e3;
const openMiB = residentMiB();
let cursor: string | undefined;
do {
  const page: Page<unknown> = await store.vms({}, cursor === undefined ? { limit: 1_000 } : { limit: 1_000, cursor });
  cursor = page.cursor;
} while (cursor !== undefined);
console.log(JSON.stringify({ beforeMiB, openMiB, listedMiB: residentMiB(), openSeconds } satisfies StoreMemory));
