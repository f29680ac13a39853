import { createMemoryBroker } from '@vedette/bus/memory';
import type { HostDriver } from '@vedette/fetcher';
import { libvirtDriver } from '@vedette/fetcher/libvirt';
import { createHostMonitor, type HostMonitor } from '@vedette/host-monitor';
import { RealClock } from '@vedette/runtime';
import type { Store } from '@vedette/store';
import { createMemoryStore } from '@vedette/store/memory';
import { silentLogger } from '@vedette/telemetry';
import { createUpdater } from '@vedette/updater';
import type { AnyEvent, Heard } from './history.ts';

export interface WatchedHost {
  readonly id: string;
  readonly socketPath: string;
  /** Where its /run, /proc and neighbour table are seen. */
  readonly rootDir: string;
}

const realm = 'lab';
const patterns = ['vedette.v1.vm.>', 'vedette.v1.host.>', 'vedette.v1.fleet.>'];

/**
 * The whole spine over real hosts, in this process: monitor and driver with the settings of production, the memory bus,
 * updater and memory store, and a listener that writes down everything told about VMs and hosts.
 */
export class ChurnSpine implements AsyncDisposable {
  readonly clock = new RealClock();
  readonly store: Store = createMemoryStore({ clock: this.clock });
  readonly heard: Heard[] = [];
  readonly #broker = createMemoryBroker({ clock: this.clock });
  readonly #hosts: readonly WatchedHost[];
  readonly #updater;
  #monitor: HostMonitor | undefined;

  private constructor(hosts: readonly WatchedHost[]) {
    this.#hosts = hosts;
    const { clock, store } = this;
    const bus = this.#broker.connect({ name: 'updater' });
    this.#updater = createUpdater({ member: 'u1', bus, store, clock, logger: silentLogger() });
  }

  /** @param onEvent called with each event as it comes */
  static async begin(hosts: readonly WatchedHost[], onEvent: (heard: Heard) => void): Promise<ChurnSpine> {
    const spine = new ChurnSpine(hosts);
    await spine.#broker.connect({ name: 'listener' }).subscribe({
      patterns,
      handler: (_subject, payload) => {
        const event = JSON.parse(Buffer.from(payload).toString()) as AnyEvent;
        const heard = { atMs: spine.clock.now(), event };
        spine.heard.push(heard);
        onEvent(heard);
      },
    });
    await spine.store.registerHosts(spine.#registrations());
    await spine.#updater.start({ signal: new AbortController().signal });
    await spine.startMonitor();
    return spine;
  }

  async startMonitor(): Promise<void> {
    const { clock, store } = this;
    const bus = this.#broker.connect({ name: `monitor-${clock.now()}` });
    const drivers = [this.#driver()];
    this.#monitor = createHostMonitor({ member: 'm1', bus, observers: store, drivers, clock, logger: silentLogger() });
    await this.#monitor.start({ signal: new AbortController().signal });
    for (const host of this.#registrations()) await this.#monitor.addHost(host);
  }

  /** In order: everything observed is told first. */
  async stopMonitor(): Promise<void> {
    await this.#monitor?.stop({ deadlineMs: this.clock.now() + 10_000, signal: new AbortController().signal });
  }

  /** At once, with whatever was under way: as near to a crash as one process comes. */
  async crashMonitor(): Promise<void> {
    await this.#monitor?.stop({ deadlineMs: this.clock.now(), signal: AbortSignal.abort() });
  }

  /** The driver of production, told for each host which namespaces it lives in. */
  #driver(): HostDriver {
    const { clock } = this;
    const roots = new Map(this.#hosts.map(({ id, rootDir }) => [id, rootDir]));
    const driverOf = (id: string): HostDriver => {
      const hostRoot = roots.get(id);
      return libvirtDriver({ clock, ...(hostRoot === undefined ? {} : { hostRoot }) });
    };
    return { schemes: libvirtDriver({ clock }).schemes, open: (host) => driverOf(host.id).open(host) };
  }

  #registrations() {
    return this.#hosts.map(({ id, socketPath }) => ({
      id,
      name: id,
      realm,
      url: `libvirt:///system?socket=${socketPath}`,
    }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopMonitor();
    await this.#updater.stop({ deadlineMs: this.clock.now() + 10_000, signal: new AbortController().signal });
    await this.store.close();
  }
}
