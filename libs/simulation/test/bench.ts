import type { Hint, HostCapabilities, HostFetcher, RuntimeStats } from '@vedette/fetcher';
import type { VMState } from '@vedette/model';
import { SimulatedClock } from '@vedette/runtime/simulated-clock';
import { createFleet, type Fleet, simulationDriver } from '@vedette/simulation';

export const LONG = { timeoutMs: 10_000 };

export async function settleOn<T>(clock: SimulatedClock, pending: Promise<T>): Promise<T> {
  let settled = false;
  const note = (): void => {
    settled = true;
  };
  pending.then(note, note);
  await clock.advanceUntil(() => settled, { stepMs: 20 });
  return pending;
}

export interface Bench {
  readonly clock: SimulatedClock;
  readonly fleet: Fleet;
  readonly fetcher: HostFetcher;
  readonly vm: string;
  readonly host: string;
  readonly poll: (since?: RuntimeStats) => Promise<RuntimeStats>;
}

export function bench(options: { latencyMs?: number; capabilities?: Partial<HostCapabilities> } = {}): Bench {
  const clock = new SimulatedClock();
  const fleet = createFleet({ seed: 23, hosts: 2, vmsPerHost: 3 });
  const fetcher = simulationDriver({ fleet, clock, ...options }).open(fleet.host(0));
  const poll: Bench['poll'] = (since) =>
    settleOn(clock, fetcher.runtimeStats(since === undefined ? LONG : { ...LONG, since }));
  return { clock, fleet, fetcher, vm: fleet.vmId(0, 0), host: fleet.host(0).id, poll };
}

export function stateOf(stats: RuntimeStats, vm: string): VMState | undefined {
  return stats.rows.find((row) => row.vm === vm)?.state;
}

/** Collects hints until the fetcher is closed. */
export function listen(fetcher: HostFetcher): Hint[] {
  const hints: Hint[] = [];
  const read = async (): Promise<void> => {
    for await (const hint of fetcher.hints({ signal: new AbortController().signal })) hints.push(hint);
  };
  void read();
  return hints;
}

/** Hints in short: a state for each row, else the kind. */
export function told(hints: readonly Hint[], vm: string): readonly string[] {
  return hints.flatMap((hint) =>
    hint.kind === 'rows' ? hint.rows.filter((row) => row.vm === vm).map((row) => row.state) : [hint.kind],
  );
}
