import { setImmediate } from 'node:timers/promises';
import type { Page, PageRequest, Store, VMQuery } from '../src/index.ts';
import { median, percentile } from './report.ts';
import { vmId, type Workload } from './workload.ts';

export interface Latency {
  readonly query: string;
  readonly items: number;
  readonly repeats: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly highestMs: number;
}

const mostRepeats = 200;
const fewestRepeats = 10;
/** A query is not repeated beyond this, however few times it was asked. */
const enoughMs = 1_500;

const pageSize = 100;
/** How the walk to a deep page goes: as an exporter pages, as fast as the store allows. */
const stridePageSize = 10_000;
/** A deep page begins behind this share of what the first page begins. */
const depth = 0.9;

type Ask = (at: number) => Promise<unknown>;

/** Where deep pages of each listing begin; undefined: the listing has no page so deep. */
export type DeepCursors = Readonly<Record<string, string | undefined>>;

/** The listings that are asked for their first and for a deep page. */
const listings: Readonly<Record<string, VMQuery>> = {
  all: {},
  'by realm': { realm: 'zone-1' },
  'by a state that most are in': { states: ['running'] },
  'by a state that few are in': { states: ['paused'] },
  'by network of all': { ip: '10.0.0.0/8' },
  'by text that all names have': { text: 'instance-' },
};

/** Walks through the listings up to where their deep pages begin. */
export async function findDeepCursors(store: Store, vms: number): Promise<DeepCursors> {
  const cursors: Record<string, string | undefined> = {};
  for (const [name, query] of Object.entries(listings)) {
    let cursor: string | undefined;
    for (let seen = 0; seen < depth * vms; ) {
      const page = pageOf(Math.min(stridePageSize, Math.ceil(depth * vms - seen)), cursor);
      const found: Page<unknown> = await store.vms(query, page);
      if (found.cursor === undefined) break;
      cursor = found.cursor;
      seen += found.items.length;
    }
    cursors[name] = cursor;
  }
  return cursors;
}

/** How long queries take, one after the other, each with another value every time. */
export async function measureQueries(store: Store, workload: Workload, deep: DeepCursors): Promise<Latency[]> {
  const latencies: Latency[] = [];
  for (const [query, ask] of Object.entries(queriesOf(store, workload, deep)))
    latencies.push(await measure(query, ask));
  return latencies;
}

function queriesOf(store: Store, workload: Workload, deep: DeepCursors): Readonly<Record<string, Ask>> {
  const first: PageRequest = { limit: pageSize };
  const host = (at: number) => `host-${String((at * 7_919) % workload.size.hosts).padStart(5, '0')}`;
  const vm = (at: number) => (at * 104_729) % workload.vms;
  const address = (at: number) => `10.${(vm(at) >> 16) & 255}.${(vm(at) >> 8) & 255}.${vm(at) & 255}`;
  const numberOf = (at: number) => String(vm(at)).padStart(7, '0');
  return {
    'one VM by id, with sightings': (at) => store.vm(vmId(vm(at))),
    'history of one VM': (at) => store.history(vmId(vm(at)), first),
    ...listingsOf(store, deep),
    'by host': (at) => store.vms({ host: host(at) }, first),
    'by a state that nobody is in': () => store.vms({ states: ['failed'] }, first),
    'by address': (at) => store.vms({ ip: address(at) }, first),
    'by network of 256': (at) => store.vms({ ip: `${address(at)}/24` }, first),
    'by name': (at) => store.vms({ text: `instance-${numberOf(at)}` }, first),
    'by part of a name': (at) => store.vms({ text: numberOf(at) }, first),
    'by part of an id': (at) => store.vms({ text: vmId(vm(at)).slice(9, 23) }, first),
    'by text that none has': () => store.vms({ text: 'no such name' }, first),
    'one host': (at) => store.host(host(at)),
    'page of hosts': () => store.hosts({}, first),
    'hosts in a state that none is in': () => store.hosts({ state: 'non_responsive' }, first),
    counts: () => store.counts(),
  };
}

function listingsOf(store: Store, deep: DeepCursors): Readonly<Record<string, Ask>> {
  const queries: Record<string, Ask> = {};
  for (const [name, query] of Object.entries(listings)) {
    queries[`${name}, first page`] = () => store.vms(query, pageOf(pageSize));
    const { [name]: cursor } = deep;
    if (cursor !== undefined) queries[`${name}, deep page`] = () => store.vms(query, pageOf(pageSize, cursor));
  }
  return queries;
}

function pageOf(limit: number, cursor?: string): PageRequest {
  return cursor === undefined ? { limit } : { limit, cursor };
}

async function measure(query: string, ask: Ask): Promise<Latency> {
  const timesMs: number[] = [];
  let items = 0;
  const start = performance.now();
  for (let at = 0; at < mostRepeats; at++) {
    const began = performance.now();
    if (at >= fewestRepeats && began - start > enoughMs) break;
    const result = (await ask(at)) as { readonly items?: readonly unknown[] } | undefined;
    timesMs.push(performance.now() - began);
    items = result?.items?.length ?? 1;
    await setImmediate(); // a store that answers at once leaves whoever writes no turn otherwise
  }
  const highestMs = Math.max(...timesMs);
  return { query, items, repeats: timesMs.length, p50Ms: median(timesMs), p99Ms: percentile(timesMs, 0.99), highestMs };
}
