/**
 * What the sqlite store costs: batches of changes beside raw writes of the same rows, first contact, bytes per VM.
 * Queries, and a fleet of 1,000,000: million.bench.ts.
 *
 *     node libs/store/bench/sqlite.bench.ts [--json FILE] [--events N] [--vms N]
 *
 * Changes: state changes of VMs drawn at random among 100,000 that are known (40 a host), in batches of 100, 1,000 and
 * 10,000, each batch awaited before the next. `raw` makes the very writes that the store makes for them (VM row, two
 * lines of history, fleet event, what was applied per host), through prepared statements of node:sqlite with the
 * store's settings, one transaction a batch, values ready made. `raw with look-up` also reads each event's VM by its
 * identifier first, without which no version can be compared. The three take turns in one process; a ratio is the
 * median of those of neighbouring slices.
 */
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openSqliteStore } from '../src/drivers/sqlite/index.ts';
import { type Comparison, compare, fill, type Way } from './batch-writes.ts';
import { bytesByTable, isOfVMs } from './file-size.ts';
import { commit, machine } from './report.ts';
import { stored, Workload } from './workload.ts';

const leastRatio = 0.75;
const vmsPerHost = 40;
/** Snapshots applied at once at first contact: 1,000 VMs. */
const snapshotsPerBatch = 25;

const notMeasured = [
  'the bus, the door and the relay: events are handed over as objects',
  'dropping old history and log rows: nothing is beyond its bound here',
  'documents (config and guest sections), addresses that change, VMs with several sightings',
  'queries while batches are written (tests: D5), cold disk caches, loss of power',
  'memory of the process',
];

const { values } = parseArgs({
  options: {
    json: { type: 'string' },
    events: { type: 'string', default: '50000' },
    vms: { type: 'string', default: '100000' },
  },
});
const events = Number(values.events);
const directory = mkdtempSync(join(tmpdir(), 'vedette-store-bench-'));
try {
  const workload = new Workload({ hosts: Math.ceil(Number(values.vms) / vmsPerHost), vmsPerHost });
  const { comparisons, bytes } = await measureWrites(workload);
  report(workload, comparisons, bytes);
} finally {
  rmSync(directory, { recursive: true, force: true });
}

async function measureWrites(workload: Workload) {
  const empty = join(directory, 'empty.db');
  const base = join(directory, 'base.db');
  {
    await using store = await openSqliteStore({ path: empty });
    await workload.openOn(store);
  }
  const snapshots = stored(workload.firstContact());
  const contacts = [];
  for (let at = 0; at < snapshots.length; at += snapshotsPerBatch) {
    contacts.push(snapshots.slice(at, at + snapshotsPerBatch));
  }
  const comparisons: Comparison[] = [];
  const first = { what: 'first contact (VMs)', base: empty, batchSize: snapshotsPerBatch * vmsPerHost };
  comparisons.push(await compare({ ...first, directory, batches: contacts }));
  await fillFrom(empty, base, snapshots);
  for (const batchSize of [100, 1_000, 10_000]) {
    const count = Math.max(7, Math.floor(events / batchSize));
    const batches = Array.from({ length: count }, () => workload.stateChanges(batchSize));
    comparisons.push(await compare({ what: 'state changes (events)', directory, base, batches, batchSize }));
  }
  return { comparisons, bytes: bytesByTable(base) };
}

async function fillFrom(empty: string, base: string, snapshots: ReturnType<typeof stored>): Promise<void> {
  copyFileSync(empty, base);
  await using store = await openSqliteStore({ path: base });
  await fill(store, snapshots, snapshotsPerBatch);
}

function report(workload: Workload, comparisons: readonly Comparison[], bytes: ReturnType<typeof bytesByTable>): void {
  console.table(comparisons.map(row));
  const perVM = bytes
    .filter(({ name }) => isOfVMs(name))
    .map((table) => ({ ...table, each: table.bytes / workload.vms }));
  const total = perVM.reduce((sum, { each }) => sum + each, 0);
  console.table(
    [...perVM.filter(({ each }) => each >= 1), { name: 'all', each: total }].map(({ name, each }) => ({
      'table or index': name,
      'bytes per VM': Math.round(each),
    })),
  );
  console.log(`Not measured:\n${notMeasured.map((what) => `- ${what}`).join('\n')}`);
  if (values.json === undefined) return;
  const settings = { events, vms: workload.vms, vmsPerHost, snapshotsPerBatch };
  const document = { machine: machine(), commit: commit(), settings, comparisons, bytes, notMeasured };
  writeFileSync(values.json, `${JSON.stringify(document, undefined, 2)}\n`);
}

function row({ what, batch, rowsEach, ways, ratios }: Comparison): Record<string, unknown> {
  const rate = (way: Way) =>
    `${(ways[way].perSecond / 1e3).toFixed(1)} k/s, ${ways[way].cpuMicrosEach.toFixed(0)} us CPU`;
  const { median, lowest, highest } = ratios.raw;
  return {
    what,
    batch,
    'rows each': rowsEach.toFixed(1),
    raw: rate('raw'),
    'raw with look-up': rate('raw with look-up'),
    store: rate('store'),
    'store / raw': `${median.toFixed(2)} (${lowest.toFixed(2)}-${highest.toFixed(2)})`,
    'store / looking': ratios['raw with look-up'].median.toFixed(2),
    [`>= ${leastRatio}`]: median >= leastRatio ? 'reached' : 'missed',
  };
}
