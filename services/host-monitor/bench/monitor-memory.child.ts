import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { writeHeapSnapshot } from 'node:v8';
import type { Bus, Subscription } from '@vedette/bus';
import type { HostDriver, HostFetcher, RuntimeStats } from '@vedette/fetcher';
import { SimulatedClock } from '@vedette/runtime/simulated-clock';
import { silentLogger } from '@vedette/telemetry';
import { createHostMonitor } from '../src/index.ts';
import { type BenchFleet, type BenchVM, configOf, guestOf, infoOf, listingOf, statusOf, vmsOf } from './bench-fleet.ts';

/**
 * Measures a whole monitor at one size, in a process of its own that was started with `--expose-gc`: its actors with all
 * they hold, over a driver and a bus that keep nothing. Prints a JSON object of {@link MonitorMemory}. Arguments: hosts,
 * VMs a host, a file for a heap snapshot or nothing.
 */
export interface MonitorMemory {
  readonly hosts: number;
  readonly vms: number;
  readonly events: number;
  readonly liveBytesPerVM: number;
  readonly heapBytesPerVM: number;
  readonly externalBytesPerVM: number;
  readonly rssBytesPerVM: number;
  /** Of this thread, polls and samples: what the monitor and the making of the rows take, per poll of a host. */
  readonly cpuMicrosPerPoll: number;
}

const fleet: BenchFleet = { hosts: Number(process.argv[2]), vmsPerHost: Number(process.argv[3]) };
const vms = fleet.hosts * fleet.vmsPerHost;

async function memory(): Promise<{ readonly heap: number; readonly external: number; readonly rss: number }> {
  for (let round = 0; round < 4; round++) {
    globalThis.gc?.();
    await sleep(20);
  }
  const { heapUsed, external } = process.memoryUsage();
  const rss = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  return { heap: heapUsed, external, rss: Number(rss) * 1024 };
}

/** Answers whole listings once and then deltas without rows, as agents do; knows nothing but its number. */
class BenchFetcher implements Partial<HostFetcher> {
  readonly capabilities = { delta: true, push: false, heartBeats: false, start: false, guestAgent: true };
  readonly #host: number;

  constructor(host: number) {
    this.#host = host;
  }

  async runtimeStats({ since }: Parameters<HostFetcher['runtimeStats']>[0]): Promise<RuntimeStats> {
    const rev = Math.floor(clock.now() / 3_000) + 1;
    const stats = listingOf(fleet, this.#host, { rev, versionOf: () => 0, hashes: since === undefined });
    // What moved since: one VM in twenty, in its figures.
    const rows = stats.rows.filter((_, at) => (at + rev) % 20 === 0);
    return since === undefined ? stats : { ...stats, rows, complete: false };
  }

  async info(asked: readonly string[]) {
    return new Map(this.#of(asked).map((one) => [one.vm, infoOf(one)]));
  }

  async config(asked: readonly string[]) {
    return new Map(this.#of(asked).map((one) => [one.vm, configOf(one)]));
  }

  async status(asked: readonly string[]) {
    return new Map(this.#of(asked).map((one) => [one.vm, statusOf()]));
  }

  async guestDetails(asked: readonly string[]) {
    return new Map(this.#of(asked).map((one) => [one.vm, guestOf(one)]));
  }

  async deviceStats() {
    return new Map();
  }

  async hostStats() {
    return { cpuCount: 32, memoryMiB: 65_536, memoryFreeMiB: 32_768 };
  }

  async describe() {
    const { hostUuid, boot } = listingOf({ ...fleet, vmsPerHost: 1 }, this.#host, {
      rev: 1,
      versionOf: () => 0,
      hashes: false,
    });
    return { hostUuid, boot, hostname: `host-${this.#host}`, capabilities: {}, unfit: '' };
  }

  async close(): Promise<void> {
    // Nothing is open.
  }

  #of(asked: readonly string[]): BenchVM[] {
    const wanted = new Set(asked);
    return vmsOf(fleet, this.#host).filter(({ vm }) => wanted.has(vm));
  }
}

const clock = new SimulatedClock();
const driver: HostDriver = {
  schemes: ['bench'],
  open: ({ id }) => new BenchFetcher(Number(id.slice(5))) as unknown as HostFetcher,
};
const closed: Subscription = { close: async () => undefined, [Symbol.asyncDispose]: async () => undefined };
let events = 0;
const bus = {
  connected: true,
  counters: {},
  publish: async (messages: readonly unknown[]) => {
    events += messages.length;
    return messages.map(() => ({ status: 'stored' }) as const);
  },
  send: () => undefined,
  subscribe: async () => closed,
  serve: async () => closed,
} as unknown as Bus;

const before = await memory();
const monitor = createHostMonitor({
  ...{ member: 'm1', bus, clock, logger: silentLogger(), drivers: [driver] },
  observers: {
    openObserver: async () => ({
      ...{ epoch: 1, firstContact: true, cleanEnd: false, vms: [], hostUuid: undefined, hostState: undefined },
    }),
    closeObserver: async () => undefined,
  } as never,
});
await monitor.start({ signal: new AbortController().signal } as never);
for (let host = 0; host < fleet.hosts; host++) {
  await monitor.addHost({ id: `host-${host}`, realm: 'r', url: `bench://host-${host}` });
  if (host % 50 === 49) await clock.advance(100);
}
// Large fleets pass fewer polls: what is kept is the same.
await clock.advance(fleet.hosts > 5_000 ? 9_000 : 30_000);
const { polls } = monitor.counters;
const began = process.threadCpuUsage();
await clock.advance(fleet.hosts > 5_000 ? 3_000 : 15_000);
const { user, system } = process.threadCpuUsage(began);
const after = await memory();
const [, , , , snapshot] = process.argv;
if (snapshot !== undefined) writeHeapSnapshot(snapshot);
const result: MonitorMemory = {
  ...{ hosts: fleet.hosts, vms, events },
  liveBytesPerVM: (after.heap + after.external - before.heap - before.external) / vms,
  heapBytesPerVM: (after.heap - before.heap) / vms,
  externalBytesPerVM: (after.external - before.external) / vms,
  rssBytesPerVM: (after.rss - before.rss) / vms,
  cpuMicrosPerPoll: (user + system) / (monitor.counters.polls - polls),
};
console.log(JSON.stringify(result));
if ([...monitor.proofs.values()].some((proof) => !proof.snapshotTold || proof.vms !== fleet.vmsPerHost))
  throw new Error('not every host was told');
process.exit(0);
