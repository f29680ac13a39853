import type { Bus, Consumer } from '@vedette/bus';
import { connectNats, durableSubjects, type NatsStreamOptions } from '@vedette/bus/nats';
import { createHostMonitor, type HostMonitor, type MonitorConfig } from '@vedette/host-monitor';
import type { FleetEvent, MonitorBlind, ObserverEvent, VMState } from '@vedette/model';
import { RealClock, type StopOptions } from '@vedette/runtime';
import { createFleet, type Fleet, type FleetOptions, type ScriptEntry, simulationDriver } from '@vedette/simulation';
import type { Store } from '@vedette/store';
import { createMemoryStore } from '@vedette/store/memory';
import { silentLogger } from '@vedette/telemetry';
import { eventually, startTcpProxy, type TcpProxy } from '@vedette/testbed';
import type { NatsServer } from '@vedette/testbed/nats';
import { createUpdater, type Updater } from '@vedette/updater';

export type KeptEvent = ObserverEvent | FleetEvent | MonitorBlind;
type EventType = KeptEvent['type'];
type Named<N extends string> = Extract<KeptEvent, { readonly type: `vedette.${N}.v1` }>;

export interface SpineOptions extends Partial<Pick<FleetOptions, 'hosts' | 'vmsPerHost'>> {
  readonly config?: Partial<MonitorConfig>;
  readonly stream?: Partial<NatsStreamOptions>;
  /** In memory unless said; the spine closes it. */
  readonly store?: Store;
}

/** Short times, so that what goes wrong shows within seconds: a host is judged after little more than one. */
const shortTimes: Partial<MonitorConfig> = {
  pollIntervalMs: 500,
  backoffMaxMs: 500,
  graceBaseMs: 1_000,
  gracePerVmMs: 0,
  sightedAfterMs: 1_000,
  publishTimeoutMs: 2_000,
  statsIntervalMs: 0,
  deviceStatsIntervalMs: 0,
  describeIntervalMs: 0,
};

/**
 * The whole spine over a real NATS, on the machine's own clock: a simulated fleet, host actors, the updater and a
 * store, with the stream read from its beginning. The monitor and the others reach the broker by ways of their own,
 * which can be cut one by one.
 */
export class NatsSpine implements AsyncDisposable {
  readonly clock = new RealClock();
  readonly fleet: Fleet;
  readonly store: Store;
  readonly monitor: HostMonitor;
  readonly #options: SpineOptions;
  readonly #servers: readonly NatsServer[];
  readonly #monitorWays: readonly TcpProxy[];
  readonly #updater: Updater;
  readonly #buses: readonly Bus[];
  readonly #originMs: number;
  /** By position in the stream: what is delivered again stands there once. */
  readonly #kept = new Map<number, KeptEvent>();
  #keeper: Consumer | undefined;
  #keeping: Promise<void> | undefined;

  private constructor(servers: readonly NatsServer[], options: SpineOptions, links: Links) {
    this.#options = options;
    this.#servers = servers;
    this.#monitorWays = links.monitorWays;
    this.#buses = [links.monitor, links.updater, links.keeper];
    const { clock } = this;
    const { hosts = 4, vmsPerHost = 5, store = createMemoryStore({ clock }) } = options;
    this.fleet = createFleet({ seed: 1, hosts, vmsPerHost });
    this.store = store;
    this.#originMs = clock.now();
    const shared = { clock, logger: silentLogger(), random: () => 0.5 };
    // A monitor that is cut off for seconds must not count as lost, on the slowest machine.
    const config = { failureMs: 60_000 };
    this.#updater = createUpdater({ ...shared, member: 'u1', bus: links.updater, store, config });
    this.monitor = createHostMonitor({
      ...shared,
      member: 'm1',
      bus: links.monitor,
      observers: store,
      drivers: [simulationDriver({ fleet: this.fleet, clock, originMs: this.#originMs })],
      config: { ...shortTimes, ...options.config },
    });
  }

  /** A spine whose store knows every VM of the fleet, and that has come to rest; the servers are the caller's, and outlive it. */
  static async begin(servers: readonly NatsServer[], options: SpineOptions = {}): Promise<NatsSpine> {
    const spine = new NatsSpine(servers, options, await openLinks(servers, options.stream ?? {}));
    try {
      await spine.#start();
      return spine;
    } catch (error) {
      await spine[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #start(): Promise<void> {
    const { signal } = new AbortController();
    const ids = this.fleet.hostIds();
    const hosts = ids.map((id) => ({ id, realm: this.fleet.host(id).realm, url: `sim://${id}` }));
    await this.store.registerHosts(hosts.map((host) => ({ ...host, name: host.id })));
    const [, , keeper] = this.#buses;
    this.#keeper = await keeper?.consume({
      group: 'keeper',
      patterns: [...durableSubjects],
      maxInFlight: 2_000,
      from: 'beginning',
    });
    this.#keeping = this.#keep();
    await this.#updater.start({ signal });
    await this.monitor.start({ signal });
    for (const host of hosts) await this.monitor.addHost(host);
    await eventually(() => this.#expectDocuments(), { timeoutMs: 60_000, intervalMs: 100 });
    await this.agree();
  }

  /** The documents of VMs follow their states, one host after the other: until they are all told it is not quiet. */
  #expectDocuments(): void {
    const { hosts, vmsPerHost } = this.fleet.options;
    const told = [this.told('VMConfigChanged').length, this.told('VMGuestChanged').length];
    if (Math.min(...told) < hosts * vmsPerHost) throw new Error(`only ${told.join(' and ')} documents were told`);
  }

  async #keep(): Promise<void> {
    for (;;) {
      const deliveries = await this.#keeper?.next(500);
      if (deliveries === undefined) return;
      for (const delivery of deliveries) {
        const event = JSON.parse(Buffer.from(delivery.payload).toString()) as KeptEvent;
        this.#kept.set(delivery.position ?? -1, event);
        delivery.ack();
      }
    }
  }

  // ---- The fleet ---------------------------------------------------------------------------------------------

  get fleetMs(): number {
    return this.clock.now() - this.#originMs;
  }

  host(index: number): string {
    return this.fleet.host(index).id;
  }

  vm(host: number, seat: number): string {
    return this.fleet.vmId(host, seat);
  }

  script(...entries: readonly ScriptEntry[]): void {
    for (const entry of entries) this.fleet.script.add(entry);
  }

  /** A VM's state on its host from now on. */
  setState(host: number, vm: string, state: VMState): void {
    this.script({ kind: 'state', atMs: this.fleetMs, host: this.host(host), vm, state });
  }

  // ---- The monitor's way to the broker ------------------------------------------------------------------------

  async cutMonitor(): Promise<void> {
    await Promise.all(this.#monitorWays.map((way) => way.cut()));
  }

  async stallMonitor(): Promise<void> {
    await Promise.all(this.#monitorWays.map((way) => way.stall()));
  }

  async healMonitor(): Promise<void> {
    await Promise.all(this.#monitorWays.map((way) => way.heal()));
  }

  /** What the monitor sends and hears is on its way for so long, from now on. */
  delayMonitor(delayMs: number): void {
    for (const way of this.#monitorWays) way.delayMs = delayMs;
  }

  // ---- What was told -----------------------------------------------------------------------------------------

  /** What the stream keeps, in its order. */
  get kept(): KeptEvent[] {
    return [...this.#kept].sort(([a], [b]) => a - b).map(([, event]) => event);
  }

  /** How many events the stream kept up to now; see {@link since}. */
  get mark(): number {
    return this.#kept.size;
  }

  since(mark: number): KeptEvent[] {
    return this.kept.slice(mark);
  }

  told<N extends string>(name: N, mark = 0): Named<N>[] {
    const type = `vedette.${name}.v1` as EventType;
    return this.since(mark).filter((event) => event.type === type) as Named<N>[];
  }

  /** The states of a VM that its hosts told, as `from>to`. */
  transitions(vm: string, mark = 0): string[] {
    return this.told('VMStateChanged', mark)
      .filter(({ data }) => data.vm === vm)
      .map(({ data }) => `${data.from ?? ''}>${data.to}`);
  }

  /** Resolves when the store says of every VM what is true, and everything told has been read from the stream. */
  async agree(timeoutMs = 60_000): Promise<void> {
    await eventually(() => this.#expectAgreement(), { timeoutMs, intervalMs: 200 });
    await eventually(() => this.#expectAllRead(), { timeoutMs, intervalMs: 100 });
  }

  async #expectAgreement(): Promise<void> {
    const { items } = await this.store.vms({}, { limit: 10_000 });
    const known = new Map(items.map(({ id, truth }) => [id, truth.state]));
    const wrong: string[] = [];
    for (const { vm, state } of this.fleet.truth(this.fleetMs).values()) {
      if (known.get(vm) !== state) wrong.push(`${vm} is ${state}, the store has ${known.get(vm)}`);
    }
    if (wrong.length > 0) throw new Error(`${wrong.length} VMs differ, as ${wrong.slice(0, 3).join('; ')}`);
  }

  /** The stream's end, as the broker counts it, has come by. */
  async #expectAllRead(): Promise<void> {
    const server = this.#servers.find(({ running }) => running);
    const answer = await fetch(`${server?.monitorUrl}/jsz?streams=true`);
    const { account_details: accounts = [] } = (await answer.json()) as JetStreamState;
    const name = this.#options.stream?.name ?? 'VEDETTE';
    const stream = accounts.flatMap(({ stream_detail }) => stream_detail).find((one) => one.name === name);
    const last = Math.max(0, ...this.#kept.keys());
    if (stream?.state.last_seq !== last) throw new Error(`read up to ${last} of ${stream?.state.last_seq}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const options: StopOptions = { deadlineMs: this.clock.now() + 10_000, signal: new AbortController().signal };
    await this.healMonitor();
    await this.monitor.stop(options);
    await this.#updater.stop(options);
    await this.#keeper?.close();
    await this.#keeping;
    await Promise.all(this.#buses.map((bus) => bus.close({ timeoutMs: 1_000 })));
    await Promise.all(this.#monitorWays.map((way) => way.close()));
    await this.store.close();
  }
}

interface JetStreamState {
  readonly account_details?: readonly {
    readonly stream_detail: readonly { readonly name: string; readonly state: { readonly last_seq: number } }[];
  }[];
}

interface Links {
  readonly monitorWays: readonly TcpProxy[];
  readonly monitor: Bus;
  readonly updater: Bus;
  readonly keeper: Bus;
}

async function openLinks(servers: readonly NatsServer[], stream: Partial<NatsStreamOptions>): Promise<Links> {
  const monitorWays = await Promise.all(servers.map(({ port }) => startTcpProxy({ port })));
  const connect = (name: string, ports: readonly number[]): Promise<Bus> =>
    connectNats({
      servers: ports.map((port) => `nats://127.0.0.1:${port}`),
      clock: new RealClock(),
      name,
      discoverServers: false,
      reconnectWaitMs: 100,
      connectTimeoutMs: 30_000,
      stream,
    });
  const direct = servers.map(({ port }) => port);
  const monitor = await connect(
    'monitor',
    monitorWays.map(({ port }) => port),
  );
  return { monitorWays, monitor, updater: await connect('updater', direct), keeper: await connect('keeper', direct) };
}
