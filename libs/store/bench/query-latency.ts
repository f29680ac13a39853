import type { PageRequest, Store } from '../src/index.ts';
import { median } from './report.ts';
import { vmId, type Workload } from './workload.ts';

export interface Latency {
  readonly query: string;
  readonly items: number;
  readonly medianMs: number;
  readonly highestMs: number;
}

const repeats = 25;
const page: PageRequest = { limit: 100 };

/** How long queries take on a store that nothing else is done with, each with another value every time. */
export async function measureQueries(store: Store, workload: Workload): Promise<Latency[]> {
  const host = (at: number) => `host-${String((at * 7_919) % workload.size.hosts).padStart(5, '0')}`;
  const vm = (at: number) => (at * 104_729) % workload.vms;
  const address = (at: number) => `10.${(vm(at) >> 16) & 255}.${(vm(at) >> 8) & 255}.${vm(at) & 255}`;
  const queries: Readonly<Record<string, (at: number) => Promise<unknown>>> = {
    'one VM by id, with sightings': (at) => store.vm(vmId(vm(at))),
    'history of one VM': (at) => store.history(vmId(vm(at)), page),
    'page of all': () => store.vms({}, page),
    'by host': (at) => store.vms({ host: host(at) }, page),
    'by realm': () => store.vms({ realm: 'zone-1' }, page),
    'by a state that most are in': () => store.vms({ states: ['running'] }, page),
    'by a state that few are in': () => store.vms({ states: ['paused'] }, page),
    'by a state that nobody is in': () => store.vms({ states: ['failed'] }, page),
    'by address': (at) => store.vms({ ip: address(at) }, page),
    'by network of 256': (at) => store.vms({ ip: `${address(at)}/24` }, page),
    'by network of all': () => store.vms({ ip: '10.0.0.0/8' }, page),
    'by text that few names have': (at) => store.vms({ text: String(vm(at)).padStart(7, '0') }, page),
    'by text that none has': () => store.vms({ text: 'no such name' }, page),
    'page of hosts': () => store.hosts({}, page),
    counts: () => store.counts(),
  };
  const latencies: Latency[] = [];
  for (const [query, ask] of Object.entries(queries)) latencies.push(await measure(query, ask));
  return latencies;
}

async function measure(query: string, ask: (at: number) => Promise<unknown>): Promise<Latency> {
  const timesMs: number[] = [];
  let items = 0;
  for (let at = 0; at < repeats; at++) {
    const began = performance.now();
    const result = (await ask(at)) as { readonly items?: readonly unknown[] } | undefined;
    timesMs.push(performance.now() - began);
    items = result?.items?.length ?? 1;
  }
  return { query, items, medianMs: median(timesMs), highestMs: Math.max(...timesMs) };
}
