/**
 * What one poll costs the driver of agents, the bus aside: the question written, the reply of a delta read and checked,
 * the rows merged and the checksum compared. A part of P1, which services/loadgen measures whole.
 *
 *     node libs/fetcher/bench/agent-poll.bench.ts [--json FILE] [--seconds 5] [--hosts 1000] [--rows 2]
 *
 * The bus is one that answers at once; each host has 40 VMs, and its replies were written beforehand. Processor time of
 * the thread, in turns of a thousand polls, of which the median counts; side by side with the same replies merely parsed.
 */
import { parseArgs } from 'node:util';
import type { Bus } from '@vedette/bus';
import type { HostFetcher, RuntimeRow, RuntimeStats } from '@vedette/fetcher';
import { agentDriver } from '@vedette/fetcher/agent';
import { writeCompleteReply, writeDeltaReply } from '@vedette/fetcher/agent-protocol';
import { SetChecksum } from '@vedette/model';
import { RealClock } from '@vedette/runtime';
import { tellBench } from '@vedette/testbed';

const clock = new RealClock();
const { values } = parseArgs({
  options: {
    json: { type: 'string' },
    seconds: { type: 'string', default: '5' },
    hosts: { type: 'string', default: '1000' },
    rows: { type: 'string', default: '2' },
  },
});
const VMS = 40;
const hosts = Number(values.hosts);
const moved = Number(values.rows);

/** An agent whose rows move by themselves, at every question. */
class MovingAgent {
  readonly #head: { readonly hostUuid: string; readonly boot: string };
  readonly #rows: Array<{ -readonly [K in keyof RuntimeRow]: RuntimeRow[K] }> = [];
  readonly #checksum = new SetChecksum();
  #rev = 0;
  #turn = 0;

  constructor(at: number) {
    this.#head = { hostUuid: `00000000-0000-4000-8000-${String(at).padStart(12, '0')}`, boot: `b-${at}` };
    for (let vm = 0; vm < VMS; vm++) {
      const row: RuntimeRow = {
        vm: `${String(at).padStart(8, '0')}-0000-4000-8000-${String(vm).padStart(12, '0')}`,
        ...{ state: 'running', reason: 'booted', raw: { state: '1', reason: '1' }, hashes: {} },
        ...{ cpuSystem: 0.02, cpuUser: 0.31, memoryPercent: 41.5, elapsedS: 86_400, rev: ++this.#rev },
      };
      this.#rows.push(row);
      this.#checksum.add(row.vm, row.rev);
    }
  }

  complete(): Buffer {
    return writeCompleteReply(this.#now(), { rows: this.#rows, unreadable: [], checksum: this.#checksum.toString() });
  }

  delta(): Buffer {
    const rows: RuntimeRow[] = [];
    for (let count = 0; count < moved; count++) {
      const row = this.#rows[this.#turn++ % VMS];
      if (row === undefined) break;
      this.#checksum.remove(row.vm, row.rev);
      row.rev = ++this.#rev;
      this.#checksum.add(row.vm, row.rev);
      rows.push(row);
    }
    const delta = { rows, left: [], unreadable: [], checksum: this.#checksum.toString() };
    return writeDeltaReply(this.#now(), delta) ?? Buffer.alloc(0);
  }

  #now(): { readonly hostUuid: string; readonly boot: string; readonly rev: number; readonly stateRev: number } {
    return { ...this.#head, rev: this.#rev, stateRev: VMS };
  }
}

let reply: Uint8Array = Buffer.alloc(0);
const bus = { connected: true, call: () => Promise.resolve(reply) } as unknown as Bus;
const driver = agentDriver({ bus, clock });
const { signal } = new AbortController();

const agents = Array.from({ length: hosts }, (_, at) => new MovingAgent(at));
const fetchers: HostFetcher[] = agents.map((_, at) => driver.open({ id: `h${at}`, url: `agent:h${at}` }));
const last: RuntimeStats[] = [];

async function poll(at: number, payload: Uint8Array): Promise<void> {
  reply = payload;
  const since = last[at];
  const options = { timeoutMs: 2_000, signal };
  last[at] = (await fetchers[at]?.runtimeStats(since === undefined ? options : { ...options, since })) as RuntimeStats;
}

for (let at = 0; at < hosts; at++) await poll(at, agents[at]?.complete() ?? reply);

const perPollUs: number[] = [];
const parseUs: number[] = [];
let bytes = 0;
const untilMs = clock.now() + 1_000 * Number(values.seconds);
while (clock.now() < untilMs) {
  const payloads = agents.map((agent) => agent.delta());
  bytes = payloads[0]?.length ?? 0;
  const parsing = process.threadCpuUsage();
  for (const payload of payloads) JSON.parse(payload.toString());
  const parsed = process.threadCpuUsage(parsing);
  parseUs.push((parsed.user + parsed.system) / hosts);
  const polling = process.threadCpuUsage();
  for (let at = 0; at < hosts; at++) await poll(at, payloads[at] ?? reply);
  const polled = process.threadCpuUsage(polling);
  perPollUs.push((polled.user + polled.system) / hosts);
}
if (last.some(({ agrees, complete }) => complete || !agrees)) throw new Error('a delta did not agree');

const median = (figures: readonly number[]): number =>
  figures.toSorted((a, b) => a - b)[Math.floor(figures.length / 2)] ?? Number.NaN;
const results = { pollUs: median(perPollUs), parseUs: median(parseUs), replyBytes: bytes, turns: perPollUs.length };
tellBench(
  {
    figures: [],
    what: 'agent driver: processor time of one poll, without the bus',
    settings: { hosts, vmsPerHost: VMS, rowsPerDelta: moved, seconds: Number(values.seconds) },
    results,
    verdicts: [],
    notMeasured: ['the bus, the monitor behind the driver, and the agents: services/loadgen (P1, P3)', 'hints'],
    tables: [{ title: 'one poll', rows: [{ 'poll us': results.pollUs, 'parse alone us': results.parseUs, bytes }] }],
  },
  { json: values.json, atMs: clock.wallNow() },
);
