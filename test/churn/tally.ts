import type { Deed, Round, Trouble } from './history.ts';
import type { Fault, Verdict } from './oracle.ts';

/** What a run comes to. */
export class Tally {
  rounds = 0;
  checks = 0;
  /** Heard so far, those before the first round too. */
  events = 0;
  refused = 0;
  elapsedMs = 0;
  readonly deeds = new Map<string, number>();
  readonly troubles = new Map<string, number>();
  readonly eventsByType = new Map<string, number>();
  readonly allowed = new Map<string, number>();
  readonly faults: Fault[] = [];
  readonly #lags = new Map<string, number[]>();

  deed({ name, refused }: Deed): void {
    add(this.deeds, name);
    if (refused !== undefined) this.refused++;
  }

  trouble({ name }: Trouble): void {
    add(this.troubles, name);
  }

  take({ checks, allowed, lags }: Verdict, { heard }: Round): void {
    this.checks += checks;
    for (const { event } of heard) add(this.eventsByType, event.type.split('.')[1] ?? event.type);
    for (const [name, count] of allowed) add(this.allowed, name, count);
    for (const { level, lagMs } of lags) {
      const kind = level === 'fleet' ? 'fleet' : 'observer';
      const former = this.#lags.get(kind) ?? [];
      this.#lags.set(kind, [...former, Math.max(0, lagMs)]);
    }
  }

  get deedCount(): number {
    return [...this.deeds.values()].reduce((sum, count) => sum + count, 0);
  }

  get troubleCount(): number {
    return [...this.troubles.values()].reduce((sum, count) => sum + count, 0);
  }

  /** How long after virsh had returned its event came, at the given shares of all. */
  lagsMs(level: 'fleet' | 'observer'): { readonly p50: number; readonly p99: number; readonly max: number } {
    const sorted = (this.#lags.get(level) ?? []).toSorted((a, b) => a - b);
    const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
    return { p50: at(0.5), p99: at(0.99), max: sorted.at(-1) ?? 0 };
  }

  asJson() {
    const { rounds, checks, events, refused, elapsedMs, deedCount, troubleCount, faults } = this;
    const maps = {
      deeds: Object.fromEntries(this.deeds),
      troubles: Object.fromEntries(this.troubles),
      eventsByType: Object.fromEntries(this.eventsByType),
      allowed: Object.fromEntries(this.allowed),
    };
    const lagsMs = { observer: this.lagsMs('observer'), fleet: this.lagsMs('fleet') };
    return { rounds, deedCount, refused, troubleCount, events, checks, elapsedMs, ...maps, lagsMs, faults };
  }
}

function add(counts: Map<string, number>, name: string, count = 1): void {
  counts.set(name, (counts.get(name) ?? 0) + count);
}
