import type { Bus } from '@vedette/bus';
import type { HostDriver } from '@vedette/fetcher';
import { createHostMonitor, type HostMonitor, type HostProof, type MonitorConfig } from '@vedette/host-monitor';
import type { Clock } from '@vedette/runtime';
import { type Fleet, simulationDriver } from '@vedette/simulation';
import { FreezingClock } from '../harness/freezing-clock.ts';
import { type EncodedHistogram, LatencyHistogram } from '../harness/histogram.ts';
import { onClock } from '../harness/shared-time.ts';
import type { Role, RoleContext } from '../roles/role.ts';
import { loadLogger } from './load-logger.ts';
import { noObservers, remoteObservers } from './remote-observers.ts';
import { type FleetSpec, fleetOf, type HostRange } from './spec.ts';

export interface MonitorSettings {
  readonly spec: FleetSpec;
  readonly range: HostRange;
  readonly member: string;
  /** `sim`: the fleet is in this process, and can be frozen here; `agent`: it is behind agents on the bus. */
  readonly scheme: 'sim' | 'agent';
  readonly pollOnly: boolean;
  /** Where observers are opened: at the updater's process, or nowhere: each run is then the first. */
  readonly observers: 'updater' | 'none';
  readonly config: Partial<MonitorConfig>;
}

export interface MonitorProgress {
  readonly hosts: number;
  /** Hosts proved once, and told whole. */
  readonly proved: number;
  readonly told: number;
  readonly polls: number;
  readonly pollFailures: number;
  readonly hints: number;
  readonly events: number;
  readonly publishFailures: number;
  /** Hints, heart-beats and marks that its bus connection dropped, its queue being full. */
  readonly dropped: number;
}

const AGES_EVERY_MS = 1_000;
const STOP_TIMEOUT_MS = 10_000;

/** A monitor of a range of hosts. It watches nothing before it is told to. */
export async function startMonitor(settings: MonitorSettings, context: RoleContext): Promise<Role> {
  const { clock, wires, tell } = context;
  const fleet = fleetOf(settings.spec);
  const bus = await wires.connect(settings.member);
  const { driver, freeze } = await openDriver(settings, fleet, bus, clock);
  const monitor = createHostMonitor({
    member: settings.member,
    bus,
    observers: settings.observers === 'updater' ? remoteObservers(bus) : noObservers,
    drivers: [driver],
    clock,
    logger: loadLogger('host-monitor', clock, tell),
    config: settings.config,
  });
  await monitor.start({ signal: new AbortController().signal });
  const ages = new AgeSampler(monitor, clock);
  return {
    calls: {
      watch: () => watch(monitor, fleet, settings),
      progress: () => progressOf(monitor, bus),
      beginAges: () => ages.begin(),
      endAges: () => ages.end(),
      freeze,
    },
    stop: async () => {
      ages.end();
      await monitor.stop({ deadlineMs: clock.now() + STOP_TIMEOUT_MS, signal: new AbortController().signal });
      await bus.close();
    },
  };
}

interface OpenDriver {
  readonly driver: HostDriver;
  readonly freeze: (sharedMs: number) => void;
}

async function openDriver(settings: MonitorSettings, fleet: Fleet, bus: Bus, clock: Clock): Promise<OpenDriver> {
  if (settings.scheme === 'agent') {
    const { agentDriver } = await import('@vedette/fetcher/agent');
    return { driver: agentDriver({ bus, clock }), freeze: () => undefined };
  }
  const held = new FreezingClock(clock);
  const originMs = onClock(clock, settings.spec.originSharedMs);
  return {
    driver: simulationDriver({ fleet, clock: held, originMs, capabilities: { push: !settings.pollOnly } }),
    freeze: (sharedMs) => held.freeze(onClock(clock, sharedMs)),
  };
}

async function watch(monitor: HostMonitor, fleet: Fleet, { range, scheme }: MonitorSettings): Promise<void> {
  for (let index = range.from; index < range.to; index++) {
    const { id, realm, url } = fleet.host(index);
    await monitor.addHost({ id, realm, url: scheme === 'sim' ? url : `agent:${id}` });
  }
}

function progressOf({ proofs, counters }: HostMonitor, bus: Bus): MonitorProgress {
  let proved = 0;
  let told = 0;
  for (const proof of proofs.values()) {
    if (proof.provedMs !== undefined) proved++;
    if (proof.snapshotTold) told++;
  }
  const { polls, pollFailures, hints, events, publishFailures } = counters;
  return {
    hosts: proofs.size,
    proved,
    told,
    polls,
    pollFailures,
    hints,
    events,
    publishFailures,
    dropped: bus.counters.volatileDropped,
  };
}

/** Looks every second at how old the monitor's knowledge of each host is; one never proved counts from its beginning. */
class AgeSampler {
  readonly #monitor: HostMonitor;
  readonly #clock: Clock;
  #ages = new LatencyHistogram();
  #beganMs = 0;
  #running = false;

  constructor(monitor: HostMonitor, clock: Clock) {
    this.#monitor = monitor;
    this.#clock = clock;
  }

  begin(): void {
    this.#ages = new LatencyHistogram();
    this.#beganMs = this.#clock.now();
    if (this.#running) return;
    this.#running = true;
    this.#schedule();
  }

  end(): EncodedHistogram {
    this.#running = false;
    return this.#ages.encode();
  }

  #schedule(): void {
    this.#clock.setTimer(() => {
      if (!this.#running) return;
      const nowMs = this.#clock.now();
      for (const proof of this.#monitor.proofs.values()) this.#ages.record(this.#ageMs(proof, nowMs));
      this.#schedule();
    }, AGES_EVERY_MS);
  }

  #ageMs({ provedMs }: Readonly<HostProof>, nowMs: number): number {
    return nowMs - (provedMs ?? this.#beganMs);
  }
}
