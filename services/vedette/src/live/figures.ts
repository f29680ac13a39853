import type { HostMonitor } from '@vedette/host-monitor';
import type { Clock } from '@vedette/runtime';
import type { FleetCounts } from '@vedette/store';

/** What a summary shows. */
export interface Figures {
  readonly counts: FleetCounts;
  readonly eventsPerSecond: number;
  readonly events: number;
  /** Ages of what is known of the hosts; undefined while nothing is. */
  readonly ages: { readonly p50Ms: number; readonly p99Ms: number } | undefined;
  /** Share of one CPU of late; undefined until it has been measured. */
  readonly cpuRatio: number | undefined;
  readonly memoryMiB: number;
  readonly runningMs: number;
}

/** The ages of the monitor's last proofs, by quantile; a host without a proof yet has none. */
export function agesOf(proofs: HostMonitor['proofs'], nowMs: number): Figures['ages'] {
  const ages: number[] = [];
  for (const { provedMs } of proofs.values()) if (provedMs !== undefined) ages.push(nowMs - provedMs);
  if (ages.length === 0) return undefined;
  ages.sort((a, b) => a - b);
  return { p50Ms: quantile(ages, 0.5), p99Ms: quantile(ages, 0.99) };
}

/** The smallest value that at least `share` of the sorted values do not exceed. */
function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
}

/** Measures what this process uses, from one look to the next. */
export class ProcessUse {
  readonly #clock: Clock;
  #cpuMicros = 0;
  #atMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#atMs = clock.now();
    this.look();
  }

  look(): { readonly cpuRatio: number; readonly memoryMiB: number } {
    const { user, system } = process.cpuUsage();
    const nowMs = this.#clock.now();
    const tookMs = nowMs - this.#atMs;
    const usedMs = (user + system - this.#cpuMicros) / 1_000;
    this.#cpuMicros = user + system;
    this.#atMs = nowMs;
    return { cpuRatio: tookMs > 0 ? usedMs / tookMs : 0, memoryMiB: process.memoryUsage.rss() / 2 ** 20 };
  }
}
