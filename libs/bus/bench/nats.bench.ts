/**
 * P6: what a call through the NATS driver costs, beside the fastest bare client with the same bytes: an inbox of its
 * own, a Map of who waits, no deadlines, no checks, no bounds.
 *
 * Run: `node --expose-gc libs/bus/bench/nats.bench.ts [--rounds N] [--calls N] [--json FILE]`. Rounds of bare and bus
 * are interleaved on one private nats-server; ratios are taken within a round, figures are medians over the rounds.
 * CPU is that of this process (caller and server; the broker is another process), garbage collection included.
 */
import { parseArgs } from 'node:util';
import { connect, type Msg, type NatsConnection, nuid } from '@nats-io/transport-node';
import { subjects } from '@vedette/model';
import { RealClock } from '@vedette/runtime';
import { tellBench } from '@vedette/testbed';
import { startNats } from '@vedette/testbed/nats';
import { connectNats } from '../src/drivers/nats/index.ts';

const clock = new RealClock();
const subject = subjects.observer('host-10', 'snapshot');
const payload = new Uint8Array(1_024).fill(0x61);
const timeoutMs = 5_000;
const warmUpCalls = 120_000;

type Call = () => Promise<Uint8Array>;

/** A caller and a server as bare as they can be; the reply subject is as long as the driver's. */
function bareCaller(caller: NatsConnection, server: NatsConnection): Call {
  const base = `_INBOX.${nuid.next()}.`;
  const waiting = new Map<number, (reply: Uint8Array) => void>();
  let last = 0;
  caller.subscribe(`${base}>`, {
    callback: (_, message: Msg) => {
      const number = Number.parseInt(message.subject.slice(base.length + 1), 10);
      const resolve = waiting.get(number);
      waiting.delete(number);
      resolve?.(message.data);
    },
  });
  server.subscribe('vedette.v1.observer.*.snapshot', {
    queue: 'bare',
    callback: (_, message: Msg) => {
      server.publish(message.reply as string, message.data);
    },
  });
  return () =>
    new Promise((resolve) => {
      const number = ++last;
      waiting.set(number, resolve);
      caller.publish(subject, payload, { reply: `${base}c${number}.${timeoutMs}` });
    });
}

interface Round {
  readonly cpuUs: number;
  readonly callsPerS: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

async function measureRound(call: Call, count: number, inFlight: number): Promise<Round> {
  const latencies = new Float64Array(count);
  let begun = 0;
  const loop = async (): Promise<void> => {
    while (begun < count) {
      const at = begun++;
      const startMs = clock.now();
      // oxlint-disable-next-line no-await-in-loop -- one loop has one call in flight
      const reply = await call();
      latencies[at] = clock.now() - startMs;
      if (reply.byteLength !== payload.byteLength) throw new Error('a reply of another size');
    }
  };
  globalThis.gc?.();
  const before = process.cpuUsage();
  const startMs = clock.now();
  await Promise.all(Array.from({ length: inFlight }, loop));
  const elapsedMs = clock.now() - startMs;
  const { user, system } = process.cpuUsage(before);
  latencies.sort();
  return {
    cpuUs: (user + system) / count,
    callsPerS: (count / elapsedMs) * 1_000,
    p50Ms: latencies[Math.floor(count * 0.5)] ?? Number.NaN,
    p99Ms: latencies[Math.floor(count * 0.99)] ?? Number.NaN,
  };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

interface Result {
  readonly inFlight: number;
  readonly bare: Round;
  readonly bus: Round;
  /** Calls per CPU-second of the bus over those of the bare client. */
  readonly cpuRatio: number;
  readonly p99Ratio: number;
}

function summary(rounds: readonly Round[]): Round {
  const of = (name: keyof Round): number => median(rounds.map((round) => round[name]));
  return { cpuUs: of('cpuUs'), callsPerS: of('callsPerS'), p50Ms: of('p50Ms'), p99Ms: of('p99Ms') };
}

async function compare(bare: Call, bus: Call, inFlight: number, rounds: number, calls: number): Promise<Result> {
  const measured = { bare: [] as Round[], bus: [] as Round[] };
  const count = inFlight === 1 ? Math.ceil(calls / 4) : calls;
  for (let round = -1; round < rounds; round++) {
    // The order changes from round to round: whoever comes second meets a warmer machine.
    const order = round % 2 === 0 ? (['bare', 'bus'] as const) : (['bus', 'bare'] as const);
    for (const who of order) {
      // oxlint-disable-next-line no-await-in-loop -- one run after the other
      const result = await measureRound(who === 'bare' ? bare : bus, count, inFlight);
      if (round >= 0) measured[who].push(result); // the first one warms up
    }
  }
  const ratios = (of: (bare: Round, bus: Round) => number): number =>
    median(measured.bare.map((each, at) => of(each, measured.bus[at] as Round)));
  return {
    inFlight,
    bare: summary(measured.bare),
    bus: summary(measured.bus),
    cpuRatio: ratios((a, b) => a.cpuUs / b.cpuUs),
    p99Ratio: ratios((a, b) => b.p99Ms / a.p99Ms),
  };
}

const { values: given } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    calls: { type: 'string', default: '20000' },
    json: { type: 'string' },
  },
});
const [rounds, calls] = [Number(given.rounds), Number(given.calls)];

await using server = await startNats();
const servers = [server.url];
const [bareA, bareB] = [
  await connect({ servers, noAsyncTraces: true }),
  await connect({ servers, noAsyncTraces: true }),
];
await using caller = await connectNats({ servers, clock, name: 'caller' });
await using serving = await connectNats({ servers, clock, name: 'server' });
const results: Result[] = [];
// Each has a subject of its own, of the same length: neither server gets the other's requests.
const busSubject = subjects.observer('host-1', 'documents');
const bare = bareCaller(bareA, bareB);
await bareB.flush();
await serving.serve({
  pattern: 'vedette.v1.observer.*.documents',
  group: 'bus1',
  concurrency: 2_000,
  maxQueued: 2_000,
  handler: (request) => request.payload,
});
/** Until the compiler has nothing left to do: it takes the driver's code some 100,000 calls, and counts as CPU. */
async function warmUp(): Promise<void> {
  for (let turn = 0; turn < 4; turn++) {
    // oxlint-disable no-await-in-loop -- one run after the other
    await measureRound(bare, warmUpCalls / 4, 64);
    await measureRound(bus, warmUpCalls / 4, 64);
    // oxlint-enable no-await-in-loop
  }
}

const bus = (): Promise<Uint8Array> => caller.call(busSubject, payload, { timeoutMs });
try {
  await warmUp();
  // oxlint-disable-next-line no-await-in-loop -- one after the other
  for (const inFlight of [1, 64, 1_024]) results.push(await compare(bare, bus, inFlight, rounds, calls));
} finally {
  await bareA.close();
  await bareB.close();
}

tellBench(
  {
    figures: ['P6'],
    what: 'RPC through the NATS driver beside a bare client with an own inbox, 1 KiB each way',
    settings: { rounds, calls, warmUpCalls, payloadBytes: payload.byteLength, natsServer: server.version },
    results,
    verdicts: results.flatMap(({ inFlight, cpuRatio, p99Ratio }) => [
      {
        figure: 'P6',
        what: `calls per CPU-second, ${inFlight} in flight`,
        measured: `${(cpuRatio * 100).toFixed(1)} %`,
        toReach: '>= 90 %',
        reached: cpuRatio >= 0.9,
      },
      {
        figure: 'P6',
        what: `p99, ${inFlight} in flight`,
        measured: `${p99Ratio.toFixed(2)} x`,
        toReach: '<= 1.2 x',
        reached: p99Ratio <= 1.2,
      },
    ]),
    tables: [
      {
        title: 'medians over the rounds',
        rows: results.map(({ inFlight, bare, bus, cpuRatio, p99Ratio }) => ({
          'in flight': inFlight,
          'bare CPU us': bare.cpuUs,
          'bus CPU us': bus.cpuUs,
          'CPU ratio': cpuRatio,
          'bare calls/s': bare.callsPerS,
          'bus calls/s': bus.callsPerS,
          'bare p50 ms': bare.p50Ms,
          'bus p50 ms': bus.p50Ms,
          'bare p99 ms': bare.p99Ms,
          'bus p99 ms': bus.p99Ms,
          'p99 ratio': p99Ratio,
        })),
      },
    ],
    notMeasured: [
      'encoding and decoding of payloads (the same bytes every time)',
      'the CPU of the broker',
      'the network: all is on one machine, caller and server in one process',
    ],
  },
  { atMs: clock.wallNow(), json: given.json },
);
