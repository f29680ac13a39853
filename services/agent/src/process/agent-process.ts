import { hostname } from 'node:os';
import { join } from 'node:path';
import type { HostDriver } from '@vedette/fetcher';
import { isIdentifier } from '@vedette/model';
import { type Clock, RealClock, type RunEvent, RunGroup, type RunPart, type StopOptions } from '@vedette/runtime';
import { createLogger, type Logger, type Metrics } from '@vedette/telemetry';
import { type Agents, createAgents } from '../agents.ts';
import { intentFile } from '../intents/intent-file.ts';
import { exposeAgentMetrics } from '../metrics.ts';
import { BusPart, type ConnectBus, natsConnector } from './bus-part.ts';
import type { AgentConfig } from './settings.ts';

export interface AgentProcessOptions {
  /** Default: the machine's. */
  readonly clock?: Clock;
  /** Default: standard error, at the level of the configuration. */
  readonly logger?: Logger;
  /** Of the program, for `hello` and the log. */
  readonly version?: string;
  /** Where `$STATE_DIRECTORY` (systemd) is looked for. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Makes a path written at a key of the configuration absolute; default: it is left as it is. */
  readonly inConfig?: (path: string, key: string) => string;
  /** The agent's counters are shown in it while it runs. */
  readonly metrics?: Metrics;
  /** Reads the hypervisor; default libvirt. */
  readonly driver?: HostDriver;
  /** Default NATS, as the configuration says. */
  readonly connect?: ConnectBus;
  readonly onEvent?: (event: RunEvent) => void;
}

/**
 * The agent of this machine as a process: started and stopped by whoever runs the group (`runUntilSignal`). The order:
 * first the bus, then what serves on it; the other way round at the end.
 *
 * @throws VedetteError VDT_FETCHER_URL, from `start`, for a source that cannot be used; VDT_AGENT_STATE_FILE
 */
export function createAgentProcess(config: AgentConfig, options: AgentProcessOptions): RunGroup {
  const { clock = new RealClock(), onEvent } = options;
  const logger = options.logger ?? createLogger({ clock, level: config.log.level });
  const host = config.host ?? machineName();
  const { inConfig = asWritten } = options;
  const absolute = (path: string, key: string): string => inConfig(path, `bus.${key}`);
  const named = { name: `vedette-agent ${host}`, clock, logger };
  const connect = options.connect ?? natsConnector(config.bus, absolute, named);
  const bus = new BusPart(connect, clock, logger);
  const agent = new AgentPart(bus, host, config, { ...options, clock, logger });
  return new RunGroup({ clock, parts: [bus, agent], ...(onEvent === undefined ? {} : { onEvent }) });
}

/**
 * {@link createAgentProcess} run until the signal aborts; resolves when everything has been stopped.
 *
 * @throws the first error of any part
 */
export async function runAgent(
  config: AgentConfig,
  options: AgentProcessOptions & { readonly signal: AbortSignal },
): Promise<void> {
  const { signal } = options;
  const group = createAgentProcess(config, options);
  await group.start({ signal }).catch(() => undefined); // `done` tells, and whether it was only told to stop
  const { state, error } = await group.done;
  if (state === 'failed') throw error;
}

/** Serves on the bus, which is there only once the part before has started. */
class AgentPart implements RunPart {
  readonly name = 'agent';
  readonly #bus: BusPart;
  readonly #host: string;
  readonly #config: AgentConfig;
  readonly #options: AgentProcessOptions & { readonly clock: Clock; readonly logger: Logger };
  #agents: Agents | undefined;
  #metrics: Metrics | undefined;

  constructor(
    bus: BusPart,
    host: string,
    config: AgentConfig,
    options: AgentProcessOptions & { readonly clock: Clock; readonly logger: Logger },
  ) {
    this.#bus = bus;
    this.#host = host;
    this.#config = config;
    this.#options = options;
  }

  async start(starting: { readonly signal: AbortSignal }): Promise<void> {
    const { clock, logger, version = '0', env, metrics, inConfig = asWritten } = this.#options;
    const { source, limits, state } = this.#config;
    const statePath = state.path === undefined ? pathIn(env.STATE_DIRECTORY) : inConfig(state.path, 'state.path');
    const agents = createAgents({
      ...{ clock, logger, version, bus: this.#bus.bus },
      driver: this.#options.driver ?? (await this.#libvirt()),
      hosts: [{ id: this.#host, url: source.url }],
      config: {
        intervalMs: source.intervalMs,
        readTimeoutMs: source.readTimeoutMs,
        startTimeoutMs: source.startTimeoutMs,
        maxReplyBytes: limits.replySizeBytes,
        maxHintBytes: limits.hintSizeBytes,
        maxRequestsPerHost: limits.requests,
        leftLimit: limits.departures,
        maxIntents: limits.starts,
      },
      starts: statePath !== undefined,
      ...(statePath === undefined ? {} : { intentFile: intentFile(statePath) }),
    });
    await agents.start(starting);
    this.#agents = agents;
    if (metrics !== undefined) this.#metrics = exposeAgentMetrics(metrics, agents);
    logger.info({ host: this.#host, source: withoutPassword(source.url), version }, 'the agent serves');
  }

  async stop(options: StopOptions): Promise<void> {
    this.#metrics?.close();
    await this.#agents?.stop(options);
  }

  async #libvirt(): Promise<HostDriver> {
    const { libvirtDriver } = await import('@vedette/fetcher/libvirt');
    return libvirtDriver({ clock: this.#options.clock, agentIntervalMs: this.#config.source.guestAgentIntervalMs });
  }
}

function asWritten(path: string): string {
  return path;
}

/** systemd names several folders with colons between them; the first is ours. */
function pathIn(stateDirectory: string | undefined): string | undefined {
  const [first = ''] = (stateDirectory ?? '').split(':');
  return first === '' ? undefined : join(first, 'starts.json');
}

function machineName(): string {
  const name = hostname();
  return isIdentifier(name) ? name : 'localhost';
}

function withoutPassword(url: string): string {
  return url.replace(/:[^:/@]*@/, ':...@');
}
