import type { Bus } from '@vedette/bus';
import { createMemoryBroker } from '@vedette/bus/memory';
import {
  decodeHostCoverage,
  decodeMonitorBlind,
  decodeObserverEvent,
  type HostCoverage,
  type MonitorBlind,
  type ObserverEvent,
  subjects,
} from '@vedette/model';
import { seededRandom } from '@vedette/runtime';
import { SimulatedClock } from '@vedette/runtime/simulated-clock';
import { createFleet, type Fleet, type FleetOptions, simulationDriver } from '@vedette/simulation';
import { createMemoryStore } from '@vedette/store/memory';
import { silentLogger } from '@vedette/telemetry';
import { createHostMonitor, type HostMonitor, type MonitorConfig } from '../../src/index.ts';
import { BeatingDriver } from './beating-driver.ts';

export interface WatchedFleetOptions extends Partial<FleetOptions> {
  readonly monitor?: Partial<MonitorConfig>;
  /** Without it the hosts do not beat. Default true. */
  readonly heartBeats?: boolean;
  readonly inStep?: boolean;
  /** Hosts are asked over the monitor's own bus. Default false. */
  readonly overBus?: boolean;
  readonly latencyMs?: number;
  /** No host answers, until `driver.cut` says otherwise. */
  readonly cutFromTheStart?: boolean;
}

type Heard = ObserverEvent | MonitorBlind;

/** A monitor over a simulated fleet and a memory bus, on a simulated clock, with a listener that stays connected. */
export class WatchedFleet implements AsyncDisposable {
  readonly clock = new SimulatedClock();
  readonly fleet: Fleet;
  readonly broker = createMemoryBroker({ clock: this.clock });
  readonly store = createMemoryStore({ clock: this.clock });
  readonly driver: BeatingDriver;
  readonly heard: Heard[] = [];
  readonly coverages: HostCoverage[] = [];
  readonly #options: WatchedFleetOptions;
  readonly #bus: Bus;
  /** The store takes in what is told, in order: a monitor started anew opens with it. */
  #applying: Promise<unknown> = Promise.resolve();
  monitor: HostMonitor;

  private constructor(options: WatchedFleetOptions) {
    const { seed = 1, hosts = 4, vmsPerHost = 2, overBus = false, latencyMs = 2, ...rest } = options;
    const { heartBeats = true, inStep = false } = options;
    this.#options = options;
    this.fleet = createFleet({ seed, hosts, vmsPerHost, ...rest });
    this.#bus = this.broker.connect({ name: 'monitor' });
    const inner = simulationDriver({
      fleet: this.fleet,
      clock: this.clock,
      latencyMs,
      capabilities: { push: heartBeats, delta: true },
    });
    this.driver = new BeatingDriver({
      ...{ inner, clock: this.clock, inStep },
      ...(overBus ? { bus: this.#bus } : {}),
    });
    this.monitor = this.#newMonitor();
  }

  /** Watched since 4 s, every host listed. */
  static async begin(options: WatchedFleetOptions = {}): Promise<WatchedFleet> {
    const watched = new WatchedFleet(options);
    const listener = watched.broker.connect({ name: 'listener' });
    await listener.subscribe({
      patterns: ['vedette.v1.>'],
      handler: (subject, bytes) => watched.#hear(subject, bytes),
    });
    const ids = watched.fleet.hostIds();
    if (options.cutFromTheStart) for (const id of ids) watched.driver.cut.add(id);
    await watched.store.registerHosts(ids.map((id) => ({ id, name: id, realm: 'r', url: `sim://${id}` })));
    await watched.startMonitor();
    await watched.pass(4_000);
    return watched;
  }

  get nowMs(): number {
    return this.clock.now();
  }

  get hosts(): readonly string[] {
    return this.fleet.hostIds();
  }

  host(index: number): string {
    return this.fleet.host(index).id;
  }

  /** Simulated time goes on. */
  pass(ms: number): Promise<void> {
    return this.clock.advance(ms);
  }

  setState(host: number, seat: number, state: 'running' | 'paused' | 'stopped'): void {
    const vm = this.fleet.vmId(host, seat);
    this.fleet.script.add({ kind: 'state', atMs: this.nowMs, host: this.host(host), vm, state });
  }

  told<N extends Heard['type']>(type: N): Array<Extract<Heard, { type: N }>> {
    return this.heard.filter((event): event is Extract<Heard, { type: N }> => event.type === type);
  }

  forget(): void {
    this.heard.length = 0;
    this.coverages.length = 0;
    this.driver.polls.length = 0;
  }

  proofAgeMs(host: string): number {
    return this.nowMs - (this.monitor.proofs.get(host)?.provedMs ?? Number.NEGATIVE_INFINITY);
  }

  get stretched(): number {
    let stretched = 0;
    for (const proof of this.monitor.proofs.values()) if (proof.stretched) stretched++;
    return stretched;
  }

  async startMonitor(): Promise<void> {
    this.monitor = this.#newMonitor();
    await this.monitor.start({ signal: new AbortController().signal });
    for (const id of this.hosts) await this.monitor.addHost({ id, realm: 'r', url: `sim://${id}` });
  }

  async stopMonitor(): Promise<void> {
    let done = false;
    const ended = this.monitor
      .stop({ deadlineMs: this.nowMs + 10_000, signal: new AbortController().signal })
      .finally(() => {
        done = true;
      });
    await this.clock.advanceUntil(() => done, { stepMs: 10 });
    await ended;
  }

  async castMark(mark: number): Promise<void> {
    const caster = this.broker.connect({ name: `caster ${mark}` });
    const subject = subjects.mark();
    const document = {
      ...{ specversion: '1.0', id: `mark/${mark}`, source: '/test', type: 'vedette.MarkCast.v1', subject },
      ...{ time: '2026-01-01T00:00:00Z', datacontenttype: 'application/json', dataschema: 'urn:vedette:v1:MarkCast' },
      data: { mark, realms: [] },
    };
    caster.send(subject, Buffer.from(JSON.stringify(document)));
    await caster.close();
  }

  #newMonitor(): HostMonitor {
    const { monitor = {} } = this.#options;
    return createHostMonitor({
      member: 'm1',
      bus: this.#bus,
      observers: this.store,
      drivers: [this.#options.heartBeats === false ? this.#withoutBeats() : this.driver],
      clock: this.clock,
      logger: silentLogger(),
      random: seededRandom(1),
      config: monitor,
    });
  }

  #withoutBeats() {
    const { driver } = this;
    return {
      schemes: driver.schemes,
      open: (host: { readonly id: string; readonly url: string }) => {
        const fetcher = driver.open(host);
        Object.assign(fetcher, { capabilities: { ...fetcher.capabilities, heartBeats: false } });
        return fetcher;
      },
    };
  }

  #hear(subject: string, bytes: Uint8Array): void {
    if (subject === subjects.coverage('m1')) this.coverages.push(accepted(decodeHostCoverage(bytes)));
    else if (subject === subjects.blind('m1')) this.heard.push(accepted(decodeMonitorBlind(bytes)));
    else if (/^vedette\.v1\.(vm|host)\./.test(subject)) {
      const event = accepted(decodeObserverEvent(bytes));
      this.heard.push(event);
      this.#applying = this.#applying.then(() => this.store.apply([{ event, position: undefined }]));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopMonitor();
    await this.#applying;
    await this.store.close();
  }
}

function accepted<T>(result: { ok: true; value: T } | { ok: false; fault: { message: string } }): T {
  if (!result.ok) throw new Error(result.fault.message);
  return result.value;
}
