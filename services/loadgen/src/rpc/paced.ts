import type { BenchTable, Verdict } from '@vedette/testbed';
import type { MonitorProgress } from '../fleet/monitor-role.ts';
import type { FleetSpec } from '../fleet/spec.ts';
import { Accounting, type WindowCost } from '../harness/accounting.ts';
import { LatencyHistogram } from '../harness/histogram.ts';
import type { GeneratorVerdict } from '../harness/saturation.ts';
import { sharedNowMs } from '../harness/shared-time.ts';
import { Cast } from '../roles/cast.ts';
import type { RoleHandle } from '../roles/role.ts';
import type { WorkloadContext, WorkloadOutcome } from '../workload.ts';
import type { BarePollerResult } from './bare-polls-roles.ts';
import { recordPolls } from './recorded-polls.ts';
import type { RpcOptions } from './rpc.ts';

/**
 * What a poll costs the monitor (P1): a whole monitor, each host polled every three seconds, beside a process that asks
 * for the same bytes at the same pace with a bare client, at the same time over the same broker. The bytes of the bare
 * loop were recorded from agents of the same fleet; the monitor's come from such agents as it asks, since what it asks
 * follows from what it was told.
 */
const INTERVAL_MS = 3_000;
const VMS_PER_HOST = 40;
/** Hosts whose polls are recorded, and how many of each. */
const RECORDED_HOSTS = 100;
const RECORDED_ROUNDS = 20;
const FIRST_CONTACT_TIMEOUT_MS = 600_000;

type PacedOptions = RpcOptions & { readonly paced: number };

interface PacedRun {
  readonly cost: WindowCost;
  readonly polls: number;
  readonly barePolls: number;
  readonly pollFailures: number;
  readonly monitorUsPerPoll: number;
  readonly bareUsPerPoll: number;
  readonly bareShareOfMonitor: number;
  readonly bare: BarePollerResult;
  readonly generator: GeneratorVerdict;
  /** Bytes of a reply, of the monitor's polls (sections included) and of the bare ones. */
  readonly replyBytes: { readonly monitor: number; readonly bare: number };
}

export async function runPaced(options: PacedOptions, context: WorkloadContext): Promise<WorkloadOutcome> {
  const { clock, tell } = context;
  const hosts = Math.max(1, Math.round((options.paced * INTERVAL_MS) / 1_000));
  const spec: FleetSpec = { seed: 1, hosts, vmsPerHost: VMS_PER_HOST, churn: 0, originSharedMs: sharedNowMs() };
  tell(`recording the polls of ${Math.min(hosts, RECORDED_HOSTS)} hosts`);
  const recording = { intervalMs: INTERVAL_MS, rounds: RECORDED_ROUNDS };
  const polls = await recordPolls({ ...recording, spec: { ...spec, hosts: Math.min(hosts, RECORDED_HOSTS) } });
  await using cast = await Cast.open({
    wires: options.driver === 'memory' ? 'memory' : 'nats',
    clock,
    tell,
    profiles: options.profiles,
  });
  const agents = await cast.start('agents', {
    ...{ spec, range: { from: 0, to: hosts }, connections: 1, pollOnly: true, probesPerSecond: 0 },
  });
  const monitor = await cast.start('monitor', {
    ...{ spec, range: { from: 0, to: hosts }, member: 'm1', scheme: 'agent', pollOnly: true, observers: 'none' },
    config: { pollIntervalMs: INTERVAL_MS, statsIntervalMs: 0, deviceStatsIntervalMs: 0, describeIntervalMs: 0 },
  });
  await firstContact(monitor, context);
  await cast.start('bare-answers', { polls });
  const bare = await cast.start('bare-poller', { polls, perSecond: options.paced });
  await clock.sleep(INTERVAL_MS, { signal: context.signal });
  const run = await measure({ cast, agents, monitor, bare }, options, context);
  return outcomeOf(options, run, cast);
}

async function firstContact(monitor: RoleHandle, { clock, tell, signal }: WorkloadContext): Promise<void> {
  await monitor.ask('watch', undefined, { timeoutMs: FIRST_CONTACT_TIMEOUT_MS });
  for (;;) {
    const { told, hosts } = await monitor.ask<MonitorProgress>('progress');
    if (told === hosts) return;
    tell(`first contact: ${told} of ${hosts} hosts`);
    await clock.sleep(1_000, { signal });
  }
}

interface Parts {
  readonly cast: Cast;
  readonly agents: RoleHandle;
  readonly monitor: RoleHandle;
  readonly bare: RoleHandle;
}

async function measure(
  parts: Parts,
  options: PacedOptions,
  { clock, tell, signal }: WorkloadContext,
): Promise<PacedRun> {
  const { cast, agents, monitor, bare } = parts;
  const accounting = new Accounting(clock, cast.pids);
  const progress = (): Promise<MonitorProgress> => monitor.ask<MonitorProgress>('progress');
  const answered = async (): Promise<AgentTotals> => totalsOf(await agents.ask<readonly AgentTotals[]>('counters'));
  const [before, answersBefore] = [await progress(), await answered()];
  await bare.ask('begin');
  await bare.ask('beginLoop');
  accounting.begin();
  tell(`measuring for ${options.seconds} s`);
  await clock.sleep(1_000 * options.seconds, { signal });
  const cost = accounting.end();
  const [after, answersAfter, barePolls] = [await progress(), await answered(), await bare.ask<number>('answered')];
  const generator = await bare.ask<GeneratorVerdict>('endLoop');
  const result = await bare.ask<BarePollerResult>('end');
  const polls = after.polls - before.polls;
  const cpuMs = (name: string): number => cost.processes.find((one) => one.name === name)?.cpuMs ?? Number.NaN;
  const monitorUsPerPoll = (1_000 * cpuMs('monitor')) / polls;
  const bareUsPerPoll = (1_000 * cpuMs('bare-poller')) / barePolls;
  return {
    ...{ cost, polls, monitorUsPerPoll, bareUsPerPoll, barePolls, bare: result, generator },
    pollFailures: after.pollFailures - before.pollFailures,
    bareShareOfMonitor: bareUsPerPoll / monitorUsPerPoll,
    replyBytes: {
      monitor: (answersAfter.replyBytes - answersBefore.replyBytes) / (answersAfter.requests - answersBefore.requests),
      bare: result.replyBytes / result.polls,
    },
  };
}

interface AgentTotals {
  readonly requests: number;
  readonly replyBytes: number;
}

function totalsOf(counters: readonly AgentTotals[]): AgentTotals {
  return {
    requests: counters.reduce((sum, { requests }) => sum + requests, 0),
    replyBytes: counters.reduce((sum, { replyBytes }) => sum + replyBytes, 0),
  };
}

/** Beyond this a bare loop is no measure of the same thing. */
const MOST_UNANSWERED = 0.01;

function outcomeOf(options: PacedOptions, run: PacedRun, cast: Cast): WorkloadOutcome {
  const { bare } = run;
  const lost = bare.unanswered > MOST_UNANSWERED * bare.polls;
  const latency = LatencyHistogram.decode(bare.latency).summary();
  return {
    failures: [
      ...(run.pollFailures > 0 ? [`${run.pollFailures} polls failed`] : []),
      ...(lost ? [`${bare.unanswered} bare polls were not answered`] : []),
    ],
    json: options.json,
    report: {
      figures: ['P1'],
      what: `what a poll costs the monitor, at ${options.paced} polls a second`,
      settings: { ...options, vmsPerHost: VMS_PER_HOST, intervalMs: INTERVAL_MS, broker: cast.broker?.version },
      results: { ...run, bareLatency: latency },
      verdicts: [verdictOf(options, run, cast.apart)],
      notMeasured: [
        'changes of state (churn 0: only samples move), sections, samples and publishing of events',
        'the same replies byte for byte: the monitor is answered by agents of the same fleet, at its own instants',
      ],
      tables: tablesOf(run),
    },
  };
}

function tablesOf({ cost, ...run }: PacedRun): readonly BenchTable[] {
  const pace = (row: { who: string; polls: number; us: number; bytes: number }) => ({
    ...{ who: row.who, 'polls/s': row.polls / cost.seconds, 'CPU us/poll': row.us, 'reply B': row.bytes },
  });
  const { polls, barePolls, monitorUsPerPoll, bareUsPerPoll, replyBytes } = run;
  return [
    {
      title: 'side by side, in the same seconds',
      rows: [
        pace({ who: 'monitor', polls, us: monitorUsPerPoll, bytes: replyBytes.monitor }),
        pace({ who: 'bare loop', polls: barePolls, us: bareUsPerPoll, bytes: replyBytes.bare }),
      ],
    },
    {
      title: 'processors',
      rows: [
        ...cost.processes.map(({ name, share }) => ({ process: name, 'of the machine %': 100 * share })),
        { process: 'others', 'of the machine %': 100 * cost.foreignShare },
      ],
    },
  ];
}

const P1_RATE = 8_333;

function verdictOf(
  options: PacedOptions,
  { bareShareOfMonitor: share, barePolls, generator, polls, cost }: PacedRun,
  apart: boolean,
): Verdict {
  const kept = polls / cost.seconds >= 0.97 * options.paced && barePolls / cost.seconds >= 0.97 * options.paced;
  const note = generator.saturated ? `; the bare loop: ${generator.reason}` : kept ? '' : '; the pace was not kept';
  const says = apart && kept && !generator.saturated && options.paced >= P1_RATE;
  return {
    figure: 'P1',
    what: 'CPU of a bare poll / of a poll of the monitor',
    measured: `${(100 * share).toFixed(0)} %${note}`,
    toReach: `>= 50 % at ${P1_RATE} polls/s`,
    reached: says ? share >= 0.5 : undefined,
  };
}
