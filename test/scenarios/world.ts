import type { Bus } from '@vedette/bus';
import { createMemoryBroker } from '@vedette/bus/memory';
import { createHostMonitor, type HostMonitor, type MonitorConfig } from '@vedette/host-monitor';
import type {
  FleetEvent,
  HostCoverage,
  HostStatsSampled,
  MarkCast,
  ObserverEvent,
  VMState,
  VMStatsSampled,
} from '@vedette/model';
import { SimulatedClock } from '@vedette/runtime/simulated-clock';
import { createFleet, type Fleet, type FleetOptions, type ScriptEntry, simulationDriver } from '@vedette/simulation';
import type { Store } from '@vedette/store';
import { createMemoryStore } from '@vedette/store/memory';
import { silentLogger } from '@vedette/telemetry';
import { createUpdater, type Updater, type UpdaterConfig } from '@vedette/updater';

type AnyEvent = ObserverEvent | FleetEvent | HostCoverage | MarkCast | VMStatsSampled | HostStatsSampled;
type EventType = AnyEvent['type'];
type Named<N extends string> = Extract<AnyEvent, { type: `vedette.${N}.v1` }>;

const volatileTypes: ReadonlySet<EventType> = new Set([
  'vedette.HostCoverage.v1',
  'vedette.MarkCast.v1',
  'vedette.VMStatsSampled.v1',
  'vedette.HostStatsSampled.v1',
]);

export interface WorldOptions extends Partial<FleetOptions> {
  readonly monitor?: Partial<MonitorConfig>;
  readonly updater?: Partial<UpdaterConfig>;
  readonly push?: boolean;
  readonly delta?: boolean;
  readonly latencyMs?: number;
  /** Hosts registered and watched; default all of the fleet. */
  readonly watch?: readonly string[];
}

/**
 * The whole spine on a simulated clock: a simulated fleet, host actors, the memory bus, the updater and the memory
 * store, with everything that passes over the bus written down. Nothing in it is a stand-in for a part of ours.
 */
export class World implements AsyncDisposable {
  readonly clock = new SimulatedClock();
  readonly fleet: Fleet;
  readonly broker: ReturnType<typeof createMemoryBroker>;
  readonly store: Store;
  readonly heard: AnyEvent[] = [];
  readonly #options: WorldOptions;
  readonly #listener: Bus;
  readonly #busOfMonitor: Bus;
  readonly #busOfUpdater: Bus;
  monitor: HostMonitor;
  updater: Updater;

  private constructor(options: WorldOptions) {
    this.#options = options;
    const { seed = 1, hosts = 2, vmsPerHost = 2, ...rest } = options;
    this.fleet = createFleet({ seed, hosts, vmsPerHost, ...rest });
    this.broker = createMemoryBroker({ clock: this.clock });
    this.store = createMemoryStore({ clock: this.clock });
    this.#listener = this.broker.connect({ name: 'listener' });
    this.#busOfMonitor = this.broker.connect({ name: 'monitor' });
    this.#busOfUpdater = this.broker.connect({ name: 'updater' });
    this.monitor = this.#newMonitor();
    this.updater = this.#newUpdater();
  }

  /** A world in which every watched host has been listed once. */
  static async begin(options: WorldOptions = {}): Promise<World> {
    const world = new World(options);
    await world.#listener.subscribe({
      patterns: ['vedette.v1.>'],
      handler: (_subject, payload) => world.heard.push(JSON.parse(Buffer.from(payload).toString()) as AnyEvent),
    });
    await world.store.registerHosts(world.registrations());
    await world.updater.start({ signal: new AbortController().signal });
    await world.#watch();
    await world.pass(4_000);
    return world;
  }

  registrations() {
    const ids = this.#options.watch ?? this.fleet.hostIds();
    return ids.map((id) => ({ id, name: id, realm: this.realmOf(id), url: `sim://${id}` }));
  }

  realmOf(host: string): string {
    return this.fleet.host(host).realm;
  }

  /** Simulated time goes on. */
  pass(ms: number): Promise<void> {
    return this.clock.advance(ms);
  }

  get nowMs(): number {
    return this.clock.now();
  }

  /** Adds entries to what happens in the fleet. */
  script(...entries: ReadonlyArray<ScriptEntry | readonly ScriptEntry[]>): void {
    for (const entry of entries.flat()) this.fleet.script.add(entry);
  }

  host(index: number): string {
    return this.fleet.host(index).id;
  }

  vm(host: number, seat: number): string {
    return this.fleet.vmId(host, seat);
  }

  /** A VM's state on a host from now on. */
  setState(host: number, vm: string, state: VMState): void {
    this.script({ kind: 'state', atMs: this.nowMs, host: this.host(host), vm, state });
  }

  /** Events of one kind since the last {@link forget}, of one VM if given. */
  told<N extends string>(name: N, vm?: string): Named<N>[] {
    const type = `vedette.${name}.v1` as EventType;
    const events = this.heard.filter((event) => event.type === type) as Named<N>[];
    return vm === undefined ? events : events.filter((event) => (event.data as { vm?: string }).vm === vm);
  }

  /** The states a VM went through at observer level, as `from>to`, since the last {@link forget}. */
  transitions(vm: string, host?: string): string[] {
    return this.told('VMStateChanged', vm)
      .filter((event) => host === undefined || event.data.host === host)
      .map(({ data }) => `${data.from ?? ''}>${data.to}`);
  }

  /** What the fleet was told of a VM, as `reason:state@host`, since the last {@link forget}. */
  truths(vm: string): string[] {
    return this.told('VMChanged', vm).map(({ data }) => `${data.reason}:${data.state}@${data.host ?? '-'}`);
  }

  /** Everything but samples, coverage and marks: what must not exist where nothing happened. */
  get changesTold(): AnyEvent[] {
    return this.heard.filter((event) => !volatileTypes.has(event.type));
  }

  forget(): void {
    this.heard.length = 0;
  }

  /** What a reader of the store sees of a VM. */
  async state(vm: string): Promise<string | undefined> {
    const record = await this.store.vm(vm);
    if (record === undefined) return undefined;
    const { state, lastState } = record.truth;
    return state === 'unknown' ? `unknown (${lastState ?? '-'})` : state;
  }

  /** The monitor ends in order, and another takes over. */
  async restartMonitor(): Promise<void> {
    await this.stopMonitor();
    await this.startMonitor();
  }

  stopMonitor(): Promise<void> {
    return this.#finish(this.monitor.stop({ deadlineMs: this.nowMs + 10_000, signal: new AbortController().signal }));
  }

  /** Another monitor takes over although the first has not ended: what a crash, or a long pause, looks like. */
  async replaceMonitor(): Promise<HostMonitor> {
    const former = this.monitor;
    await this.startMonitor();
    return former;
  }

  /** The monitor no longer watches a host, as it does once it hears that the host was removed. */
  endWatching(host: string): Promise<void> {
    return this.#finish(this.monitor.removeHost(host));
  }

  async startMonitor(): Promise<void> {
    this.monitor = this.#newMonitor();
    await this.#watch();
  }

  async #watch(): Promise<void> {
    await this.monitor.start({ signal: new AbortController().signal });
    for (const host of this.registrations()) await this.monitor.addHost(host);
  }

  #newMonitor(): HostMonitor {
    const { push = true, delta = true, latencyMs = 1, monitor } = this.#options;
    return createHostMonitor({
      member: 'm1',
      bus: this.#busOfMonitor,
      observers: this.store,
      drivers: [simulationDriver({ fleet: this.fleet, clock: this.clock, latencyMs, capabilities: { push, delta } })],
      clock: this.clock,
      logger: silentLogger(),
      random: () => 0.5,
      ...(monitor === undefined ? {} : { config: monitor }),
    });
  }

  #newUpdater(): Updater {
    const { updater } = this.#options;
    return createUpdater({
      member: 'u1',
      bus: this.#busOfUpdater,
      store: this.store,
      clock: this.clock,
      logger: silentLogger(),
      random: () => 0.5,
      ...(updater === undefined ? {} : { config: updater }),
    });
  }

  /** Lets simulated time run until `work` is done. */
  async #finish(work: Promise<unknown>): Promise<void> {
    let done = false;
    const ended = work.finally(() => {
      done = true;
    });
    await this.clock.advanceUntil(() => done, { stepMs: 10 });
    await ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const options = { deadlineMs: this.nowMs + 10_000, signal: new AbortController().signal };
    await this.#finish(this.monitor.stop(options));
    await this.#finish(this.updater.stop(options));
    await this.store.close();
  }
}
