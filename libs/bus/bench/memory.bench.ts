/**
 * What the memory driver costs: durable events (publish, consume and acknowledge in batches of 100), volatile
 * messages, and calls, each beside the barest thing that passes the same messages between the same two loops.
 *
 * Run: `node --expose-gc libs/bus/bench/memory.bench.ts [--rounds N] [--json FILE]`. Rounds of bare and bus are
 * interleaved; the figures are medians over the rounds, ratios are taken within a round. What is counted is the CPU
 * time of this process, garbage collection included, so that other processes on the machine disturb little.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { subjects } from '@vedette/model';
import { RealClock } from '@vedette/runtime';
import { createMemoryBroker } from '../src/drivers/memory/index.ts';
import type { Bus, Consumer, OutgoingMessage } from '../src/port.ts';

const notMeasured = [
  'encoding and decoding of payloads (256 bytes, the same array every time)',
  'any network or other process: a memory bus has none',
  'memory held by full groups',
  'latency: both loops run in the same microtask queue, so only throughput means anything here',
];

const batchSize = 100;
const clock = new RealClock();
const payload = new Uint8Array(256);

interface Workload {
  readonly name: string;
  readonly messages: number;
  readonly bare: (messages: readonly OutgoingMessage[]) => Promise<void>;
  readonly bus: (messages: readonly OutgoingMessage[]) => Promise<void>;
}

// ---- Events --------------------------------------------------------------------------------------------------

/** A producer that pushes batches to an array, a consumer that takes batches from it. */
async function bareQueue(messages: readonly OutgoingMessage[]): Promise<void> {
  let queue: OutgoingMessage[] = [];
  let bytes = 0;
  const consume = async (): Promise<void> => {
    for (let left = messages.length; left > 0; ) {
      const batch = queue;
      queue = [];
      for (const message of batch) bytes += message.payload.byteLength;
      left -= batch.length;
      // oxlint-disable-next-line no-await-in-loop -- the loop is what is measured
      await Promise.resolve();
    }
  };
  const consumed = consume();
  for (const batch of batchesOf(messages)) {
    for (const message of batch) queue.push(message);
    // oxlint-disable-next-line no-await-in-loop -- the loop is what is measured
    await Promise.resolve();
  }
  await consumed;
  if (bytes !== messages.length * payload.byteLength) throw new Error('messages were lost');
}

async function throughGroups(
  messages: readonly OutgoingMessage[],
  groups: number,
  otherPatterns: number,
): Promise<void> {
  await using broker = createMemoryBroker({ clock });
  const publisher = broker.connect({ name: 'publisher' });
  const follower = broker.connect({ name: 'follower' });
  for (let at = 0; at < otherPatterns; at++) {
    // oxlint-disable-next-line no-await-in-loop -- set-up
    await follower.subscribe({ patterns: [subjects.vmState(`other${at}`, '*')], handler: () => undefined });
  }
  const consumed: Promise<void>[] = [];
  for (let at = 0; at < groups; at++) {
    const options = { group: `g${at}`, patterns: ['vedette.v1.vm.>'], maxInFlight: 10 * batchSize };
    // oxlint-disable-next-line no-await-in-loop -- set-up
    consumed.push(consumeAll(await broker.connect({ name: 'consumer' }).consume(options), messages.length));
  }
  await publishAll(publisher, messages);
  await Promise.all(consumed);
}

async function publishAll(bus: Bus, messages: readonly OutgoingMessage[]): Promise<void> {
  for (const batch of batchesOf(messages)) {
    // oxlint-disable-next-line no-await-in-loop -- one batch in flight is how observers publish
    const outcomes = await bus.publish(batch, { timeoutMs: 5_000 });
    for (const { status } of outcomes) if (status !== 'stored') throw new Error(`a publish ended ${status}`);
  }
}

async function consumeAll(consumer: Consumer, count: number): Promise<void> {
  let bytes = 0;
  for (let left = count; left > 0; ) {
    // oxlint-disable-next-line no-await-in-loop -- the loop is what is measured
    const deliveries = (await consumer.next(batchSize)) ?? [];
    for (const delivery of deliveries) {
      bytes += delivery.payload.byteLength;
      delivery.ack();
    }
    left -= deliveries.length;
  }
  if (bytes !== count * payload.byteLength) throw new Error('messages were lost');
}

async function throughSubscription(messages: readonly OutgoingMessage[]): Promise<void> {
  await using broker = createMemoryBroker({ clock });
  const bus = broker.connect({ name: 'both' });
  let bytes = 0;
  const handler = (_: string, received: Uint8Array): void => {
    bytes += received.byteLength;
  };
  await bus.subscribe({ patterns: ['vedette.v1.vm.>'], handler });
  for (const batch of batchesOf(messages)) {
    for (const message of batch) bus.send(message.subject, message.payload);
    // oxlint-disable-next-line no-await-in-loop -- lets the subscription's turn come
    await Promise.resolve();
  }
  if (bytes !== messages.length * payload.byteLength) throw new Error('messages were lost');
}

// ---- Calls ---------------------------------------------------------------------------------------------------

async function bareCalls(count: number, inFlight: number): Promise<void> {
  const handler = async (request: Uint8Array): Promise<Uint8Array> => request;
  await inParallel(count, inFlight, () => handler(payload));
}

async function busCalls(count: number, inFlight: number): Promise<void> {
  await using broker = createMemoryBroker({ clock });
  const caller = broker.connect({ name: 'caller' });
  const server = broker.connect({ name: 'server' });
  const subject = subjects.observer('h1', 'snapshot');
  const pattern = 'vedette.v1.observer.*.snapshot';
  await server.serve({
    pattern,
    group: 'g',
    concurrency: inFlight,
    maxQueued: inFlight,
    handler: async (r) => r.payload,
  });
  await inParallel(count, inFlight, () => caller.call(subject, payload, { timeoutMs: 5_000 }));
}

async function inParallel(count: number, inFlight: number, work: () => Promise<unknown>): Promise<void> {
  const loop = async (): Promise<void> => {
    for (let at = 0; at < count / inFlight; at++) {
      // oxlint-disable-next-line no-await-in-loop -- one loop has one call in flight
      await work();
    }
  };
  await Promise.all(Array.from({ length: inFlight }, loop));
}

// ---- Running -------------------------------------------------------------------------------------------------

const eventCount = 200_000;
const callCount = 64_000;

const workloads: readonly Workload[] = [
  eventsWorkload('events, 1 group', (messages) => throughGroups(messages, 1, 0)),
  eventsWorkload('events, 3 groups', (messages) => throughGroups(messages, 3, 0)),
  eventsWorkload('events, 1 group beside 10,000 other patterns', (messages) => throughGroups(messages, 1, 10_000)),
  eventsWorkload('volatile, 1 subscriber', throughSubscription),
  callsWorkload(1),
  callsWorkload(64),
];

function eventsWorkload(name: string, bus: Workload['bus']): Workload {
  return { name, messages: eventCount, bare: bareQueue, bus };
}

function callsWorkload(inFlight: number): Workload {
  return {
    name: `calls, ${inFlight} in flight`,
    messages: callCount,
    bare: () => bareCalls(callCount, inFlight),
    bus: () => busCalls(callCount, inFlight),
  };
}

interface Result {
  readonly name: string;
  readonly perCpuSecond: { readonly bare: number; readonly bus: number };
  readonly cpuMicroseconds: { readonly bare: number; readonly bus: number };
  readonly ratio: number;
}

async function measure(workload: Workload, rounds: number): Promise<Result> {
  const bare: number[] = [];
  const bus: number[] = [];
  const ratios: number[] = [];
  for (let round = -1; round < rounds; round++) {
    // oxlint-disable no-await-in-loop -- one run after the other
    const bareUs = (await cpuMicroseconds(repeated(workload.bare), workload.messages)) / bareRepeats;
    const busUs = await cpuMicroseconds(workload.bus, workload.messages);
    // oxlint-enable no-await-in-loop
    if (round < 0) continue; // the first round warms up
    bare.push(bareUs);
    bus.push(busUs);
    ratios.push(bareUs / busUs);
  }
  const each = { bare: median(bare), bus: median(bus) };
  return {
    name: workload.name,
    perCpuSecond: { bare: Math.round(1e6 / each.bare), bus: Math.round(1e6 / each.bus) },
    cpuMicroseconds: { bare: Number(each.bare.toFixed(3)), bus: Number(each.bus.toFixed(3)) },
    ratio: Number(median(ratios).toFixed(3)),
  };
}

/** The bare loops are too short to be timed once. */
const bareRepeats = 10;

function repeated(run: Workload['bare']): Workload['bare'] {
  return async (messages) => {
    // oxlint-disable-next-line no-await-in-loop -- one run after the other
    for (let at = 0; at < bareRepeats; at++) await run(messages);
  };
}

/**
 * CPU time per message of one run. Messages are fresh for every run: their strings are flattened and hashed within it,
 * as in life (not by the bare loop, which never looks at them).
 */
async function cpuMicroseconds(run: Workload['bare'], count: number): Promise<number> {
  const messages = createMessages(count);
  globalThis.gc?.();
  const before = process.cpuUsage();
  await run(messages);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / count;
}

/** Events of 10,000 VMs on 250 hosts, with ids and subjects as observers write them. */
function createMessages(count: number): OutgoingMessage[] {
  return Array.from({ length: count }, (_, at) => ({
    subject: subjects.vmState(`host-${at % 250}`, `4be8d1f3-1c2d-4e5f-8a9b-${String(at % 10_000).padStart(12, '0')}`),
    id: `host-${at % 250}/7/${at}`,
    payload,
  }));
}

function* batchesOf(messages: readonly OutgoingMessage[]): Generator<readonly OutgoingMessage[]> {
  for (let at = 0; at < messages.length; at += batchSize) yield messages.slice(at, at + batchSize);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function describeRun(rounds: number): object {
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  const machine = { cpu: cpus()[0]?.model, cores: cpus().length, node: process.version };
  return { commit, machine, settings: { rounds, batchSize, payloadBytes: payload.byteLength, eventCount, callCount } };
}

const { values: options } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, json: { type: 'string' } },
});
const rounds = Number(options.rounds);
const results: Result[] = [];
// oxlint-disable-next-line no-await-in-loop -- one workload after the other
for (const workload of workloads) results.push(await measure(workload, rounds));

console.table(
  results.map(({ name, perCpuSecond, cpuMicroseconds: each, ratio }) => ({
    workload: name,
    'bare per CPU s': perCpuSecond.bare,
    'bus per CPU s': perCpuSecond.bus,
    'bare us': each.bare,
    'bus us': each.bus,
    'bare us / bus us': ratio,
  })),
);
console.log(`Not measured: ${notMeasured.join('; ')}.`);
const report = JSON.stringify({ ...describeRun(rounds), results, notMeasured }, null, 2);
if (options.json === undefined) console.log(report);
else writeFileSync(options.json, `${report}\n`);
