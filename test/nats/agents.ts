import { type Agents, createAgents } from '@vedette/agent';
import type { Bus } from '@vedette/bus';
import { connectNats } from '@vedette/bus/nats';
import { agentDriver } from '@vedette/fetcher/agent';
import { libvirtDriver } from '@vedette/fetcher/libvirt';
import { createHostMonitor, type HostMonitor } from '@vedette/host-monitor';
import { decodeFleetEvent, type FleetEvent, subjectPatterns } from '@vedette/model';
import { RealClock, type StopOptions } from '@vedette/runtime';
import { createFleet, type Fleet, simulationDriver } from '@vedette/simulation';
import { createMemoryStore } from '@vedette/store/memory';
import { silentLogger } from '@vedette/telemetry';
import { eventually } from '@vedette/testbed';
import type { LibvirtPair } from '@vedette/testbed/libvirt';
import type { NatsServer } from '@vedette/testbed/nats';
import { createUpdater, type Updater } from '@vedette/updater';

const signal = new AbortController().signal;
export const realHosts = ['kvm1', 'kvm2'];

/**
 * Agents of two real libvirtd, each on a connection of its own, and simulated ones beside them on another; a monitor, an
 * updater and a store that know them only over a real NATS. Settings of production but for the time in which a monitor
 * that is not heard of counts as lost.
 */
export class AgentFleet implements AsyncDisposable {
  readonly clock = new RealClock();
  readonly store = createMemoryStore({ clock: this.clock });
  readonly simulated: Fleet;
  /** What was told of the fleet, from the beginning. */
  readonly told: FleetEvent[] = [];
  readonly #originMs = this.clock.now();
  readonly #buses: Bus[] = [];
  readonly #agents: Agents[] = [];
  #updater: Updater | undefined;
  #monitor: HostMonitor | undefined;

  private constructor(simulatedHosts: number) {
    this.simulated = createFleet({ seed: 3, hosts: simulatedHosts, vmsPerHost: 4 });
  }

  /** A fleet whose store knows every host; server and libvirtd are the caller's, and outlive it. */
  static async begin(server: NatsServer, pair: LibvirtPair, simulatedHosts: number): Promise<AgentFleet> {
    const fleet = new AgentFleet(simulatedHosts);
    try {
      await fleet.#startAgents(server, pair);
      await fleet.#startServices(server);
      return fleet;
    } catch (error) {
      await fleet[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #startAgents(server: NatsServer, pair: LibvirtPair): Promise<void> {
    const { clock } = this;
    const common = { clock, logger: silentLogger() };
    for (const [at, libvirt] of [pair.source, pair.destination].entries()) {
      const url = `libvirt:///system?socket=${encodeURIComponent(libvirt.socketPath)}`;
      const hosts = [{ id: realHosts[at] ?? '', url }];
      // oxlint-disable-next-line no-await-in-loop -- two of them
      const bus = await this.#connect(server, `agent ${at}`, false);
      this.#agents.push(createAgents({ ...common, bus, hosts, driver: libvirtDriver({ clock }) }));
    }
    const driver = simulationDriver({ fleet: this.simulated, clock, originMs: this.#originMs });
    const hosts = this.simulated.hostIds().map((id) => ({ id, url: `sim://${id}` }));
    const bus = await this.#connect(server, 'agents', false);
    this.#agents.push(createAgents({ ...common, bus, hosts, driver, followBoot: true }));
    await Promise.all(this.#agents.map((agents) => agents.start({ signal })));
  }

  async #startServices(server: NatsServer): Promise<void> {
    const { clock, store } = this;
    const common = { clock, logger: silentLogger(), random: () => 0.5 };
    const listener = await this.#connect(server, 'listener', {});
    await listener.subscribe({
      patterns: [subjectPatterns.fleet],
      handler: (_subject, payload) => {
        const read = decodeFleetEvent(payload);
        if (read.ok) this.told.push(read.value);
      },
    });
    const ids = [...realHosts, ...this.simulated.hostIds()];
    const hosts = ids.map((id) => ({ id, realm: realHosts.includes(id) ? 'lab' : 'sim', url: `agent:${id}` }));
    await store.registerHosts(hosts.map((host) => ({ ...host, name: host.id })));
    const bus = await this.#connect(server, 'updater', {});
    this.#updater = createUpdater({ ...common, member: 'u1', bus, store, config: { failureMs: 60_000 } });
    await this.#updater.start({ signal });
    const drivers = [agentDriver({ bus: await this.#connect(server, 'driver', false), clock })];
    const monitorBus = await this.#connect(server, 'monitor', {});
    this.#monitor = createHostMonitor({ ...common, member: 'm1', bus: monitorBus, observers: store, drivers });
    await this.#monitor.start({ signal });
    for (const host of hosts) {
      // oxlint-disable-next-line no-await-in-loop -- no I/O: each only sets its actor going
      await this.#monitor.addHost(host);
    }
  }

  async #connect(server: NatsServer, name: string, stream: false | object): Promise<Bus> {
    const bus = await connectNats({ servers: [server.url], clock: this.clock, name, stream, reconnectWaitMs: 100 });
    this.#buses.push(bus);
    return bus;
  }

  /** The state of a VM on a simulated host from now on. */
  setSimulated(host: number, seat: number, state: 'paused' | 'stopped' | 'running'): string {
    const vm = this.simulated.vmId(host, seat);
    const atMs = this.clock.now() - this.#originMs;
    this.simulated.script.add({ kind: 'state', atMs, host: this.simulated.host(host).id, vm, state });
    return vm;
  }

  /** Resolves when the store says that this VM is so, there: `running@kvm1`. */
  async becomes(vm: string, truth: string, timeoutMs = 60_000): Promise<void> {
    await eventually(
      async () => {
        const found = (await this.store.vm(vm))?.truth;
        const now = `${found?.state}@${found?.host ?? '-'}`;
        if (now !== truth) throw new Error(`${vm} is ${now}, not ${truth}`);
      },
      { timeoutMs },
    );
  }

  /** Of these VMs, or of all: `reason state@host`, in order. */
  changes(from: number, vms?: readonly string[]): string[] {
    return this.told.slice(from).flatMap((event) => {
      if (event.type !== 'vedette.VMChanged.v1') return [`host ${event.data.host} ${event.data.state}`];
      const { vm, reason, state, host } = event.data;
      return vms === undefined || vms.includes(vm) ? [`${reason} ${state}@${host ?? '-'}`] : [];
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const options: StopOptions = { deadlineMs: this.clock.now() + 10_000, signal };
    await this.#monitor?.stop(options);
    await this.#updater?.stop(options);
    for (const agents of this.#agents) {
      // oxlint-disable-next-line no-await-in-loop -- three of them, at the end
      await agents.stop(options);
    }
    await Promise.all(this.#buses.map((bus) => bus.close({ timeoutMs: 1_000 })));
    await this.store.close();
  }
}
