/**
 * A large fleet in the store: first contact, queries with and without writes beside them, steady writes, bytes.
 *
 *     node --expose-gc libs/store/bench/million.bench.ts [--vms N] [--store sqlite|memory|both] [--json FILE]
 *
 * 100,000 VMs on 2,500 hosts unless `--vms` says otherwise; `--vms 1000000` is the fleet of P8 (XL: 25,000 x 40). Each
 * VM has an address, a name and three hashes, one sighting, no documents. The memory store keeps 1,000,000 VMs in some
 * 4 GiB: give Node `--max-old-space-size=8192` then.
 *
 * - First contact (P8): the first snapshot of every host through the store's port, beside a raw bulk load of the rows
 *   that the store makes, with prepared statements and the indexes of VMs built afterwards.
 * - Steady writes (P8): state changes of VMs drawn at random, beside raw batched writes of the same rows, and beside the
 *   same with the look-up that comparing versions needs (see sqlite.bench.ts).
 * - Queries: first and deep pages of 100, while nothing else is done, then while the reference churn is written (1 % of
 *   VMs a minute change state, in 4 batches a second). The churn is also measured alone: what queries do to writes.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { RealClock } from '@vedette/runtime';
import { createMemoryStore } from '../src/drivers/memory/index.ts';
import { openSqliteStore } from '../src/drivers/sqlite/index.ts';
import type { Store } from '../src/index.ts';
import { type Comparison, compare } from './batch-writes.ts';
import { Churn, type ChurnFigures } from './churn.ts';
import { bytesByTable, isOfVMs } from './file-size.ts';
import { contact, type FirstContact, measureFirstContact } from './first-contact.ts';
import { findDeepCursors, type Latency, measureQueries } from './query-latency.ts';
import { commit, machine } from './report.ts';
import type { StoreMemory } from './store-memory.ts';
import { Workload } from './workload.ts';

const vmsPerHost = 40;
/** 4,000 VMs: an updater that falls behind takes up to 1,000 events at once, one that does not takes fewer. */
const snapshotsPerBatch = 100;
const steadyBatch = 1_000;
const steadyBatches = 56;
/** The reference churn: 1 % of VMs a minute. */
const churnShare = 0.01 / 60;
const churnAloneMs = 8_000;

const notMeasured = [
  'the bus, the door and the relay: events are handed over as objects',
  'dropping old history and log rows: first contact of 1,000,000 VMs stays within the bound of history',
  'documents, addresses that change, VMs with several sightings, hosts that cannot be observed',
  'cold disk caches, loss of power, several queries at a time',
];

const { values } = parseArgs({
  options: {
    vms: { type: 'string', default: '100000' },
    store: { type: 'string', default: 'both' },
    json: { type: 'string' },
  },
});
const size = { hosts: Math.ceil(Number(values.vms) / vmsPerHost), vmsPerHost };

/** Answers of one store. */
interface Asked {
  readonly alone: readonly Latency[];
  readonly withChurn: readonly Latency[];
  readonly churnAlone: ChurnFigures;
  readonly churnWithQueries: ChurnFigures;
}

const figures: {
  sqlite?: Awaited<ReturnType<typeof measureSqlite>>;
  memory?: Awaited<ReturnType<typeof measureMemory>>;
} = {};
if (values.store !== 'memory') {
  figures.sqlite = await measureSqlite();
  reportSqlite(figures.sqlite);
}
if (values.store !== 'sqlite') {
  figures.memory = await measureMemory();
  reportMemory(figures.memory);
}
console.log(`Not measured:\n${notMeasured.map((what) => `- ${what}`).join('\n')}`);

async function measureSqlite() {
  const directory = mkdtempSync(join(tmpdir(), 'vedette-million-'));
  try {
    const workload = new Workload(size);
    const first = await measureFirstContact({ directory, workload, snapshotsPerBatch });
    const bytes = bytesByTable(first.path);
    const batches = Array.from({ length: steadyBatches }, () => workload.stateChanges(steadyBatch));
    const subject = { what: 'state changes (events)', directory, base: first.path, batches, batchSize: steadyBatch };
    const steady = await compare(subject);
    const memory = memoryOf(first.path);
    await using store = await openSqliteStore({ path: first.path });
    const asked = await ask(store, workload);
    return { first, steady, bytes, fileMiB: statSync(first.path).size / 2 ** 20, asked, memory };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function measureMemory() {
  const workload = new Workload(size);
  await using store = createMemoryStore({ clock: new RealClock() });
  await workload.openOn(store);
  for (const _ of workload.snapshots()); // what the script itself remembers of each VM does not count below
  const before = live();
  const first = await contact(store, workload, snapshotsPerBatch);
  const bytesPerVM = before === undefined ? undefined : ((live() ?? 0) - before) / workload.vms;
  await store.relayed((await store.identity()).position);
  const asked = await ask(store, workload);
  return { first, bytesPerVM, asked };
}

async function ask(store: Store, workload: Workload): Promise<Asked> {
  await store.apply(workload.stateChanges(steadyBatch)); // some VMs are paused, some stopped
  const deep = await findDeepCursors(store, workload.vms);
  const alone = await measureQueries(store, workload, deep);
  const perSecond = workload.vms * churnShare;
  const churn = new Churn(store, workload, perSecond);
  churn.start();
  await new Promise((resolve) => setTimeout(resolve, churnAloneMs));
  const churnAlone = await churn.stop();
  const beside = new Churn(store, workload, perSecond);
  beside.start();
  const withChurn = await measureQueries(store, workload, deep);
  return { alone, withChurn, churnAlone, churnWithQueries: await beside.stop() };
}

/** Of a process that does nothing else. */
function memoryOf(path: string): StoreMemory {
  const script = fileURLToPath(new URL('./store-memory.ts', import.meta.url));
  return JSON.parse(execFileSync(process.execPath, [script, path], { encoding: 'utf8' })) as StoreMemory;
}

/** Bytes that live objects take; undefined without --expose-gc. */
function live(): number | undefined {
  if (globalThis.gc === undefined) return undefined;
  globalThis.gc();
  return process.memoryUsage().heapUsed;
}

// ---- Report ------------------------------------------------------------------------------------------------------

function reportSqlite({ first, steady, bytes, fileMiB, asked, memory }: NonNullable<typeof figures.sqlite>): void {
  console.log(`\nsqlite, ${size.hosts * vmsPerHost} VMs on ${size.hosts} hosts`);
  console.table([firstRow(first)]);
  console.table([steadyRow(steady)]);
  console.table(sizeRows(bytes));
  console.log(`file ${fileMiB.toFixed(0)} MiB; a process that opens it and lists all:`, memory);
  tables(asked);
  writeJson();
}

function reportMemory({ first, bytesPerVM, asked }: NonNullable<typeof figures.memory>): void {
  const each = bytesPerVM === undefined ? 'run with --expose-gc' : `${bytesPerVM.toFixed(0)} B`;
  console.log(`\nmemory store: first contact ${first.seconds.toFixed(1)} s; live bytes per VM, logs included: ${each}`);
  tables(asked);
  writeJson();
}

function writeJson(): void {
  if (values.json === undefined) return;
  const settings = { ...size, snapshotsPerBatch, steadyBatch, steadyBatches, churnShare, churnAloneMs };
  const document = { machine: machine(), commit: commit(), settings, ...figures, notMeasured };
  writeFileSync(values.json, `${JSON.stringify(document, undefined, 2)}\n`);
}

function firstRow({ store, rawRows, rawIndexes, rowsEach, ratio, cpuRatio, vms }: FirstContact) {
  return {
    'first contact': `${store.seconds.toFixed(1)} s, ${(vms / store.seconds / 1e3).toFixed(1)} k VMs/s`,
    'us CPU a VM': ((store.cpuSeconds / vms) * 1e6).toFixed(1),
    'raw rows': `${rawRows.seconds.toFixed(1)} s`,
    'raw indexes': `${rawIndexes.seconds.toFixed(1)} s`,
    'rows each': rowsEach.toFixed(1),
    'x raw': ratio.toFixed(2),
    'x raw, CPU': cpuRatio.toFixed(2),
    '<= 2': ratio <= 2 ? 'reached' : 'missed',
  };
}

function steadyRow({ ways, ratios, batch }: Comparison) {
  const rate = ({ perSecond, cpuMicrosEach }: { readonly perSecond: number; readonly cpuMicrosEach: number }) =>
    `${(perSecond / 1e3).toFixed(1)} k/s, ${cpuMicrosEach.toFixed(0)} us CPU`;
  return {
    batch,
    store: rate(ways.store),
    raw: rate(ways.raw),
    'raw with look-up': rate(ways['raw with look-up']),
    'of raw': ratios.raw.median.toFixed(2),
    'of raw with look-up': ratios['raw with look-up'].median.toFixed(2),
    '>= 0.75': ratios.raw.median >= 0.75 ? 'reached' : 'missed',
  };
}

function sizeRows(bytes: ReturnType<typeof bytesByTable>) {
  const each = bytes.map((table) => ({ ...table, each: table.bytes / (size.hosts * vmsPerHost) }));
  const ofVMs = each.filter(({ name }) => isOfVMs(name)).reduce((total, table) => total + table.each, 0);
  const rows = each.filter((table) => table.each >= 1);
  return [...rows, { name: 'all but history and fleet log', each: ofVMs }].map((table) => ({
    'table or index': table.name,
    'bytes per VM': Math.round(table.each),
  }));
}

function tables({ alone, withChurn, churnAlone, churnWithQueries }: Asked): void {
  console.table(
    alone.map(({ query, items, p50Ms, p99Ms, highestMs }, at) => ({
      query,
      items,
      'p50 ms': p50Ms.toFixed(2),
      'p99 ms': p99Ms.toFixed(2),
      'highest ms': highestMs.toFixed(2),
      'p50 ms, churn': withChurn[at]?.p50Ms.toFixed(2),
      'p99 ms, churn': withChurn[at]?.p99Ms.toFixed(2),
    })),
  );
  const churnRow = (name: string, { eventsPerSecond, batches, p50Ms, p99Ms, highestMs }: ChurnFigures) => ({
    'churn, due to committed': name,
    'events/s': eventsPerSecond.toFixed(0),
    batches,
    'p50 ms': p50Ms.toFixed(2),
    'p99 ms': p99Ms.toFixed(2),
    'highest ms': highestMs.toFixed(2),
  });
  console.table([churnRow('alone', churnAlone), churnRow('beside queries', churnWithQueries)]);
}
