import type { Verdict } from '@vedette/testbed';
import type { ClassicRun } from '../classic/run.ts';
import type { GeneratorVerdict } from '../harness/saturation.ts';
import { type FleetFigures, FRESH_MS } from './figures.ts';
import type { FleetOptionValues } from './options.ts';
import type { FleetRun } from './run.ts';

/** @param classic the scheme of 2013 with the same fleet, where it was run */
export function verdictsOf(
  options: FleetOptionValues,
  run: FleetRun,
  figures: FleetFigures,
  classic: ClassicRun | undefined,
): readonly Verdict[] {
  const { load } = run.size;
  const polled = options['poll-only'];
  const noisy = run.cost.foreignShare > MOST_FOREIGN || generatorsOf(run).some(({ saturated }) => saturated);
  const verdicts = [
    ...bytesVerdict(options, run, figures, classic),
    processorVerdict(polled, run),
    freshVerdict(figures),
    ...memoryVerdicts(run, figures),
  ];
  if (polled) return [...verdicts, polledLatencyVerdict(options, load === 'L' && !noisy, figures)];
  return [...verdicts, ...pushedLatencyVerdicts(load, noisy, figures)];
}

/** Who makes the load and who measures it: the agents and the watcher. */
function generatorsOf({ loops }: FleetRun): readonly GeneratorVerdict[] {
  return Object.entries(loops).flatMap(([name, loop]) => (/^(agents|watcher)/.test(name) ? [loop] : []));
}

/** Of the machine, taken by others: beyond it a latency says as much of them as of the system. */
const MOST_FOREIGN = 0.1;

function bytesVerdict(
  { 'poll-only': polled }: FleetOptionValues,
  { size }: FleetRun,
  { bytesPerVmMinute: bytes }: FleetFigures,
  classic: ClassicRun | undefined,
): readonly Verdict[] {
  const base = classic?.bytesPerVmMinute;
  if (base === undefined || bytes === null) return [];
  const limit = polled ? 0.1 : 0.05;
  return [
    {
      figure: 'P2',
      what: 'bytes per VM-minute at the agents / classic',
      measured: `${percent(bytes / base)} (${Math.round(bytes)} of ${Math.round(base)} B)`,
      toReach: `<= ${percent(limit)} at S`,
      reached: size.load === 'S' ? bytes <= limit * base : undefined,
    },
  ];
}

function processorVerdict(polled: boolean, { cost, size, counted }: FleetRun): Verdict {
  const limit = polled ? 0.45 : 0.3;
  const failed = counted.pollFailures > 0 ? `, ${counted.pollFailures} polls failed` : '';
  return {
    figure: 'P3',
    what: `share of this machine, load ${size.load ?? `${size.hosts} x ${size.vmsPerHost}`}`,
    measured: `${percent(cost.share)}, others ${percent(cost.foreignShare)}${failed}`,
    toReach: `<= ${percent(limit)} at XL`,
    reached: size.load === 'XL' ? cost.share <= limit : undefined,
  };
}

function freshVerdict({ freshShare, ages }: FleetFigures): Verdict {
  return {
    figure: 'fresh',
    what: `ages of at most ${FRESH_MS / 1_000} s`,
    measured: `${percent(freshShare ?? Number.NaN)}, p99 ${ages.p99Ms} ms`,
    toReach: '>= 99 %',
    reached: freshShare === null ? undefined : freshShare >= 0.99,
  };
}

function memoryVerdicts({ size }: FleetRun, figures: FleetFigures): readonly Verdict[] {
  const at = (what: string, measured: number | null, limit: number): Verdict => ({
    figure: 'P9',
    what: `monitor, ${what} per VM`,
    measured: measured === null ? '-' : `${Math.round(measured)} B`,
    toReach: `<= ${limit} B at XL`,
    reached: size.load === 'XL' && measured !== null ? measured <= limit : undefined,
  });
  return [at('live', figures.monitorLiveBytesPerVm, 200), at('RSS', figures.monitorRssBytesPerVm, 700)];
}

function polledLatencyVerdict(options: FleetOptionValues, applies: boolean, { stateLatency }: FleetFigures): Verdict {
  const limitMs = 1_000 * options.interval + 100;
  const p99 = stateLatency.p99Ms;
  return {
    figure: 'P5',
    what: 'state change to VMStateChanged, polled only, p99',
    measured: `${p99} ms of ${stateLatency.count}`,
    toReach: `<= ${limitMs} ms at L`,
    reached: applies && p99 !== null ? p99 <= limitMs : undefined,
  };
}

function pushedLatencyVerdicts(
  load: FleetRun['size']['load'],
  noisy: boolean,
  { stateLatency, probe }: FleetFigures,
): readonly Verdict[] {
  const limitMs = load === 'XL' ? 25 : load === 'M' || load === 'L' ? 15 : undefined;
  const [p99, bare] = [stateLatency.p99Ms, probe.p99Ms];
  const measured = `${p99} ms of ${stateLatency.count}; p99.9 ${stateLatency.p999Ms} ms`;
  const what = 'state change to VMStateChanged, pushed, p99';
  const known = limitMs !== undefined && p99 !== null && bare !== null;
  return [
    {
      figure: 'P4',
      what,
      measured,
      toReach: `< ${limitMs ?? 15} ms`,
      reached: known && !noisy ? p99 < limitMs : undefined,
    },
    {
      ...{ figure: 'P4', what: `${what} / bare probe`, toReach: '<= 5' },
      measured: p99 === null || bare === null ? '-' : `${(p99 / bare).toFixed(2)} (bare ${bare} ms)`,
      reached: known ? p99 <= 5 * bare : undefined,
    },
  ];
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
