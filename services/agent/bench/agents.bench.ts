import type { Bus, ServeOptions } from '@vedette/bus';
import type { HostDriver, HostFetcher, RuntimeRow, RuntimeStats } from '@vedette/fetcher';
import { agentSubject } from '@vedette/fetcher/agent-protocol';
import { RealClock } from '@vedette/runtime';
import { silentLogger } from '@vedette/telemetry';
import { type Agents, createAgents } from '../src/index.ts';

/**
 * What many agents in one process cost: heap a VM, and CPU of each heart-beat, poll, hint and reading. Hosts of 40 VMs; in each
 * reading of the source 5 % of the rows have moved.
 *
 * Run: `node --expose-gc services/agent/bench/agents.bench.ts [HOSTS] [DRIVER]` (2,500 hosts unless said). Not measured: the
 * bus (messages end in a stub), and the source (its rows are made before).
 */
const hostCount = Number(process.argv[2] ?? 2_500);
const vmsPerHost = 40;
const moving = 0.05;
const vmCount = hostCount * vmsPerHost;
const clock = new RealClock();
const raw = Object.freeze({ state: 'running', reason: '' });

/** Rows as a source gives them: new objects each time, as JSON or RPC would make them. */
function rowsOf(host: number, round: number, only: (vm: number) => boolean): RuntimeRow[] {
  const rows: RuntimeRow[] = [];
  for (let vm = 0; vm < vmsPerHost; vm++) {
    if (!only(vm)) continue;
    const id = `${(host * vmsPerHost + vm).toString(16).padStart(8, '0')}-0000-4000-8000-${host.toString(16).padStart(12, '0')}`;
    const hash = (part: string): string => `${part}${(host * vmsPerHost + vm).toString(16).padStart(15, '0')}`;
    rows.push({
      ...{ vm: id, state: 'running', reason: '', raw, name: `vm-${host}-${vm}`, rev: 0, elapsedS: 1_000 + round * 3 },
      ...{ cpuUser: round % 2 === 0 ? 0.1 : 0.4, cpuSystem: 0.02, memoryPercent: 40 },
      hashes: { info: hash('a'), config: hash('b'), status: hash('c'), guest: hash('d') },
    });
  }
  return rows;
}

let round = 0;
/** What each host's source answers next; undefined: made when it is asked for. */
let answers: RuntimeStats[] | undefined;

function source(host: number): HostFetcher {
  const whole = { hostUuid: `uuid-${host}`, boot: 'b', rev: 0, left: [], unreadable: [], agrees: true };
  const listing = (): RuntimeStats => ({ ...whole, complete: true, rows: rowsOf(host, round, () => true) });
  const fetcher: Partial<HostFetcher> = {
    capabilities: { delta: true, push: false, heartBeats: false, start: false, guestAgent: false },
    runtimeStats: () => Promise.resolve(answers?.[host] ?? listing()),
    close: () => Promise.resolve(),
  };
  return fetcher as HostFetcher;
}

const driver: HostDriver = { schemes: ['bench'], open: ({ url }) => source(Number(url.slice('bench:'.length))) };

let sentBytes = 0;
let handler: ServeOptions['handler'] | undefined;
const bus = {
  connected: true,
  send: (_subject: string, payload: Uint8Array) => {
    sentBytes += payload.byteLength;
  },
  serve: (options: ServeOptions) => {
    handler = options.handler;
    return Promise.resolve({ close: () => Promise.resolve() });
  },
} as unknown as Bus;

const signal = new AbortController().signal;
const names = Array.from({ length: hostCount }, (_, host) => `host-${host}`);

const encoder = new TextEncoder();

async function ask(host: string, question: object): Promise<Uint8Array> {
  const payload = encoder.encode(JSON.stringify(question));
  if (handler === undefined) throw new Error('nobody serves');
  return handler({ subject: agentSubject(host, 'getAllRuntimeStats'), payload, signal });
}

async function measured(what: string, rounds: number, work: () => Promise<number>): Promise<void> {
  if (rounds > 1) await work(); // so that the machine code is there
  globalThis.gc?.();
  const cpu = process.cpuUsage();
  let bytes = 0;
  // oxlint-disable-next-line no-await-in-loop -- one round after the other
  for (let done = 0; done < rounds; done++) bytes += await work();
  const { user, system } = process.cpuUsage(cpu);
  const count = rounds * hostCount;
  const usEach = (user + system) / count;
  console.log(
    `${what.padEnd(44)} ${usEach.toFixed(1).padStart(7)} us   ${(bytes / count).toFixed(0).padStart(6)} bytes`,
  );
}

async function pollAll(since: ReadonlyMap<string, { boot: string; rev: number }> | undefined): Promise<number> {
  let bytes = 0;
  for (const name of names) {
    const known = since?.get(name);
    // oxlint-disable-next-line no-await-in-loop -- one after the other, as requests come
    bytes += (await ask(name, known === undefined ? {} : { since: known })).byteLength;
  }
  return bytes;
}

async function heads(): Promise<Map<string, { boot: string; rev: number }>> {
  const known = new Map<string, { boot: string; rev: number }>();
  for (const name of names) {
    // oxlint-disable-next-line no-await-in-loop -- as above
    const { boot, rev } = JSON.parse(Buffer.from(await ask(name, {})).toString()) as { boot: string; rev: number };
    known.set(name, { boot, rev });
  }
  return known;
}

function heapUsed(): number {
  globalThis.gc?.();
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

function newAgents(maxAgeMs: number): Agents {
  return createAgents({
    ...{ bus, driver, clock, logger: silentLogger(), subscriptions: 'all' },
    hosts: names.map((id, host) => ({ id, url: `bench:${host}` })),
    config: { maxAgeMs, readForHeartBeats: false, intervalMs: 600_000 },
  });
}

/** The next answers of all sources: a delta of the rows that moved. */
function move(): void {
  round++;
  const stride = Math.round(1 / moving);
  const shared = { boot: 'b', rev: 0, left: [], unreadable: [], agrees: true, complete: false };
  answers = names.map((_, host) => ({
    ...{ ...shared, hostUuid: `uuid-${host}` },
    rows: rowsOf(host, round, (vm) => (vm + round) % stride === 0),
  }));
}

const heapBefore = heapUsed();
const agents = newAgents(Number.POSITIVE_INFINITY);
await agents.start({ signal });
const heapIdle = heapUsed();
await measured('first reading and full listing of a host', 1, () => pollAll(undefined));
answers = undefined;
const heapHeld = heapUsed();
console.log(
  `heap: ${((heapHeld - heapIdle) / vmCount).toFixed(0)} bytes a VM, ids, names and hashes included; ` +
    `${((heapIdle - heapBefore) / hostCount).toFixed(0)} bytes a host; ${vmCount} VMs, RSS ${Math.round(process.memoryUsage().rss / 2 ** 20)} MiB`,
);
const known = await heads();
await measured('poll of a quiet host, from the table', 20, () => pollAll(known));
await measured('full listing of a host, from the table', 5, () => pollAll(undefined));
await agents.stop({ deadlineMs: clock.now(), signal });

const reading = newAgents(0);
await reading.start({ signal });
await pollAll(undefined);
const before = await heads();
await measured('poll that reads: 5 % of the rows moved', 10, () => {
  move();
  return pollAll(before);
});
await reading.stop({ deadlineMs: clock.now(), signal });

/** Moves when it is told to, so that nothing is measured but the turns themselves. */
class SteppedClock extends RealClock {
  #nowMs = 0;
  #due: { readonly callback: () => void; readonly atMs: number } | undefined;

  override now(): number {
    return this.#nowMs;
  }

  /** Of the agents' timers there is one. */
  override setTimer(callback: () => void, delayMs: number): { cancel(): void } {
    this.#due = { callback, atMs: this.#nowMs + delayMs };
    return { cancel: () => undefined };
  }

  step(ms: number): void {
    this.#nowMs += ms;
    const due = this.#due;
    if (due !== undefined && due.atMs <= this.#nowMs) due.callback();
  }
}

const stepped = new SteppedClock();
const beating = createAgents({
  ...{ bus, driver, clock: stepped, logger: silentLogger(), subscriptions: 'all' },
  hosts: names.map((id, host) => ({ id, url: `bench:${host}` })),
  config: { readForHeartBeats: false, intervalMs: 3_000 },
});
answers = undefined;
await beating.start({ signal });
await pollAll(undefined);
await measured('heart-beat', 20, () => {
  const before = sentBytes;
  for (let passedMs = 0; passedMs < 3_000; passedMs += 5) stepped.step(5);
  return Promise.resolve(sentBytes - before);
});
console.log(`${beating.counters.heartBeats} heart-beats of ${21 * hostCount} turns`);
await beating.stop({ deadlineMs: 0, signal });
