import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { openSqliteStore } from '../src/drivers/sqlite/index.ts';
import { Writer } from '../src/drivers/sqlite/writer.ts';
import { defaultLimits } from '../src/engine/limits.ts';
import type { Store } from '../src/index.ts';
import { type Spent, spent, sum } from './report.ts';
import { RawWriter, traced } from './trace.ts';
import { inBatches, type Workload } from './workload.ts';

export interface FirstContact {
  readonly vms: number;
  readonly snapshotsPerBatch: number;
  readonly rowsEach: number;
  readonly store: Spent;
  /** The same rows by prepared statements, without the secondary indexes. */
  readonly rawRows: Spent;
  /** The secondary indexes, built afterwards. */
  readonly rawIndexes: Spent;
  /** Store to raw, by wall clock and by CPU time; P8 asks for 2 at most. */
  readonly ratio: number;
  readonly cpuRatio: number;
}

export interface ContactOptions {
  readonly directory: string;
  readonly workload: Workload;
  readonly snapshotsPerBatch: number;
}

/**
 * A fleet's first contact: the first snapshot of every host goes into an empty store, batch by batch as an updater
 * hands them over, and the rows that the store makes of it go into a bare file, whose indexes are built at the end. The
 * two take turns batch by batch. A third copy of the store, not timed, tells the rows. Leaves the store's file closed.
 *
 * @returns with the path of the filled store file
 */
export async function measureFirstContact(options: ContactOptions): Promise<FirstContact & { readonly path: string }> {
  const { directory, workload, snapshotsPerBatch } = options;
  const path = join(directory, 'filled.db');
  {
    await using store = await openSqliteStore({ path });
    await workload.openOn(store);
  }
  const [tracePath, rawPath] = ['traced.db', 'bulk.db'].map((name) => join(directory, name)) as [string, string];
  for (const copy of [tracePath, rawPath]) copyFileSync(path, copy);
  const indexes = dropIndexes(rawPath);
  const tracer = new Writer({ path: tracePath, limits: defaultLimits, maxFileBytes: undefined });
  await using store = await openSqliteStore({ path });
  using raw = new RawWriter(rawPath);
  const times: Record<'store' | 'raw', Spent[]> = { store: [], raw: [] };
  let rows = 0;
  const progress = new Progress('first contact', workload.vms);
  for (const batch of inBatches(workload.snapshots(), snapshotsPerBatch)) {
    const writes = raw.prepare(traced(() => void tracer.run('apply', [batch, Date.now()])));
    rows += writes.length;
    times.store.push(await spent(async () => void (await store.apply(batch))));
    times.raw.push(await spent(() => raw.write(writes)));
    progress.advance(batch.length * workload.size.vmsPerHost);
  }
  tracer.close();
  const rawIndexes = await spent(() => raw.execute(indexes));
  await store.close();
  const figures = { vms: workload.vms, snapshotsPerBatch, rowsEach: rows / workload.vms };
  const own = sum(times.store);
  const rawRows = sum(times.raw);
  const bulk = sum([rawRows, rawIndexes]);
  const ratios = { ratio: own.seconds / bulk.seconds, cpuRatio: own.cpuSeconds / bulk.cpuSeconds };
  return { ...figures, store: own, rawRows, rawIndexes, ...ratios, path };
}

/** Brings every host's snapshot into any store; seconds. */
export async function contact(store: Store, workload: Workload, snapshotsPerBatch: number): Promise<Spent> {
  const times: Spent[] = [];
  const progress = new Progress('filling', workload.vms);
  for (const batch of inBatches(workload.snapshots(), snapshotsPerBatch)) {
    times.push(await spent(async () => void (await store.apply(batch))));
    progress.advance(batch.length * workload.size.vmsPerHost);
  }
  return sum(times);
}

/** Takes the indexes of VMs away; returns what makes them again. */
function dropIndexes(path: string): string {
  const database = new DatabaseSync(path);
  const indexes = database.prepare(
    `SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'vms' AND sql IS NOT NULL`,
  );
  const dropped = indexes.all();
  for (const { name } of dropped) database.exec(`DROP INDEX ${String(name)}`);
  database.close();
  return dropped.map(({ sql }) => `${String(sql)};`).join('\n');
}

/** One line a tenth of the way, on the error stream. */
class Progress {
  readonly #what: string;
  readonly #all: number;
  readonly #began = performance.now();
  #done = 0;

  constructor(what: string, all: number) {
    this.#what = what;
    this.#all = all;
  }

  advance(count: number): void {
    const before = Math.floor((10 * this.#done) / this.#all);
    this.#done += count;
    const now = Math.floor((10 * this.#done) / this.#all);
    if (now === before) return;
    const seconds = ((performance.now() - this.#began) / 1e3).toFixed(0);
    process.stderr.write(`${this.#what}: ${this.#done} of ${this.#all} VMs after ${seconds} s\n`);
  }
}
