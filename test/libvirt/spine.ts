import { createMemoryBroker } from '@vedette/bus/memory';
import { libvirtDriver } from '@vedette/fetcher/libvirt';
import { createHostMonitor, type HostMonitor } from '@vedette/host-monitor';
import type { FleetEvent, ObserverEvent } from '@vedette/model';
import { RealClock } from '@vedette/runtime';
import type { Store } from '@vedette/store';
import { createMemoryStore } from '@vedette/store/memory';
import { silentLogger } from '@vedette/telemetry';
import { createUpdater } from '@vedette/updater';

type HeardEvent = (ObserverEvent | FleetEvent) & { readonly heardMs: number };

/** The whole spine over a real libvirtd, in this process, with everything told about VMs and hosts written down. */
export class Spine implements AsyncDisposable {
  readonly clock = new RealClock();
  readonly broker = createMemoryBroker({ clock: this.clock });
  readonly store: Store = createMemoryStore({ clock: this.clock });
  readonly heard: HeardEvent[] = [];
  readonly #url: string;
  readonly #updater;
  #monitor: HostMonitor;

  private constructor(socketPath: string, readOnly: boolean) {
    this.#url = `libvirt:///system?socket=${socketPath}${readOnly ? '&readonly=1' : ''}`;
    const { clock, store } = this;
    const shared = { clock, store, logger: silentLogger() };
    this.#updater = createUpdater({ ...shared, member: 'u1', bus: this.broker.connect({ name: 'updater' }) });
    this.#monitor = this.#newMonitor();
  }

  static async begin(socketPath: string, options: { readonly readOnly?: boolean } = {}): Promise<Spine> {
    const spine = new Spine(socketPath, options.readOnly ?? false);
    const listener = spine.broker.connect({ name: 'listener' });
    await listener.subscribe({
      patterns: ['vedette.v1.vm.>', 'vedette.v1.host.>', 'vedette.v1.fleet.>'],
      handler: (_subject, payload) => {
        const event = JSON.parse(Buffer.from(payload).toString()) as ObserverEvent | FleetEvent;
        spine.heard.push({ ...event, heardMs: spine.clock.now() });
      },
    });
    await spine.store.registerHosts([{ id: 'kvm1', name: 'kvm1', realm: 'lab', url: spine.#url }]);
    await spine.#updater.start({ signal: new AbortController().signal });
    await spine.startMonitor();
    return spine;
  }

  async startMonitor(): Promise<void> {
    this.#monitor = this.#newMonitor();
    await this.#monitor.start({ signal: new AbortController().signal });
    await this.#monitor.addHost({ id: 'kvm1', realm: 'lab', url: this.#url });
  }

  stopMonitor(): Promise<void> {
    return this.#monitor.stop({ deadlineMs: this.clock.now() + 10_000, signal: new AbortController().signal });
  }

  #newMonitor(): HostMonitor {
    const { clock, store } = this;
    return createHostMonitor({
      member: 'm1',
      bus: this.broker.connect({ name: `monitor-${clock.now()}` }),
      observers: store,
      drivers: [libvirtDriver({ clock, agentIntervalMs: 2_000 })],
      clock,
      logger: silentLogger(),
      config: { pollIntervalMs: 1_000 },
    });
  }

  /** The states that were told of a VM, in order. */
  statesOf(vm: string): string[] {
    return this.heard
      .filter((event) => event.type === 'vedette.VMStateChanged.v1')
      .filter((event) => event.data.vm === vm)
      .map((event) => event.data.to);
  }

  fleetStatesOf(vm: string): string[] {
    return this.heard
      .filter((event) => event.type === 'vedette.VMChanged.v1')
      .filter((event) => event.data.vm === vm)
      .map((event) => event.data.state);
  }

  forget(): void {
    this.heard.length = 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopMonitor();
    await this.#updater.stop({ deadlineMs: this.clock.now() + 10_000, signal: new AbortController().signal });
    await this.store.close();
  }
}
