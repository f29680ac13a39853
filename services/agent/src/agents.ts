import { randomUUID } from 'node:crypto';
import type { Bus, Request, ServeOptions, Subscription } from '@vedette/bus';
import type { HostDriver } from '@vedette/fetcher';
import { agentPattern, parseAgentSubject } from '@vedette/fetcher/agent-protocol';
import { type Clock, type RunPart, type StopOptions, VedetteError } from '@vedette/runtime';
import type { Logger } from '@vedette/telemetry';
import type { AgentContext } from './agent-context.ts';
import { Beats } from './beats.ts';
import { type AgentsConfig, defaultAgentsConfig } from './config.ts';
import { AgentCounters } from './counters.ts';
import './errors.ts';
import { HintTeller } from './hint-teller.ts';
import { HostAgent } from './host-agent.ts';
import { type IntentFile, noIntentFile } from './intents/intent-file.ts';
import { Intents } from './intents/intents.ts';

/** A host to serve. */
export interface AgentHost {
  /** The name it is served by: `agent:<id>` at the monitor. Must satisfy `isIdentifier`. */
  readonly id: string;
  /** What the driver opens. */
  readonly url: string;
}

export interface AgentsOptions {
  /** Its owner closes it, after the agents were stopped. */
  readonly bus: Bus;
  /** Reads the hosts; each gets a fetcher of its own. */
  readonly driver: HostDriver;
  readonly hosts: readonly AgentHost[];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly config?: Partial<AgentsConfig>;
  /**
   * `each`: a subscription a host, so that others may serve other hosts on the same bus. `all`: one for every host there
   * can be, for a process that alone serves all of them: it answers VDT_AGENT_NO_HOST for those it does not have.
   * Default `each`.
   */
  readonly subscriptions?: 'each' | 'all';
  /**
   * Whether another boot of the source is another run of the host, as it is for a simulated agent. False for a source
   * that calls each connection a boot (libvirt): a libvirtd that was restarted is the same host with the same content,
   * and only what changed is told. Default false.
   */
  readonly followBoot?: boolean;
  /** Whether VMs may be started, where the source can. Default true. */
  readonly starts?: boolean;
  /** Where starts are remembered over restarts. Default: nowhere. */
  readonly intentFile?: IntentFile;
  /** Of the program, for `hello`. */
  readonly version?: string;
  /** Names this run; default random. Two runs must never share one. */
  readonly run?: string;
}

/** The agents of one or many hosts: a part of a process. */
export interface Agents extends RunPart {
  readonly counters: Readonly<AgentCounters>;
  /** Figures for metrics; as much work as there are hosts. */
  figures(): { readonly hosts: number; readonly vms: number; readonly unreadable: number };
}

/** @throws VedetteError VDT_FETCHER_URL for a URL that the driver cannot use */
export function createAgents(options: AgentsOptions): Agents {
  return new ManyAgents(options);
}

class ManyAgents implements Agents {
  readonly name = 'agent';
  readonly counters = new AgentCounters();
  readonly #options: AgentsOptions;
  readonly #config: AgentsConfig;
  readonly #ending = new AbortController();
  readonly #teller: HintTeller;
  readonly #intents: Intents;
  readonly #agents: ReadonlyMap<string, HostAgent>;
  readonly #beats: Beats;
  #servers: readonly Subscription[] = [];

  constructor(options: AgentsOptions) {
    const { bus, clock, logger, driver, hosts, intentFile = noIntentFile } = options;
    const { version = '0', run = randomUUID().slice(0, 8), followBoot = false, starts = true } = options;
    this.#options = options;
    this.#config = { ...defaultAgentsConfig, ...options.config };
    this.#teller = new HintTeller(bus, clock, this.#config, this.counters);
    this.#intents = new Intents(intentFile, this.#config.maxIntents);
    const context: AgentContext = {
      ...{ clock, logger, version, run, followBoot, starts },
      config: this.#config,
      counters: this.counters,
      teller: this.#teller,
      intents: this.#intents,
      signal: this.#ending.signal,
    };
    this.#agents = new Map(
      hosts.map((host) => [host.id, new HostAgent({ id: host.id, fetcher: driver.open(host) }, context)]),
    );
    const only = this.#agents.size === 1; // a host alone need not wait for its turn
    const turns = [...this.#agents.values()].map((agent) => ({
      phaseMs: only ? 0 : agent.phaseMs,
      beat: () => agent.beat(),
    }));
    this.#beats = new Beats(clock, this.#config.intervalMs, turns);
  }

  /** @throws VedetteError VDT_AGENT_STATE_FILE, VDT_BUS_DISCONNECTED */
  async start({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    await this.#intents.load();
    signal.throwIfAborted();
    this.#servers = await this.#serve();
    if (this.#config.tellHints) this.#beats.start();
  }

  async stop({ deadlineMs, signal }: StopOptions): Promise<void> {
    this.#beats.stop();
    this.#teller.stop();
    const timeoutMs = Math.max(0, deadlineMs - this.#options.clock.now()) / 2;
    await Promise.all(this.#servers.map((server) => server.close({ timeoutMs, signal })));
    this.#ending.abort(new VedetteError('VDT_FETCHER_CLOSED'));
    await Promise.all(Array.from(this.#agents.values(), (agent) => agent.close()));
  }

  figures(): ReturnType<Agents['figures']> {
    let vms = 0;
    let unreadable = 0;
    for (const agent of this.#agents.values()) {
      vms += agent.table.size;
      if (!agent.isReadable) unreadable++;
    }
    return { hosts: this.#agents.size, vms, unreadable };
  }

  /**
   * In no group: the broker would send every other request to a former run whose connection died unnoticed. Where two
   * agents answer, the first counts, and the boots of their heart-beats tell them apart.
   */
  #serve(): Promise<readonly Subscription[]> {
    const { bus, subscriptions = 'each' } = this.#options;
    const { maxRequestsPerHost } = this.#config;
    const handler: ServeOptions['handler'] = (request) => this.#answer(request);
    const hosts = this.#agents.size;
    if (subscriptions === 'all') {
      // Enough for every host's polls at once; what one host may have of it is bounded by its agent.
      const concurrency = maxRequestsPerHost + 4 * hosts;
      const pattern = everyAgent;
      return Promise.all([bus.serve({ pattern, concurrency, maxQueued: concurrency, handler })]);
    }
    return Promise.all(
      Array.from(this.#agents.keys(), (id) =>
        bus.serve({
          pattern: agentPattern(id),
          concurrency: 2 * maxRequestsPerHost,
          maxQueued: maxRequestsPerHost,
          handler,
        }),
      ),
    );
  }

  #answer({ subject, payload, signal }: Request): Uint8Array | Promise<Uint8Array> {
    this.counters.requests++;
    try {
      const asked = parseAgentSubject(subject);
      const agent = this.#agents.get(asked?.host ?? '');
      if (asked === undefined || agent === undefined) throw new VedetteError('VDT_AGENT_NO_HOST');
      const answer = agent.answer(asked.verb, payload, signal);
      return answer instanceof Uint8Array ? this.#answered(answer) : this.#awaited(answer);
    } catch (error) {
      this.counters.requestFailures++;
      throw error;
    }
  }

  async #awaited(answer: Promise<Uint8Array>): Promise<Uint8Array> {
    try {
      return this.#answered(await answer);
    } catch (error) {
      this.counters.requestFailures++;
      throw error;
    }
  }

  #answered(reply: Uint8Array): Uint8Array {
    this.counters.replyBytes += reply.byteLength;
    return reply;
  }
}

const everyAgent = agentPattern('host').replace('.host.', '.*.');
