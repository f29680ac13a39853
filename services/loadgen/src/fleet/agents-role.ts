import { type Agents, type AgentsConfig, createAgents } from '@vedette/agent';
import type { Bus } from '@vedette/bus';
import type { HostDriver } from '@vedette/fetcher';
import { VedetteError } from '@vedette/runtime';
import { type Fleet, simulationDriver } from '@vedette/simulation';
import { FreezingClock } from '../harness/freezing-clock.ts';
import { openFilesLimitOf } from '../harness/processes.ts';
import { onClock } from '../harness/shared-time.ts';
import type { Role, RoleContext } from '../roles/role.ts';
import { loadLogger } from './load-logger.ts';
import { sendProbes } from './probe.ts';
import { type FleetSpec, fleetOf, type HostRange, splitHosts } from './spec.ts';

export interface AgentsSettings {
  readonly spec: FleetSpec;
  readonly range: HostRange;
  /** Connections to the bus that the hosts are spread over. */
  readonly connections: number;
  readonly pollOnly: boolean;
  /** Bare probes sent from this process; 0: none. */
  readonly probesPerSecond: number;
}

const STOP_TIMEOUT_MS = 10_000;
/** Files a process needs beside the connections. */
const SPARE_FILES = 100;
/** Connections that are made at the same time. */
const CONNECTED_AT_A_TIME = 64;

/** The simulated agents of a range of hosts, over as many connections as are asked for. */
export async function startAgents(settings: AgentsSettings, context: RoleContext): Promise<Role> {
  checkFiles(settings.connections);
  const { clock, wires, sockets } = context;
  const fleet = fleetOf(settings.spec);
  const held = new FreezingClock(clock);
  const originMs = onClock(clock, settings.spec.originSharedMs);
  const driver = simulationDriver({ fleet, clock: held, originMs, capabilities: { push: !settings.pollOnly } });
  const groups = await startGroups(settings, context, fleet, driver);
  const raw = settings.probesPerSecond > 0 ? await sockets.ignoring(() => wires.raw('probes')) : undefined;
  const probes = raw === undefined ? undefined : sendProbes(raw, clock, settings.probesPerSecond);
  return {
    calls: {
      freeze: (sharedMs: number) => held.freeze(onClock(clock, sharedMs)),
      counters: () => groups.map(({ counters }) => ({ ...counters })),
    },
    stop: async () => {
      probes?.stop();
      const signal = new AbortController().signal;
      await Promise.all(groups.map((agents) => agents.stop({ deadlineMs: clock.now() + STOP_TIMEOUT_MS, signal })));
    },
  };
}

/** @throws VedetteError VDT_LOADGEN_LIMIT */
function checkFiles(connections: number): void {
  const limit = openFilesLimitOf(process.pid);
  if (connections + SPARE_FILES <= limit) return;
  throw new VedetteError('VDT_LOADGEN_LIMIT', {
    message: `${connections} connections of agents in one process need more open files than the ${limit} allowed (ulimit -n)`,
    action: 'raise the limit, or ask for fewer --connections or more --agent-processes',
  });
}

async function startGroups(
  { range, connections, pollOnly }: AgentsSettings,
  { clock, wires, tell }: RoleContext,
  fleet: Fleet,
  driver: HostDriver,
): Promise<readonly Agents[]> {
  const logger = loadLogger('agents', clock, tell);
  const start = async (hosts: HostRange, group: number): Promise<Agents> => {
    const bus = await wires.connect(`agents-${range.from}-${group}`, { volatileOnly: true });
    const agents = createAgents({
      ...{ bus: pollOnly ? silent(bus) : bus, driver, hosts: hostsOf(fleet, hosts), clock, logger },
      config: agentsConfig(pollOnly),
      followBoot: true,
    });
    await agents.start({ signal: new AbortController().signal });
    return agents;
  };
  const groups = splitHosts(range, connections);
  const started: Agents[] = [];
  for (let at = 0; at < groups.length; at += CONNECTED_AT_A_TIME) {
    const some = groups.slice(at, at + CONNECTED_AT_A_TIME);
    started.push(...(await Promise.all(some.map((hosts, offset) => start(hosts, at + offset)))));
  }
  return started;
}

/** A simulated host tells every change by itself, so that it need not be read for a heart-beat. */
function agentsConfig(pollOnly: boolean): Partial<AgentsConfig> {
  return { readForHeartBeats: false, ...(pollOnly ? { intervalMs: NEVER_MS } : {}) };
}

const NEVER_MS = 2 ** 31;

/** A bus on which nothing is told: agents that are only polled. */
function silent(bus: Bus): Bus {
  return new Proxy(bus, {
    get: (target, name) => {
      if (name === 'send') return () => undefined;
      const member: unknown = Reflect.get(target, name);
      return typeof member === 'function' ? (member.bind(target) as unknown) : member;
    },
  });
}

function hostsOf(fleet: Fleet, { from, to }: HostRange): ReadonlyArray<{ readonly id: string; readonly url: string }> {
  return Array.from({ length: to - from }, (_, at) => {
    const { id, url } = fleet.host(from + at);
    return { id, url };
  });
}
