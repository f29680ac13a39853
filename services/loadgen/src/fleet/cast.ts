import { VedetteError } from '@vedette/runtime';
import '../errors.ts';
import { openFilesLimitOf } from '../harness/processes.ts';
import { sharedNowMs } from '../harness/shared-time.ts';
import type { Cast } from '../roles/cast.ts';
import type { RoleHandle } from '../roles/role.ts';
import type { AgentsSettings } from './agents-role.ts';
import type { FleetOptionValues, FleetSize } from './options.ts';
import { type FleetSpec, splitHosts } from './spec.ts';

/** Who plays in a run of the fleet. */
export interface FleetCast {
  readonly spec: FleetSpec;
  readonly updater: RoleHandle;
  readonly watcher: RoleHandle;
  readonly monitor: RoleHandle;
  /** Empty where the monitor reaches the simulation without a bus between. */
  readonly agents: readonly RoleHandle[];
  readonly agentConnections: number;
  /** Who has the fleet in hand, and can stop its time. */
  readonly frozen: readonly RoleHandle[];
}

/** Starts them in the order of the data, from its end: nothing is told before somebody listens. */
export async function startFleetCast(
  cast: Cast,
  options: FleetOptionValues,
  size: FleetSize,
  tell: (line: string) => void,
): Promise<FleetCast> {
  const spec: FleetSpec = {
    seed: options.seed,
    hosts: size.hosts,
    vmsPerHost: size.vmsPerHost,
    churn: options.churn,
    originSharedMs: sharedNowMs(),
  };
  const scheme = options.direct ? 'sim' : 'agent';
  const pollOnly = options['poll-only'];
  const store = options.store as 'sqlite' | 'memory';
  const updater = await cast.start('updater', { spec, store, scheme });
  const watcher = await cast.start('watcher', { spec });
  const connections = options.direct ? 0 : connectionsOf(options, size, cast, tell);
  const agents = options.direct ? [] : await startAllAgents(cast, { spec, options, connections });
  if (options.direct) await cast.start('prober', { perSecond: options.probes });
  const monitor = await cast.start('monitor', {
    ...{ spec, scheme, range: { from: 0, to: size.hosts }, member: 'm1', pollOnly, observers: 'updater' },
    config: { pollIntervalMs: 1_000 * options.interval },
  });
  const frozen = options.direct ? [monitor] : agents;
  return { spec, updater, watcher, monitor, agents, agentConnections: connections, frozen };
}

/** Files that each process needs beside the connections. */
const SPARE_FILES = 200;

/**
 * One a host, as in life, as far as this machine allows so many open files; else one a process of agents, and it is said
 * so. What was asked for is made or refused.
 *
 * @throws VedetteError VDT_LOADGEN_LIMIT
 */
function connectionsOf(
  { connections: asked, 'agent-processes': processes }: FleetOptionValues,
  { hosts }: FleetSize,
  { broker }: Cast,
  tell: (line: string) => void,
): number {
  if (broker === undefined) return Math.min(asked ?? processes, hosts);
  const ofAgents = processes * (openFilesLimitOf(process.pid) - SPARE_FILES);
  const limit = Math.min(openFilesLimitOf(broker.pid) - SPARE_FILES, ofAgents);
  const wanted = Math.min(asked ?? hosts, hosts);
  if (wanted <= limit) return wanted;
  const message = `${wanted} connections of agents need more open files than the ${limit} left (ulimit -n)`;
  if (asked !== undefined) throw new VedetteError('VDT_LOADGEN_LIMIT', { message });
  tell(`${message}: the agents share ${processes} connections`);
  return processes;
}

async function startAllAgents(
  cast: Cast,
  run: { readonly spec: FleetSpec; readonly options: FleetOptionValues; readonly connections: number },
): Promise<readonly RoleHandle[]> {
  const { spec, options, connections } = run;
  const ranges = splitHosts({ from: 0, to: spec.hosts }, options['agent-processes']);
  const started: RoleHandle[] = [];
  for (const [at, range] of ranges.entries()) {
    const settings: AgentsSettings = {
      ...{ spec, range, pollOnly: options['poll-only'] },
      connections: Math.max(1, Math.round(connections / ranges.length)),
      probesPerSecond: at === 0 ? options.probes : 0,
    };
    started.push(await cast.start('agents', settings, ranges.length === 1 ? 'agents' : `agents ${at + 1}`));
  }
  return started;
}
