import type { VMChanged } from '@vedette/model';
import { type EncodedHistogram, LatencyHistogram } from '../harness/histogram.ts';
import type { HostChanges } from './true-changes.ts';

/** What VMChanged events told, and how soon after what they tell of. */
export interface FleetLedgerVerdict {
  readonly events: number;
  /** Of changes of state, from their instant on the host that decides. */
  readonly latency: EncodedHistogram;
  /** Changes of state that follow from no single change on the host named (unknown, gone...). */
  readonly unmatched: number;
  /** Versions of VMs that were skipped: events lost. */
  readonly missing: number;
  /** Versions that came again, or late. */
  readonly repeated: number;
}

interface Told {
  readonly vm: string;
  readonly state: string;
  readonly atMs: number;
}

/** Keeps what the fleet's own events say; judged against the truth afterwards. */
export class FleetLedger {
  readonly #versions = new Map<string, number>();
  readonly #byHost = new Map<string, Told[]>();
  #events = 0;
  #missing = 0;
  #repeated = 0;

  heard(data: VMChanged['data'], atMs: number): void {
    this.#events++;
    const known = this.#versions.get(data.vm) ?? 0; // it hears from the first on
    if (data.vmVersion <= known) {
      this.#repeated++;
      return;
    }
    this.#missing += data.vmVersion - known - 1;
    this.#versions.set(data.vm, data.vmVersion);
    if (data.previous.state === undefined) return;
    const told = { vm: data.vm, state: data.state, atMs };
    const host = data.host ?? '';
    const held = this.#byHost.get(host);
    if (held === undefined) this.#byHost.set(host, [told]);
    else held.push(told);
  }

  judge(fromMs: number, toMs: number): FleetJudging {
    const totals = { events: this.#events, missing: this.#missing, repeated: this.#repeated };
    return new FleetJudging(this.#byHost, totals, fromMs, toMs);
  }
}

class FleetJudging {
  readonly #byHost: ReadonlyMap<string, readonly Told[]>;
  readonly #totals: Pick<FleetLedgerVerdict, 'events' | 'missing' | 'repeated'>;
  readonly #fromMs: number;
  readonly #toMs: number;
  readonly #latency = new LatencyHistogram();
  #judged = 0;

  constructor(
    byHost: ReadonlyMap<string, readonly Told[]>,
    totals: Pick<FleetLedgerVerdict, 'events' | 'missing' | 'repeated'>,
    fromMs: number,
    toMs: number,
  ) {
    this.#byHost = byHost;
    this.#totals = totals;
    this.#fromMs = fromMs;
    this.#toMs = toMs;
  }

  host(id: string, truth: HostChanges): void {
    for (const { vm, state, atMs } of this.#byHost.get(id) ?? []) {
      if (atMs < this.#fromMs) continue;
      const change = truth.get(vm)?.findLast((one) => one.state === state && one.atMs <= atMs);
      if (change === undefined || change.atMs < this.#fromMs || change.atMs > this.#toMs) continue;
      this.#judged++;
      this.#latency.record(atMs - change.atMs);
    }
  }

  verdict(): FleetLedgerVerdict {
    let told = 0;
    for (const events of this.#byHost.values()) for (const { atMs } of events) if (atMs >= this.#fromMs) told++;
    return { ...this.#totals, latency: this.#latency.encode(), unmatched: told - this.#judged };
  }
}
