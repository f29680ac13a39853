/**
 * What an actor costs: throughput beside a bare array queue in the same process, and bytes per idle actor.
 *
 *     node libs/actor/bench/actor.bench.ts [--json FILE] [--repeats N]
 *
 * Throughput: 10,000 targets; in one round each is sent 1 (or 10) messages in a row and all are handled, the actors
 * with `messagesPerTurn` of 1 (or 10). The handlers add a number to their state, synchronously or behind a promise that
 * is ready at once; the same classes and messages serve both sides. One sample is a few rounds; samples of the two sides
 * alternate, the order swapped each time; the ratio is the median of the ratios of neighbouring samples. All four cases
 * run in one process, as several kinds of actors do. A machine that is busy with other things shares its caches too,
 * which hurts the larger side more: the load average stands in the JSON.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { IdleMemory } from './idle-memory.ts';
import {
  measureThroughput,
  type ThroughputCase,
  type ThroughputResult,
  type ThroughputSettings,
} from './throughput.ts';

const LEAST_RATIO = 0.5;
const MOST_BYTES_PER_IDLE_ACTOR = 1024;
const IDLE_ACTORS = 25_000;

const NOT_MEASURED = [
  'latency, and fairness while actors of unequal load compete',
  'several senders, several threads, I/O between the messages',
  'handlers that wait for real time; asks, timers, supervision and stop (none of them is on the path measured)',
  'overflow and coalescing; garbage made by messages, which are made once and sent again',
  "memory: the behaviour's own state, names (made before), the reference its owner keeps",
];

const CASES: readonly ThroughputCase[] = [
  { handler: 'sync', messagesPerTurn: 1 },
  { handler: 'sync', messagesPerTurn: 10 },
  { handler: 'async', messagesPerTurn: 1 },
  { handler: 'async', messagesPerTurn: 10 },
];

const { values } = parseArgs({ options: { json: { type: 'string' }, repeats: { type: 'string', default: '61' } } });

const settings: ThroughputSettings = { actors: 10_000, repeats: Number(values.repeats), messagesPerSample: 500_000 };
const throughput: ThroughputResult[] = [];
for (const measured of CASES) throughput.push(await measureThroughput(measured, settings));
const memory = measureMemory();

console.table(
  throughput.map((result) => ({
    handler: result.handler,
    'messages per turn': result.messagesPerTurn,
    'bare (M/s)': millions(result.bareMessagesPerSecond),
    'actors (M/s)': millions(result.actorMessagesPerSecond),
    'actors / bare': hundredths(result.ratio),
    'per CPU second': hundredths(result.cpuRatio),
    lowest: hundredths(result.lowestRatio),
    highest: hundredths(result.highestRatio),
    [`>= ${LEAST_RATIO}`]: result.ratio >= LEAST_RATIO ? 'reached' : 'missed',
  })),
);
console.table(
  Object.entries(memory.bytesPerActor).map(([state, bytes]) => ({
    [`idle actor (of ${memory.actors})`]: state,
    bytes: Math.round(bytes),
    [`<= ${MOST_BYTES_PER_IDLE_ACTOR}`]: bytes <= MOST_BYTES_PER_IDLE_ACTOR ? 'reached' : 'missed',
  })),
);
console.log(`Not measured:\n${NOT_MEASURED.map((what) => `- ${what}`).join('\n')}`);
if (values.json !== undefined) {
  const report = { machine: machine(), commit: commit(), settings, throughput, memory, notMeasured: NOT_MEASURED };
  writeFileSync(values.json, `${JSON.stringify(report, undefined, 2)}\n`);
}

function measureMemory(): IdleMemory {
  const script = fileURLToPath(new URL('./idle-memory.ts', import.meta.url));
  const output = execFileSync(process.execPath, ['--expose-gc', script, `${IDLE_ACTORS}`], { encoding: 'utf8' });
  return JSON.parse(output) as IdleMemory;
}

function machine(): Record<string, unknown> {
  const [cpu] = cpus();
  return {
    cpu: cpu?.model.trim(),
    cpus: cpus().length,
    memoryMiB: Math.round(totalmem() / 2 ** 20),
    loadAverage: loadavg(),
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
    v8: process.versions.v8,
  };
}

/** The commit measured; `+` if the checkout differs from it. */
function commit(): string {
  const git = (...args: string[]): string =>
    execFileSync('git', args, { cwd: fileURLToPath(new URL('.', import.meta.url)), encoding: 'utf8' }).trim();
  try {
    return `${git('rev-parse', 'HEAD')}${git('status', '--porcelain', '..') === '' ? '' : '+'}`;
  } catch {
    return 'unknown: not a git checkout, or no commit yet';
  }
}

function millions(perSecond: number): string {
  return (perSecond / 1e6).toFixed(1);
}

function hundredths(ratio: number): string {
  return ratio.toFixed(2);
}
