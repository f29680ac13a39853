import { createMemoryBroker, type MemoryBroker, type MemoryLimits } from '@vedette/bus/memory';
import type { Hint, HostFetcher, RuntimeStats } from '@vedette/fetcher';
import { agentDriver } from '@vedette/fetcher/agent';
import { hintPattern } from '@vedette/fetcher/agent-protocol';
import { SimulatedClock } from '@vedette/runtime/simulated-clock';
import { silentLogger } from '@vedette/telemetry';
import { type Agents, type AgentsOptions, createAgents } from '../src/index.ts';
import { settleOn } from './bench.ts';
import { FakeHost, fakeDriver } from './fake-host.ts';

export const LONG = { timeoutMs: 10_000 };

/** A hint as it stands on the wire. */
export interface HeardHint {
  readonly boot: string;
  readonly rev: number;
  readonly stateRev: number;
  readonly prev: number;
  readonly rows: readonly unknown[][];
  readonly left: readonly string[];
  readonly atMs: number;
  readonly bytes: number;
}

/** Fake hosts a, b, ... , their agents, a bus, and whoever asks over it. */
export class Scene implements AsyncDisposable {
  readonly clock = new SimulatedClock();
  readonly broker: MemoryBroker;
  readonly hosts: Readonly<Record<string, FakeHost>>;
  readonly heard: HeardHint[] = [];
  readonly #running: Agents[] = [];

  constructor(names: readonly string[] = ['a'], limits: Partial<MemoryLimits> = {}) {
    this.broker = createMemoryBroker({ clock: this.clock, limits });
    this.hosts = Object.fromEntries(names.map((name) => [name, new FakeHost(this.clock)]));
  }

  get host(): FakeHost {
    return this.hosts.a as FakeHost;
  }

  /** Starts the agents of all hosts, as one process. */
  async serve(options: Partial<AgentsOptions> = {}): Promise<Agents> {
    const agents = createAgents({
      bus: this.broker.connect({ name: 'agent' }),
      driver: fakeDriver(this.hosts),
      hosts: Object.keys(this.hosts).map((id) => ({ id, url: `fake:${id}` })),
      clock: this.clock,
      logger: silentLogger(),
      ...options,
    });
    await agents.start({ signal: new AbortController().signal });
    this.#running.push(agents);
    return agents;
  }

  stop(agents: Agents): Promise<void> {
    return this.settle(agents.stop({ deadlineMs: this.clock.now() + 1_000, signal: new AbortController().signal }));
  }

  /** Writes down every hint from now on. */
  async listen(): Promise<void> {
    const bus = this.broker.connect({ name: 'listener' });
    const handler = (_subject: string, payload: Uint8Array): void => {
      const hint = JSON.parse(Buffer.from(payload).toString()) as HeardHint;
      this.heard.push({ ...hint, atMs: this.clock.now(), bytes: payload.byteLength });
    };
    await bus.subscribe({ patterns: [hintPattern], handler });
  }

  monitor(host = 'a'): HostFetcher {
    const bus = this.broker.connect({ name: 'monitor' });
    return agentDriver({ bus, clock: this.clock }).open({ id: host, url: `agent:${host}` });
  }

  poll(fetcher: HostFetcher, since?: RuntimeStats): Promise<RuntimeStats> {
    return this.settle(fetcher.runtimeStats(since === undefined ? LONG : { ...LONG, since }));
  }

  /** Collects the hints of a fetcher until it is closed. */
  hintsOf(fetcher: HostFetcher): readonly Hint[] {
    const hints: Hint[] = [];
    const read = async (): Promise<void> => {
      for await (const hint of fetcher.hints({ signal: new AbortController().signal })) hints.push(hint);
    };
    void read();
    return hints;
  }

  settle<T>(pending: Promise<T>): Promise<T> {
    return settleOn(this.clock, pending);
  }

  /** How it ended: its error, or undefined. */
  failure(pending: Promise<unknown>): Promise<unknown> {
    return this.settle(
      pending.then(
        () => undefined,
        (error: unknown) => error,
      ),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const agents of this.#running) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await agents.stop({ deadlineMs: 0, signal: new AbortController().signal });
    }
    await this.broker.close();
  }
}
