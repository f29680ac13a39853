import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Bus } from '@vedette/bus';
import type { HostDriver } from '@vedette/fetcher';
import type { HostMonitor } from '@vedette/host-monitor';
import { channels } from '@vedette/model';
import { type Clock, RunGroup, type RunState } from '@vedette/runtime';
import type { Store } from '@vedette/store';
import { openSqliteStore, type SqliteThreads } from '@vedette/store/sqlite';
import type { Logger, Metrics } from '@vedette/telemetry';
import type { Updater } from '@vedette/updater';
import { type CheckUrl, checkUrlOnBus } from '../config/hosts.ts';
import type { Settings, WatchedHost } from '../config/load.ts';
import { type BusSource, openBusSource } from './bus-source.ts';
import { heldPart, type Stop } from './held-part.ts';
import { type Agreed, agreeOnHosts } from './known-hosts.ts';
import { LiveHosts } from './live-hosts.ts';
import { loadParts, type Parts } from './parts.ts';
import { type RegisteredProcess, registerProcess } from './registry.ts';

export interface AllInOneOptions {
  readonly settings: Settings;
  readonly hosts: readonly WatchedHost[];
  /** Whether those are all hosts there are: others that the store knows were then taken away. */
  readonly hostsAreAll: boolean;
  /** What the fetchers object to in a URL; left out: no host can be added while the process runs. */
  readonly checkUrl?: CheckUrl;
  /** Loads what reaches the hosts; called while the store is being opened. */
  readonly drivers: () => Promise<readonly HostDriver[]>;
  /** What the store works with; the caller's to dispose of, after the group has ended. */
  readonly threads: SqliteThreads;
  readonly kind: RegisteredProcess['kind'];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** When the process was started, on the clock. */
  readonly startedMs: number;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** A listener that hears everything: started before anything publishes, stopped after it. */
  readonly listener?: (running: Running) => Promise<Stop>;
  /** Told of every state of the group. */
  readonly onState?: (state: RunState) => void;
}

/** What a listener may use. */
export interface Running {
  readonly store: Store;
  /** A connection of its own, closed with the process. */
  readonly bus: Bus;
  /** Undefined before it was started. */
  readonly monitor: () => HostMonitor | undefined;
}

/**
 * The whole of Vedette in one process: on the embedded defaults, memory bus and sqlite store, or on a broker that
 * agents and other programs share with it. Starting and stopping its group is the caller's.
 *
 * Parts start in the order of the data but for the API, which waits until the hosts are being polled: what counts is
 * the time to the first knowledge. They stop in reverse, so that what was observed still gets into the store.
 */
export class AllInOne {
  readonly group: RunGroup;
  readonly #options: AllInOneOptions;
  #store: Store | undefined;
  #busSource: BusSource | undefined;
  #updater: Updater | undefined;
  #monitor: HostMonitor | undefined;
  #firstSnapshotMs: number | undefined;
  readonly #firstSnapshot = Promise.withResolvers<void>();
  #agreed: Agreed | undefined;
  #parts: Parts | undefined;
  #drivers: readonly HostDriver[] = [];

  constructor(options: AllInOneOptions) {
    this.#options = options;
    const { clock, logger, onState } = options;
    this.group = new RunGroup({
      clock,
      parts: [
        heldPart('store', () => this.#openStore()),
        heldPart('bus', (started) => this.#openBus(started)),
        heldPart('updater', (started) => this.#startUpdater(started)),
        heldPart('host-monitor', (started) => this.#startMonitor(started)),
        heldPart('metrics', (started) => this.#startMetrics(started)),
        heldPart('api', (started) => this.#startApi(started)),
        heldPart('registry', () => this.#register()),
      ],
      onEvent: (event) => {
        if (event.kind === 'state') onState?.(event.state);
        if (event.kind === 'part') logger.debug({ part: event.part, phase: event.phase }, 'part');
        if (event.kind === 'part-failed') logger.debug({ part: event.part, err: event.error }, 'a part failed');
        if (event.kind === 'forced') logger.warn({ parts: event.parts }, 'parts did not stop in time and are forced');
      },
    });
  }

  /** From the start of the process to the first HostSnapshot that was published; undefined before. */
  get firstSnapshotMs(): number | undefined {
    return this.#firstSnapshotMs;
  }

  /** The hosts watched when the monitor was started: the configuration's and those that people added. */
  get watched(): readonly WatchedHost[] {
    return this.#agreed?.watched ?? [];
  }

  async #openStore(): Promise<Stop> {
    const { settings, clock, drivers, threads } = this.#options;
    const { historyRows, historyRowsPerVm, fleetLogRows, goneVms } = settings.config.store;
    await mkdir(dirname(settings.storePath), { recursive: true });
    const limits = { historyRows, historyRowsPerVM: historyRowsPerVm, fleetLogRows, goneVMs: goneVms };
    const opening = openSqliteStore({ path: settings.storePath, clock, limits, threads });
    const loading = Promise.all([loadParts(), drivers()]); // while the threads of the store are starting
    const [opened, loaded] = await Promise.allSettled([opening, loading]);
    if (opened.status === 'rejected') throw opened.reason;
    const store = opened.value;
    if (loaded.status === 'rejected') {
      await store.close();
      throw loaded.reason;
    }
    this.#store = store;
    [this.#parts, this.#drivers] = loaded.value;
    return () => store.close();
  }

  async #openBus({ signal }: { readonly signal: AbortSignal }): Promise<Stop> {
    const { clock, listener, logger, settings } = this.#options;
    const { store } = this.#started();
    const { member, inConfig } = settings;
    const absolute = (path: string, key: string): string => inConfig(path, `bus.${key}`);
    const source = await openBusSource({ settings: settings.config.bus, absolute, member, clock, logger });
    this.#busSource = source;
    try {
      await this.#watchForFirstSnapshot(signal);
      const bus = await this.#connect('listener', signal);
      const stopListener = await listener?.({ store, bus, monitor: () => this.#monitor });
      return async (options) => {
        await stopListener?.(options);
        await source.close();
      };
    } catch (error) {
      await source.close();
      throw error;
    }
  }

  async #startUpdater(started: { readonly signal: AbortSignal }): Promise<Stop> {
    const { settings, clock, logger } = this.#options;
    const { store, parts } = this.#started();
    const updater = parts.createUpdater({
      ...{ member: settings.member, store, clock, bus: await this.#connect('updater', started.signal) },
      logger: logger.child({ component: 'updater' }),
      config: settings.config.updater,
    });
    await updater.start(started);
    this.#updater = updater;
    return (options) => updater.stop(options);
  }

  async #startMonitor(started: { readonly signal: AbortSignal }): Promise<Stop> {
    const { settings, hosts, hostsAreAll, clock, logger } = this.#options;
    const { store, parts } = this.#started();
    const agreed = await agreeOnHosts({ store, hosts, hostsAreAll, logger });
    this.#agreed = agreed;
    this.#updater?.pokeRelay();
    const monitor = parts.createHostMonitor({
      ...{
        member: settings.member,
        observers: store,
        drivers: [...this.#drivers, ...(await this.#agents(started.signal))],
        clock,
        bus: await this.#connect('host-monitor', started.signal),
      },
      logger: logger.child({ component: 'host-monitor' }),
      config: settings.config.monitor,
    });
    await monitor.start(started);
    this.#monitor = monitor;
    try {
      await this.#watch(monitor, agreed, started.signal);
    } catch (error) {
      await monitor.stop({ deadlineMs: clock.now() + stopTimeoutMs, signal: AbortSignal.abort() });
      throw error;
    }
    return (options) => monitor.stop(options);
  }

  /** One host that cannot be watched must not keep the others from it; the configuration's were checked before. */
  async #watch(monitor: HostMonitor, { watched, added }: Agreed, signal: AbortSignal): Promise<void> {
    for (const { id, realm, url } of watched) {
      signal.throwIfAborted();
      try {
        // oxlint-disable-next-line no-await-in-loop -- no I/O: each only sets its actor going
        await monitor.addHost({ id, realm, url });
      } catch (error) {
        if (!added.has(id)) throw error;
        const detail = { host: id, url, err: error };
        this.#options.logger.error(detail, 'a host that a person added cannot be watched: remove it, or add it anew');
      }
    }
  }

  async #startApi(started: { readonly signal: AbortSignal }): Promise<Stop> {
    const { settings, clock, logger, metrics } = this.#options;
    await this.#firstKnowledge(started.signal);
    const api = this.#started().parts.createApi({
      ...{ store: this.#started().store, bus: await this.#connect('api', started.signal), clock, logger, metrics },
      socketPath: settings.socketPath,
      ...this.#hostControl(),
      onOutboxed: () => this.#updater?.pokeRelay(),
    });
    await mkdir(dirname(settings.socketPath), { recursive: true });
    await api.start(started);
    return (options) => api.stop(options);
  }

  /** Only where the configuration says where; the API on the socket has none. */
  async #startMetrics(started: { readonly signal: AbortSignal }): Promise<Stop> {
    const { settings, clock, logger, metrics } = this.#options;
    const { listen } = settings.config.metrics;
    const [monitor, updater] = [this.#monitor, this.#updater];
    if (listen === undefined || monitor === undefined || updater === undefined) return async () => undefined;
    const { startMetricsEndpoint } = await import('./metrics-endpoint.ts');
    const bus = await this.#connect('metrics', started.signal);
    return startMetricsEndpoint({ listen, bus, clock, logger, metrics, monitor, updater }, started);
  }

  #hostControl(): { readonly hosts?: LiveHosts } {
    const { settings, checkUrl, logger } = this.#options;
    const { store } = this.#started();
    if (this.#monitor === undefined) return {};
    const { groups, config } = settings;
    const check = checkUrl && checkUrlOnBus(config.bus.url, checkUrl);
    return { hosts: new LiveHosts({ store, monitor: this.#monitor, groups, checkUrl: check, logger }) };
  }

  /** Starting the API is work for the processor, which the first polls have a use for. */
  async #firstKnowledge(signal: AbortSignal): Promise<void> {
    const waiting = new AbortController();
    const patience = this.#options.clock.sleep(apiPatienceMs, { signal: AbortSignal.any([signal, waiting.signal]) });
    await Promise.race([this.#firstSnapshot.promise, patience.catch(() => undefined)]); // the group knows of its stop
    waiting.abort();
  }

  async #register(): Promise<Stop> {
    const { settings, env, kind } = this.#options;
    const entry = { pid: process.pid, kind, store: settings.storePath, socket: settings.socketPath };
    const registration = await registerProcess(env, entry);
    return async () => registration[Symbol.asyncDispose]();
  }

  async #watchForFirstSnapshot(signal: AbortSignal): Promise<void> {
    const { clock, startedMs, logger } = this.#options;
    const bus = await this.#connect('start', signal);
    await bus.subscribe({
      patterns: [channels.HostSnapshot.address.replace('{host}', '*')],
      handler: () => {
        if (this.#firstSnapshotMs !== undefined) return;
        this.#firstSnapshotMs = clock.now() - startedMs;
        this.#firstSnapshot.resolve();
        logger.info({ sinceStartMs: Math.round(this.#firstSnapshotMs) }, 'first snapshot of a host');
        void bus.close(); // never rejects; this was all it was for
      },
    });
  }

  /** Hosts with an agent are reached over the bus; within this process there are none. */
  async #agents(signal: AbortSignal): Promise<readonly HostDriver[]> {
    const { settings, clock } = this.#options;
    if (settings.config.bus.url === 'memory:') return [];
    const { agentDriver } = await import('@vedette/fetcher/agent');
    return [agentDriver({ bus: await this.#connect('agents', signal), clock })];
  }

  async #connect(name: string, signal: AbortSignal): Promise<Bus> {
    if (this.#busSource === undefined) throw new Error('the bus is not open yet');
    return this.#busSource.connect(name, { signal });
  }

  /** What every part after the first stands on; the order of the group makes sure that it is there. */
  #started(): { readonly store: Store; readonly parts: Parts } {
    if (this.#store === undefined || this.#parts === undefined) throw new Error('the store is not open yet');
    return { store: this.#store, parts: this.#parts };
  }
}

/** How long the API waits for the first snapshot of a host: after a clean end there is none. */
const apiPatienceMs = 250;

/** What a monitor that could not take its hosts may take to stop. */
const stopTimeoutMs = 1_000;
