import { type FleetEvent, isProviderObserver, type ObserverEvent, type VMTruth } from '@vedette/model';
import type { SimulatedClock } from '@vedette/runtime/simulated-clock';
import { test } from 'vitest';
import type { StoreLimits } from '../engine/limits.ts';
import { type ApplyResult, decodeFleetEvent, type Store, type VMRecord } from '../port.ts';
import { coverage, ScriptedObserver } from './scripted-observer.ts';

/** What a driver's test supplies. */
export interface StoreUnderTest extends AsyncDisposable {
  readonly store: Store;
  readonly clock: SimulatedClock;
  /** Closes the store and opens the same data again; undefined where nothing survives a close. */
  readonly reopen: (() => Promise<Store>) | undefined;
}

export interface StoreConformanceOptions {
  setup(options?: { readonly limits?: Partial<StoreLimits> }): Promise<StoreUnderTest>;
  /** Data survives a close. */
  readonly durable: boolean;
}

/** Declares a test of what only a driver that survives a close promises; of others it is no promise, and no test. */
export function durableTest({ durable }: StoreConformanceOptions): (title: string, run: () => Promise<void>) => void {
  return durable ? test : () => undefined;
}

/** A store with hosts and a script: what most tests begin with. */
export class Scene implements AsyncDisposable {
  readonly clock: SimulatedClock;
  readonly #tested: StoreUnderTest;
  #store: Store;
  #logged = 0;

  constructor(tested: StoreUnderTest) {
    this.#tested = tested;
    this.#store = tested.store;
    this.clock = tested.clock;
  }

  static async of(options: StoreConformanceOptions, limits?: Partial<StoreLimits>): Promise<Scene> {
    return new Scene(await options.setup(limits === undefined ? {} : { limits }));
  }

  get store(): Store {
    return this.#store;
  }

  async reopen(): Promise<void> {
    if (this.#tested.reopen === undefined) throw new Error('this driver keeps nothing');
    this.#store = await this.#tested.reopen();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tested[Symbol.asyncDispose]();
  }

  /** Registers hosts of one realm and opens their observers. */
  async hosts<const I extends readonly string[]>(ids: I, realm = 'r1'): Promise<{ [K in keyof I]: ScriptedObserver }> {
    await this.store.registerHosts(ids.map((id) => ({ id, name: `name of ${id}`, realm, url: `test://${id}` })));
    const opened: ScriptedObserver[] = [];
    for (const id of ids) opened.push(await this.open(id));
    return opened as { [K in keyof I]: ScriptedObserver };
  }

  async open(id: string): Promise<ScriptedObserver> {
    const { epoch } = await this.store.openObserver(id);
    return new ScriptedObserver(id, epoch);
  }

  apply(...events: readonly ObserverEvent[]): Promise<ApplyResult> {
    return this.store.apply(events.map((event) => ({ event, position: undefined })));
  }

  /** Applies each event in a batch of its own. */
  async applyEach(...events: readonly ObserverEvent[]): Promise<void> {
    for (const event of events) await this.apply(event);
  }

  async record(vm: string): Promise<VMRecord | undefined> {
    return this.store.vm(vm);
  }

  /** The VM's truth as joined when reading. */
  async truth(vm: string): Promise<VMTruth | undefined> {
    return (await this.store.vm(vm))?.truth;
  }

  async ids(query: Parameters<Store['vms']>[0] = {}): Promise<string[]> {
    const { items } = await this.store.vms(query, { limit: 1_000 });
    return items.map((item) => item.id);
  }

  /** Fleet events since the last call. */
  async fleetEvents(): Promise<FleetEvent[]> {
    const logged = (await this.store.fleetLog(this.#logged, 10_000)) ?? [];
    this.#logged = logged.at(-1)?.position ?? this.#logged;
    return logged.map(decodeFleetEvent);
  }

  /** Fleet events since the last call as `<reason> <vm>: <state>` and `<host>: <state>`. */
  async fleetWords(): Promise<string[]> {
    return (await this.fleetEvents()).map(({ data }) =>
      'vm' in data ? `${data.reason} ${data.vm}: ${data.state}` : `${data.host}: ${data.state}`,
    );
  }

  /** Casts a mark and has these observers answer it, each at its last version. */
  async confirm(...observers: readonly ScriptedObserver[]): Promise<void> {
    const cast = await this.store.castMark();
    if (cast === undefined) return;
    const marks = observers
      .filter(({ id }) => !isProviderObserver(id))
      .map(({ id, version }) => ({ host: id, mark: cast.mark, version }));
    await this.store.applyCoverage(coverage('m1', observers.length, { marks }));
  }
}
