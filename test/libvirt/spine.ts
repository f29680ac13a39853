import { createMemoryBroker } from '@vedette/bus/memory';
import type { HostDriver } from '@vedette/fetcher';
import { libvirtDriver } from '@vedette/fetcher/libvirt';
import { createHostMonitor, type HostMonitor, type MonitorConfig } from '@vedette/host-monitor';
import type { FleetEvent, ObserverEvent } from '@vedette/model';
import { RealClock } from '@vedette/runtime';
import type { Store } from '@vedette/store';
import { createMemoryStore } from '@vedette/store/memory';
import { silentLogger } from '@vedette/telemetry';
import { createUpdater } from '@vedette/updater';

type HeardEvent = (ObserverEvent | FleetEvent) & { readonly heardMs: number };
type EventType = HeardEvent['type'];
type Named<N extends string> = Extract<HeardEvent, { readonly type: `vedette.${N}.v1` }>;

/** A host to watch. */
export interface SpineHost {
  readonly id: string;
  readonly url: string;
  readonly realm: string;
  /** The file system as its libvirtd sees it; this machine's own unless said. */
  readonly hostRoot?: string;
}

export interface SpineOptions {
  /** Of the form with one socket. */
  readonly readOnly?: boolean;
  /** Unless said, a host is polled every second, and non-responsive as in production. */
  readonly config?: Partial<MonitorConfig>;
}

/** The whole spine over real libvirtd, in this process, with everything told about VMs and hosts written down. */
export class Spine implements AsyncDisposable {
  readonly clock = new RealClock();
  readonly broker = createMemoryBroker({ clock: this.clock });
  readonly store: Store = createMemoryStore({ clock: this.clock });
  readonly heard: HeardEvent[] = [];
  readonly #hosts: readonly SpineHost[];
  readonly #config: Partial<MonitorConfig>;
  readonly #updater;
  #monitor: HostMonitor;

  private constructor(hosts: readonly SpineHost[], config: Partial<MonitorConfig>) {
    this.#hosts = hosts;
    this.#config = config;
    const { clock, store } = this;
    const shared = { clock, store, logger: silentLogger() };
    this.#updater = createUpdater({ ...shared, member: 'u1', bus: this.broker.connect({ name: 'updater' }) });
    this.#monitor = this.#newMonitor();
  }

  /** @param watched the unix socket of one libvirtd, which is then the host kvm1 of the realm lab, or several hosts */
  static async begin(watched: string | readonly SpineHost[], options: SpineOptions = {}): Promise<Spine> {
    const { readOnly = false, config = {} } = options;
    const hosts = typeof watched === 'string' ? [hostBySocket(watched, readOnly)] : watched;
    const spine = new Spine(hosts, { pollIntervalMs: 1_000, ...config });
    const listener = spine.broker.connect({ name: 'listener' });
    await listener.subscribe({
      patterns: ['vedette.v1.vm.>', 'vedette.v1.host.>', 'vedette.v1.fleet.>'],
      handler: (_subject, payload) => {
        const event = JSON.parse(Buffer.from(payload).toString()) as ObserverEvent | FleetEvent;
        spine.heard.push({ ...event, heardMs: spine.clock.now() });
      },
    });
    await spine.register(...hosts.map(({ id }) => id));
    await spine.#updater.start({ signal: new AbortController().signal });
    await spine.startMonitor();
    return spine;
  }

  async startMonitor(): Promise<void> {
    this.#monitor = this.#newMonitor();
    await this.#monitor.start({ signal: new AbortController().signal });
    for (const { id } of this.#hosts) await this.watch(id);
  }

  async watch(host: string): Promise<void> {
    const found = this.#hosts.find(({ id }) => id === host);
    if (found === undefined) throw new Error(`${host} is none of the hosts`);
    await this.#monitor.addHost({ id: found.id, realm: found.realm, url: found.url });
  }

  /** Hosts are of the fleet from now on, also those that were removed. */
  register(...ids: readonly string[]): Promise<void> {
    const named = this.#hosts.filter(({ id }) => ids.includes(id));
    return this.store.registerHosts(named.map(({ id, realm, url }) => ({ id, name: id, realm, url })));
  }

  /** From now on nobody looks at this host, which remains one of the fleet. */
  unwatch(host: string): Promise<void> {
    return this.#monitor.removeHost(host);
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
      drivers: [this.#driver()],
      clock,
      logger: silentLogger(),
      config: this.#config,
    });
  }

  /** One driver for all, that knows each host's file system. */
  #driver(): HostDriver {
    const { clock } = this;
    const common = { clock, agentIntervalMs: 2_000 };
    const roots = new Map(this.#hosts.map(({ id, hostRoot }) => [id, hostRoot]));
    const open: HostDriver['open'] = (host) => {
      const hostRoot = roots.get(host.id);
      return libvirtDriver(hostRoot === undefined ? common : { ...common, hostRoot }).open(host);
    };
    return { schemes: libvirtDriver(common).schemes, open };
  }

  /** Events of one kind since the last {@link forget}, of one VM if given. */
  told<N extends string>(name: N, vm?: string): Named<N>[] {
    const type = `vedette.${name}.v1` as EventType;
    const events = this.heard.filter((event) => event.type === type) as Named<N>[];
    return vm === undefined ? events : events.filter((event) => (event.data as { vm?: string }).vm === vm);
  }

  /** What the fleet was told of a VM, as `reason:state@host`. */
  truths(vm: string): string[] {
    return this.told('VMChanged', vm).map(({ data }) => `${data.reason}:${data.state}@${data.host ?? '-'}`);
  }

  /** The states that were told of a VM, in order; those that one host told, if named. */
  statesOf(vm: string, host?: string): string[] {
    return this.told('VMStateChanged', vm)
      .filter(({ data }) => host === undefined || data.host === host)
      .map(({ data }) => data.to);
  }

  /** As {@link statesOf}, each once where only its reason changed. */
  stepsOf(vm: string, host?: string): string[] {
    return this.statesOf(vm, host).filter((state, index, states) => state !== states[index - 1]);
  }

  /** Everything told of a VM's state, in order, one a line: what to read when a test has failed. */
  story(vm: string): string {
    const start = this.heard[0]?.heardMs ?? 0;
    const lines = this.heard.map((event) => {
      const at = `${(event.heardMs - start).toFixed(0)} ms`;
      if (event.type === 'vedette.VMStateChanged.v1' && event.data.vm === vm) {
        const { host, from = '-', to, value, via, passed } = event.data;
        const raw = `${value.raw.state}/${value.raw.reason}`;
        return `${at} ${host}: ${from} > ${to} (raw ${raw}, ${via}) ${passed.join(' ')}`;
      }
      if (event.type === 'vedette.VMChanged.v1' && event.data.vm === vm) {
        return `${at} fleet: ${event.data.reason}:${event.data.state}@${event.data.host ?? '-'} (${event.data.detail})`;
      }
      return '';
    });
    return ['what was told:', ...lines.filter((line) => line !== '')].join('\n');
  }

  /** What the fleet was told of a host, as `state` or `state: reason`. */
  hostStates(host: string): string[] {
    return this.told('HostChanged')
      .filter(({ data }) => data.host === host)
      .map(({ data }) => (data.reason === '' ? data.state : `${data.state}: ${data.reason}`));
  }

  /** Everything that was told of VMs, by anybody. */
  get vmEvents(): HeardEvent[] {
    return this.heard.filter(({ type }) => !type.startsWith('vedette.Host'));
  }

  fleetStatesOf(vm: string): string[] {
    return this.told('VMChanged', vm).map(({ data }) => data.state);
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

function hostBySocket(socketPath: string, readOnly: boolean): SpineHost {
  const url = `libvirt:///system?socket=${socketPath}${readOnly ? '&readonly=1' : ''}`;
  return { id: 'kvm1', realm: 'lab', url };
}
