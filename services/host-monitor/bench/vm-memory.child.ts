import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type BenchFleet, listingOf, vmsOf } from './bench-fleet.ts';
import { type HostState, type RepresentationName, representations } from './representations.ts';

/**
 * Measures one representation at one size, in a process of its own that was started with `--expose-gc`; prints a JSON
 * object of {@link VMMemory}. Arguments: the representation, hosts, VMs a host, hosts a timed poll goes over.
 */
export interface VMMemory {
  readonly representation: RepresentationName;
  readonly hosts: number;
  readonly vms: number;
  /** Heap and external memory after the collector has had its way. */
  readonly liveBytesPerVM: number;
  readonly heapBytesPerVM: number;
  readonly externalBytesPerVM: number;
  readonly rssBytesPerVM: number;
  /** Processor time of a poll with all VMs of a host, none changed and 5 % changed in state (told and acknowledged). */
  readonly unchangedNsPerVM: number;
  readonly withHashesNsPerVM: number;
  readonly changingNsPerVM: number;
  /** The most processor time that the first contact of one host took. */
  readonly longestBeginMs: number;
}

interface Memory {
  readonly heap: number;
  readonly external: number;
  readonly rss: number;
}

async function memory(): Promise<Memory> {
  for (let round = 0; round < 4; round++) {
    globalThis.gc?.();
    await sleep(20);
  }
  const { heapUsed, external } = process.memoryUsage();
  const rss = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  return { heap: heapUsed, external, rss: Number(rss) * 1024 };
}

const fleet: BenchFleet = { hosts: Number(process.argv[3]), vmsPerHost: Number(process.argv[4]) };
const representation = process.argv[2] as RepresentationName;
const timedHosts = Math.min(fleet.hosts, Number(process.argv[5]));
const vms = fleet.hosts * fleet.vmsPerHost;
let pollNumber = 1;

/** Nanoseconds of this thread's processor time a VM: polls of hosts spread over the fleet, a hundred at a time, parsed before the clock runs. */
function timePolls(states: readonly HostState[], changing: boolean, hashes: boolean): number {
  pollNumber++;
  const number = pollNumber;
  const versionOf = (seat: number): number => (changing && seat % 20 === 0 ? number : 0);
  const stride = Math.max(1, Math.floor(fleet.hosts / timedHosts));
  let ns = 0;
  for (let first = 0; first < timedHosts; first += 100) {
    const hosts = Array.from({ length: Math.min(100, timedHosts - first) }, (_, at) => (first + at) * stride);
    const listings = hosts.map((host) => listingOf(fleet, host, { rev: number, versionOf, hashes }));
    const began = process.threadCpuUsage();
    for (const [at, host] of hosts.entries()) states[host]?.poll(number, listings[at] as never);
    const { user, system } = process.threadCpuUsage(began);
    ns += 1_000 * (user + system);
  }
  return ns / (timedHosts * fleet.vmsPerHost);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] as number;
}

/** Of five; changes go to and fro, so that 5 % of the VMs change in each. */
function timeRounds(states: readonly HostState[], changing: boolean, hashes: boolean): number {
  return median(Array.from({ length: 5 }, () => timePolls(states, changing, hashes)));
}

async function measure(): Promise<VMMemory> {
  const states = new Array<HostState | undefined>(fleet.hosts).fill(undefined);
  const newState = representations[representation]();
  warmUp();
  const before = await memory();
  let longestBeginMs = 0;
  for (let host = 0; host < fleet.hosts; host++) {
    const stats = listingOf(fleet, host, { rev: 1, versionOf: () => 0, hashes: true });
    const state = newState(host);
    const began = process.threadCpuUsage();
    state.begin(vmsOf(fleet, host), stats);
    const { user, system } = process.threadCpuUsage(began);
    longestBeginMs = Math.max(longestBeginMs, (user + system) / 1_000);
    states[host] = state;
  }
  const after = await memory();
  const known = states as HostState[];
  timePolls(known, false, false);
  return {
    ...{ representation, hosts: fleet.hosts, vms },
    liveBytesPerVM: (after.heap + after.external - before.heap - before.external) / vms,
    heapBytesPerVM: (after.heap - before.heap) / vms,
    externalBytesPerVM: (after.external - before.external) / vms,
    rssBytesPerVM: (after.rss - before.rss) / vms,
    unchangedNsPerVM: timeRounds(known, false, false),
    withHashesNsPerVM: timeRounds(known, false, true),
    changingNsPerVM: timeRounds(known, true, false),
    longestBeginMs,
  };
}

/** Compiles what is measured, on a host of its own that is dropped again. */
function warmUp(): void {
  const newState = representations[representation]();
  for (let host = 0; host < 50; host++) {
    const state = newState(host);
    state.begin(vmsOf(fleet, host), listingOf(fleet, host, { rev: 1, versionOf: () => 0, hashes: true }));
    for (let poll = 2; poll < 20; poll++) {
      state.poll(
        poll,
        listingOf(fleet, host, {
          rev: poll,
          versionOf: (seat) => (seat % 20 === 0 ? poll : 0),
          hashes: poll % 2 === 0,
        }),
      );
    }
  }
}

console.log(JSON.stringify(await measure()));
