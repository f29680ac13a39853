import { copyFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { openSqliteStore } from '../src/drivers/sqlite/index.ts';
import { Writer } from '../src/drivers/sqlite/writer.ts';
import { defaultLimits } from '../src/engine/limits.ts';
import type { Store, StoredEvent } from '../src/index.ts';
import { median, type Spent, spent, sum } from './report.ts';
import { RawWriter, type Trace, traced } from './trace.ts';

/** How the three ways are called. */
export const ways = ['raw', 'raw with look-up', 'store'] as const;
export type Way = (typeof ways)[number];

export interface Measured {
  readonly perSecond: number;
  readonly cpuMicrosEach: number;
}

export interface Comparison {
  readonly what: string;
  readonly batch: number;
  readonly rowsEach: number;
  readonly ways: Readonly<Record<Way, Measured>>;
  /** The store to each raw way: the median over neighbouring slices, and the extremes. */
  readonly ratios: Readonly<Record<Exclude<Way, 'store'>, { median: number; lowest: number; highest: number }>>;
}

/** Events in batches, on a store file that is given. */
export interface Subject {
  readonly what: string;
  readonly directory: string;
  /** A closed store file to begin with. */
  readonly base: string;
  readonly batches: ReadonlyArray<readonly StoredEvent[]>;
  /** What is counted in one batch: events, or VMs. */
  readonly batchSize: number;
}

const slices = 7;

/**
 * The store, batch by batch as an updater hands them over, beside raw writes of the very rows that it writes, and
 * beside the same with one look-up of the VM's row for each event. The rows come from a run of the store on another
 * copy of the file. The ways take turns, slice by slice, in changing order.
 */
export async function compare(subject: Subject): Promise<Comparison> {
  const { directory, base, batches, batchSize } = subject;
  const copy = (name: string): string => {
    const path = join(directory, `${name}.db`);
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${path}${suffix}`, { force: true });
    copyFileSync(base, path);
    return path;
  };
  const traces = traceOf(copy('trace'), batches);
  using raw = new RawWriter(copy('raw'));
  using looking = new RawWriter(copy('looking'));
  await using store = await openSqliteStore({ path: copy('store') });
  const rawWrites = traces.map((trace) => raw.prepare(trace));
  const lookingWrites = traces.map((trace) => looking.prepare(trace));
  const ids = batches.map(vmsOf);
  const work: Record<Way, (at: number) => unknown> = {
    raw: (at) => raw.write(rawWrites[at] ?? []),
    'raw with look-up': (at) => looking.write(lookingWrites[at] ?? [], ids[at]),
    store: (at) => store.apply(batches[at] ?? []),
  };
  const all = await measureSlices(work, batches.length);
  const count = batches.length * batchSize;
  const rows = traces.reduce((total, trace) => total + trace.length, 0);
  return { what: subject.what, batch: batchSize, rowsEach: rows / count, ways: rates(all, count), ratios: ratios(all) };
}

type Slices = Record<Way, Spent[]>;

async function measureSlices(work: Record<Way, (at: number) => unknown>, batches: number): Promise<Slices> {
  const all: Slices = { raw: [], 'raw with look-up': [], store: [] };
  for (let slice = 0; slice < slices; slice++) {
    const from = Math.floor((slice * batches) / slices);
    const to = Math.floor(((slice + 1) * batches) / slices);
    for (const way of slice % 2 === 0 ? ways : ways.toReversed()) {
      const one = async (): Promise<void> => {
        for (let at = from; at < to; at++) await work[way](at);
      };
      all[way].push(await spent(one));
    }
  }
  return all;
}

function rates(all: Slices, count: number): Comparison['ways'] {
  const rate = (way: Way): Measured => {
    const { seconds, cpuSeconds } = sum(all[way]);
    return { perSecond: count / seconds, cpuMicrosEach: (cpuSeconds / count) * 1e6 };
  };
  return { raw: rate('raw'), 'raw with look-up': rate('raw with look-up'), store: rate('store') };
}

function ratios(all: Slices): Comparison['ratios'] {
  const to = (way: Way) => {
    const each = all.store.map(({ seconds }, at) => (all[way][at]?.seconds ?? 0) / seconds);
    return { median: median(each), lowest: Math.min(...each), highest: Math.max(...each) };
  };
  return { raw: to('raw'), 'raw with look-up': to('raw with look-up') };
}

function traceOf(path: string, batches: Subject['batches']): Trace[] {
  const writer = new Writer({ path, limits: defaultLimits, maxFileBytes: undefined });
  const traces = batches.map((batch) => traced(() => void writer.run('apply', [batch, Date.now()])));
  writer.close();
  return traces;
}

/** The VM of each event; of snapshots nothing is looked up: their rows are new. */
function vmsOf(batch: readonly StoredEvent[]): string[] {
  return batch.flatMap(({ event }) => ('vm' in event.data ? [event.data.vm] : []));
}

/** Applies events in batches; what fills a store before anything is measured. */
export async function fill(store: Store, events: readonly StoredEvent[], perBatch: number): Promise<void> {
  for (let at = 0; at < events.length; at += perBatch) await store.apply(events.slice(at, at + perBatch));
}
