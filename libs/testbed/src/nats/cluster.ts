import { RealClock, VedetteError } from '@vedette/runtime';
import { eventually } from '../eventually.ts';
import { steadyPort } from '../libvirt/listener.ts';
import { expectHealthy, metaGroup, streamLeader } from './monitoring.ts';
import { type NatsServer, notUsable } from './server.ts';
import { isPortTaken, type MemberPlace, type NatsOptions, prepareNats } from './start.ts';

export interface NatsClusterOptions extends Omit<NatsOptions, 'containerImage'> {
  /** 3 unless said; JetStream goes on while more than half of them run. */
  readonly size?: number;
}

/**
 * How long each try to found a cluster may take. About one in a hundred foundings never gets whole: its first leader
 * was elected before it knew every server, took the cluster to be smaller and leaves one out (seen with 2.10.27:
 * `cluster_size` 2 of 3). It is founded anew then; once usable, a cluster stays so.
 */
const foundingTimeoutsMs = [15_000, 15_000, 60_000];

/**
 * Starts a cluster of nats-servers with JetStream and resolves when it is usable: a leader is elected, and every server
 * has caught up and is seen by it. About two seconds, sometimes five.
 *
 * @throws VedetteError VDT_TESTBED_UNAVAILABLE (containers do not do), VDT_TESTBED_START with the end of every log
 */
export async function startNatsCluster(options: NatsClusterOptions = {}): Promise<NatsCluster> {
  const failures: unknown[] = [];
  for (const timeoutMs of foundingTimeoutsMs) {
    try {
      return await foundCluster(options, timeoutMs);
    } catch (error) {
      options.signal?.throwIfAborted();
      if (!VedetteError.is(error, 'VDT_TESTBED_START') && !isPortTaken(error)) throw error;
      failures.push(error);
    }
  }
  throw failures.at(-1);
}

/**
 * For so long a new cluster must be usable: a second after the start its servers repeat the route connections that were
 * refused at first, and for a moment may take each other to be offline.
 */
const foundedForMs = 1_500;

async function foundCluster(options: NatsClusterOptions, timeoutMs: number): Promise<NatsCluster> {
  const abortable = options.signal === undefined ? {} : { signal: options.signal };
  await using made = new AsyncDisposableStack();
  const servers: NatsServer[] = [];
  for (const place of await places(options.size ?? 3)) servers.push(made.use(await prepareNats(options, place)));
  const starts = servers.map((server) => server.start({ startTimeoutMs: timeoutMs, ...abortable }));
  await Promise.allSettled(starts); // one that is still starting could not be disposed of
  await Promise.all(starts);
  const cluster = new NatsCluster(servers);
  await cluster.usable({ timeoutMs, forMs: foundedForMs, ...abortable });
  made.move(); // from here on the cluster's owner disposes of them
  return cluster;
}

async function places(size: number): Promise<MemberPlace[]> {
  const free: number[] = [];
  while (free.length < 3 * size) {
    const port = await steadyPort();
    if (!free.includes(port)) free.push(port);
  }
  const routePorts = free.splice(0, size);
  const routes = routePorts.map((port) => `nats://127.0.0.1:${port}`);
  return routePorts.map((routePort, index) => ({
    serverName: `n${index + 1}`,
    port: free[2 * index] ?? 0,
    monitorPort: free[2 * index + 1] ?? 0,
    cluster: { name: 'vedette-test', routePort, routes },
  }));
}

export interface UsableOptions {
  readonly timeoutMs?: number;
  readonly forMs?: number;
  readonly signal?: AbortSignal;
}

/** Servers that replicate each other's streams. Whoever started it disposes of it (`await using`). */
export class NatsCluster implements AsyncDisposable {
  /** n1, n2, ... */
  readonly servers: readonly NatsServer[];

  /** Use {@link startNatsCluster}. */
  constructor(servers: readonly NatsServer[]) {
    this.servers = servers;
  }

  /** Where clients can connect, one of each server. */
  get urls(): string[] {
    return this.servers.map(({ url }) => url);
  }

  /** The server of this name, as the leader of a stream is named. */
  server(name: string): NatsServer {
    const found = this.servers.find((server) => server.name === name);
    if (found === undefined) throw new Error(`no server of this cluster is called ${name}`);
    return found;
  }

  /** The leader of JetStream's meta group, which creates streams and consumers; waits for one, as after a loss. */
  async metaLeader(options: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {}): Promise<NatsServer> {
    const { timeoutMs = 60_000, signal } = options;
    const abortable = signal === undefined ? {} : { signal };
    return eventually(() => this.#metaLeader(), { timeoutMs, intervalMs: 50, ...abortable });
  }

  /** The server that leads a replicated stream; waits until those that run agree on one. */
  async streamLeader(
    stream: string,
    options: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {},
  ): Promise<NatsServer> {
    const { timeoutMs = 60_000, signal } = options;
    const abortable = signal === undefined ? {} : { signal };
    return eventually(() => this.#agreedLeader((url) => streamLeader(url, stream)), { timeoutMs, ...abortable });
  }

  /**
   * Resolves when the servers that run have a leader, have caught up and are seen by it: streams with as many replicas
   * can be created. Needs more than half of all.
   *
   * @param options `forMs`: how long this must hold; 0 unless said
   */
  async usable(options: UsableOptions = {}): Promise<void> {
    const { timeoutMs = 60_000, forMs = 0, signal } = options;
    const abortable = signal === undefined ? {} : { signal };
    const clock = new RealClock();
    let sinceMs = Number.POSITIVE_INFINITY;
    const check = async (): Promise<void> => {
      await this.#expectUsable().catch((error: unknown) => {
        sinceMs = Number.POSITIVE_INFINITY;
        throw error;
      });
      sinceMs = Math.min(sinceMs, clock.now());
      if (clock.now() - sinceMs < forMs) throw new Error(`it has been usable for less than ${forMs} ms`);
    };
    try {
      await eventually(check, { timeoutMs, intervalMs: 50, ...abortable });
    } catch (error) {
      signal?.throwIfAborted();
      const logs = this.servers.map((server) => `${server.name}:\n${server.log.slice(-1_200)}`);
      throw notUsable(`the cluster is not usable: ${(error as Error).message}`, logs.join('\n'), error);
    }
  }

  /** Ends all and removes all they wrote. Idempotent. */
  async dispose(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.dispose()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  #metaLeader(): Promise<NatsServer> {
    return this.#agreedLeader(async (url) => (await metaGroup(url))?.leader);
  }

  async #agreedLeader(leaderOf: (monitorUrl: string) => Promise<string | undefined>): Promise<NatsServer> {
    const running = this.servers.filter((server) => server.running);
    const named = await Promise.all(running.map(async ({ monitorUrl }) => (await leaderOf(monitorUrl)) ?? ''));
    const [leader = '', ...others] = new Set(named);
    const server = running.find(({ name }) => name === leader);
    if (server !== undefined && others.length === 0) return server;
    throw new Error(`the servers name as their leader: ${named.map((name) => name || 'nobody').join(', ')}`);
  }

  async #expectUsable(): Promise<void> {
    const leader = await this.#metaLeader();
    const running = this.servers.filter((server) => server.running);
    await Promise.all(running.map(({ monitorUrl }) => expectHealthy(monitorUrl)));
    const group = await metaGroup(leader.monitorUrl);
    const current = group?.replicas?.filter((replica) => replica.current && replica.offline !== true) ?? [];
    if (current.length < running.length - 1) throw new Error(`${leader.name} sees only ${current.length} others`);
  }
}
