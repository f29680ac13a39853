import { VedetteError } from '@vedette/runtime';
import type { Verdict } from '@vedette/testbed';
import { Accounting, type WindowCost } from '../harness/accounting.ts';
import { LatencyHistogram, type LatencySummary } from '../harness/histogram.ts';
import { type OptionValues, readOptions } from '../harness/options.ts';
import { isAtLeast, isAtMost, median, type RatioEstimate, ratioOf } from '../harness/statistics.ts';
import { Cast } from '../roles/cast.ts';
import type { RoleHandle } from '../roles/role.ts';
import type { Workload, WorkloadContext, WorkloadOutcome } from '../workload.ts';
import { rpcOptions } from './options.ts';
import type { Side, SliceRequest, SliceResult } from './rpc-client.ts';

/**
 * RPC through the bus library beside the fastest bare client of the same broker (P6). Both take turns in the same
 * processes on the same broker: slices A B, B A, A B..., so that what disturbs one disturbs the
 * other. Calls are counted per second of processor time of client, server and broker together.
 */
export const rpcWorkload: Workload = {
  name: 'rpc',
  summary: 'calls through the bus library beside the fastest bare client, in turn (P6); --paced: polls (P1)',
  options: rpcOptions,
  run: async (argv, context) => {
    const options = readOptions(rpcOptions, argv);
    if (options.paced === undefined) return runRpc(options, context);
    const { runPaced } = await import('./paced.ts');
    return runPaced({ ...options, paced: options.paced }, context);
  },
};

export type RpcOptions = OptionValues<typeof rpcOptions>;

const notMeasured = [
  'stages of a call (the stage clock comes later)',
  'the broker on another machine: all processes share these processors',
  'TLS, authentication, several clients or servers',
];

/** What one side did at one level of load. */
interface SideResult {
  readonly calls: number;
  readonly failed: number;
  readonly callsPerSecond: number;
  readonly callsPerCpuSecond: number;
  /** Microseconds of processor time per call, by process. */
  readonly cpuUsPerCall: Readonly<Record<string, number>>;
  readonly latency: LatencySummary;
}

interface LevelResult {
  readonly load: string;
  readonly library: SideResult;
  readonly bare: SideResult;
  /** Library over bare. */
  readonly callsPerCpuSecond: RatioEstimate;
  readonly p99: RatioEstimate;
  readonly foreignShare: number;
  /** Why the generator itself was the limit in most slices; empty when it was not. */
  readonly saturated: string;
}

interface Slice extends SliceResult {
  readonly side: Side;
  readonly cost: WindowCost;
}

async function runRpc(options: RpcOptions, context: WorkloadContext): Promise<WorkloadOutcome> {
  const levels = levelsOf(options);
  const wires = options.driver === 'memory' ? 'memory' : 'nats';
  const { clock, tell } = context;
  await using cast = await Cast.open({ wires, clock, tell, profiles: options.profiles });
  await cast.start('rpc-server', { concurrency: 4_096 });
  const client = await cast.start('rpc-client', { payloadBytes: options.payload });
  const results: LevelResult[] = [];
  for (const level of levels) {
    const slices = await measureLevel(level, options, { cast, client, context });
    results.push(summarise(level, slices, cast.apart));
  }
  return outcomeOf(options, results, cast);
}

type Level = Omit<SliceRequest, 'side'>;

function levelsOf(options: RpcOptions): readonly Level[] {
  const ms = options['slice-ms'];
  if (options.rate !== undefined) return [{ ms, perSecond: options.rate }];
  return options['in-flight'].split(',').map((text) => {
    const inFlight = Number(text);
    if (Number.isInteger(inFlight) && inFlight >= 1 && inFlight <= 100_000) return { ms, inFlight };
    throw new VedetteError('VDT_LOADGEN_USAGE', { message: `--in-flight ${text} is not a number from 1 to 100000` });
  });
}

async function measureLevel(
  level: Level,
  options: RpcOptions,
  run: { readonly cast: Cast; readonly client: RoleHandle; readonly context: WorkloadContext },
): Promise<readonly Slice[]> {
  const { cast, client, context } = run;
  const accounting = new Accounting(context.clock, cast.pids);
  const take = async (side: Side): Promise<Slice> => {
    context.signal.throwIfAborted();
    accounting.begin();
    const timeoutMs = level.ms + 30_000;
    const result = await client.ask<SliceResult>('slice', { ...level, side } satisfies SliceRequest, { timeoutMs });
    return { ...result, side, cost: accounting.end() };
  };
  for (const side of ['bare', 'library'] as const) await take(side); // warms up
  const slices: Slice[] = [];
  for (let pair = 0; pair < options.pairs; pair++) {
    const order: readonly Side[] = pair % 2 === 0 ? ['library', 'bare'] : ['bare', 'library'];
    for (const side of order) slices.push(await take(side));
    context.tell(`${loadOf(level)}: ${pair + 1} of ${options.pairs} pairs`);
  }
  return slices;
}

function loadOf({ inFlight, perSecond }: Level): string {
  return perSecond === undefined ? `${inFlight} in flight` : `${perSecond} a second`;
}

/** @param apart the generator has a process of its own: where it has not, its event loop is the whole bus's */
function summarise(level: Level, slices: readonly Slice[], apart: boolean): LevelResult {
  const of = (side: Side): readonly Slice[] => slices.filter((slice) => slice.side === side);
  const [library, bare] = [of('library'), of('bare')];
  const ratios = (figure: (slice: Slice) => number): RatioEstimate =>
    ratioOf(library.map((slice, at) => [figure(slice), figure(bare[at] as Slice)] as const));
  const saturated = apart ? slices.filter(({ generator }) => generator.saturated) : [];
  return {
    load: loadOf(level),
    library: sideOf(library),
    bare: sideOf(bare),
    callsPerCpuSecond: ratios((slice) => slice.calls / cpuMsOf(slice)),
    p99: ratios((slice) => LatencyHistogram.decode(slice.latency).percentileMs(0.99) ?? Number.NaN),
    foreignShare: median(slices.map(({ cost }) => cost.foreignShare)),
    saturated: saturated.length > slices.length / 2 ? (saturated[0]?.generator.reason ?? '') : '',
  };
}

function cpuMsOf({ cost }: Slice): number {
  return cost.processes.reduce((sum, { cpuMs }) => sum + cpuMs, 0);
}

function sideOf(slices: readonly Slice[]): SideResult {
  const latency = new LatencyHistogram();
  const cpuMs = new Map<string, number>();
  const total = { calls: 0, failed: 0, elapsedMs: 0, cpuMs: 0 };
  for (const slice of slices) {
    latency.add(LatencyHistogram.decode(slice.latency));
    for (const { name, cpuMs: used } of slice.cost.processes) cpuMs.set(name, (cpuMs.get(name) ?? 0) + used);
    total.calls += slice.calls;
    total.failed += slice.failed;
    total.elapsedMs += slice.elapsedMs;
    total.cpuMs += cpuMsOf(slice);
  }
  return {
    calls: total.calls,
    failed: total.failed,
    callsPerSecond: (1_000 * total.calls) / total.elapsedMs,
    callsPerCpuSecond: (1_000 * total.calls) / total.cpuMs,
    cpuUsPerCall: Object.fromEntries([...cpuMs].map(([name, ms]) => [name, (1_000 * ms) / total.calls])),
    latency: latency.summary(),
  };
}

function outcomeOf(options: RpcOptions, results: readonly LevelResult[], cast: Cast): WorkloadOutcome {
  const failures = results.flatMap(({ load, library, bare }) =>
    [['library', library] as const, ['bare', bare] as const].flatMap(([side, { failed }]) =>
      failed === 0 ? [] : [`${load}, ${side}: ${failed} calls failed`],
    ),
  );
  const rows = results.flatMap((result) => [
    rowOf(result.load, 'library', result.library),
    rowOf(result.load, 'bare', result.bare),
  ]);
  return {
    failures,
    json: options.json,
    report: {
      figures: ['P6'],
      what: `RPC through the bus library, driver ${options.driver}, beside ${bareOf(options)}`,
      settings: { ...options, broker: cast.broker?.version ?? 'memory bus, in this process' },
      results,
      verdicts: results.flatMap((result) => verdictsOf(result, options)),
      notMeasured: cast.apart ? notMeasured : [...notMeasured, 'processes of their own: the memory bus is in one'],
      tables: [{ title: 'microseconds are of processor time per call', rows }],
    },
  };
}

function bareOf({ driver }: RpcOptions): string {
  return driver === 'memory' ? 'two microtasks' : 'its client with an inbox of its own and a map of pending calls';
}

function rowOf(load: string, side: string, result: SideResult): Readonly<Record<string, string | number | null>> {
  const cpu = Object.entries(result.cpuUsPerCall).map(([name, us]) => [`${name} us`, us] as const);
  return {
    load,
    side,
    'calls/s': result.callsPerSecond,
    'calls/CPU s': result.callsPerCpuSecond,
    ...Object.fromEntries(cpu),
    'p50 ms': result.latency.p50Ms,
    'p99 ms': result.latency.p99Ms,
    'p99.9 ms': result.latency.p999Ms,
    failed: result.failed,
  };
}

function verdictsOf(
  { load, callsPerCpuSecond, p99, saturated }: LevelResult,
  { driver, rate }: RpcOptions,
): readonly Verdict[] {
  const note = saturated === '' ? '' : `; the client: ${saturated}`;
  const said = ({ ratio, low, high }: RatioEstimate): string =>
    `${ratio.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})${note}`;
  // The memory bus has no client beneath it; an open loop says something of latency only.
  const comparable = driver !== 'memory' && rate === undefined;
  return [
    {
      ...{ figure: 'P6', what: `calls per CPU second, library / bare, ${load}`, toReach: '>= 0.90' },
      measured: said(callsPerCpuSecond),
      reached: comparable ? isAtLeast(callsPerCpuSecond, 0.9) : undefined,
    },
    {
      ...{ figure: 'P6', what: `p99, library / bare, ${load}`, toReach: '<= 1.20' },
      measured: said(p99),
      reached: comparable ? isAtMost(p99, 1.2) : undefined,
    },
  ];
}
