import type { Bus } from '@vedette/bus';
import { type Clock, phaseOf } from '@vedette/runtime';
import { type FleetSpec, fleetOf } from '../fleet/spec.ts';
import type { Role, RoleContext } from '../roles/role.ts';
import { classicSubject, classicVerbs } from './subjects.ts';

export interface ClassicPollerSettings {
  readonly spec: FleetSpec;
  readonly intervalMs: number;
}

export interface ClassicCounters {
  cycles: number;
  failedCycles: number;
  vmsRead: number;
  /** VMs whose status was another than at the cycle before. */
  changesSeen: number;
}

const TIMEOUT_MS = 10_000;

/** The engine of 2013: every host in a loop, for everything, compared with what it said the time before. */
export async function startClassicPoller(
  { spec, intervalMs }: ClassicPollerSettings,
  { clock, wires }: RoleContext,
): Promise<Role> {
  const bus = await wires.connect('classic-poller', { volatileOnly: true });
  const counters: ClassicCounters = { cycles: 0, failedCycles: 0, vmsRead: 0, changesSeen: 0 };
  const stopping = new AbortController();
  const loops = fleetOf(spec)
    .hostIds()
    .map((host) => new HostLoop(host, bus, counters).run(clock, intervalMs, stopping.signal));
  return {
    calls: { counters: (): ClassicCounters => ({ ...counters }) },
    stop: async () => {
      stopping.abort();
      await Promise.all(loops);
    },
  };
}

/** Of what `getAllVmStats` says, what is compared. */
interface StatsRead {
  readonly vmId: string;
  readonly status: string;
}

class HostLoop {
  readonly #host: string;
  readonly #bus: Bus;
  readonly #counters: ClassicCounters;
  /** Undefined before the first cycle. */
  #statuses: ReadonlyMap<string, string> | undefined;

  constructor(host: string, bus: Bus, counters: ClassicCounters) {
    this.#host = host;
    this.#bus = bus;
    this.#counters = counters;
  }

  /** Until the signal aborts; each host at a moment of its own within the interval. */
  async run(clock: Clock, intervalMs: number, signal: AbortSignal): Promise<void> {
    let dueMs = clock.now() + phaseOf(this.#host, intervalMs);
    while (!signal.aborted) {
      await clock.sleep(Math.max(0, dueMs - clock.now()), { signal }).catch(() => undefined); // aborted: the loop ends
      if (signal.aborted) return;
      await this.#cycle(signal);
      dueMs += intervalMs;
    }
  }

  async #cycle(signal: AbortSignal): Promise<void> {
    try {
      let stats: readonly StatsRead[] = [];
      for (const verb of classicVerbs) {
        const reply = await this.#bus.call(classicSubject(this.#host, verb), EMPTY, { timeoutMs: TIMEOUT_MS, signal });
        stats = JSON.parse(Buffer.from(reply).toString()) as readonly StatsRead[];
      }
      this.#compare(stats);
      this.#counters.cycles++;
    } catch {
      if (!signal.aborted) this.#counters.failedCycles++; // what failed is told as a number; the next cycle comes
    }
  }

  #compare(stats: readonly StatsRead[]): void {
    const statuses = new Map(stats.map(({ vmId, status }) => [vmId, status]));
    for (const [vm, status] of this.#statuses === undefined ? [] : statuses) {
      if (this.#statuses?.get(vm) !== status) this.#counters.changesSeen++;
    }
    this.#statuses = statuses;
    this.#counters.vmsRead += stats.length;
  }
}

const EMPTY = Buffer.from('{}');
