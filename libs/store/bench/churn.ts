import type { Store } from '../src/index.ts';
import { median, percentile } from './report.ts';
import type { Workload } from './workload.ts';

/** Batches a second: what a lightly loaded updater hands over. */
const batchesPerSecond = 4;

export interface ChurnFigures {
  readonly eventsPerSecond: number;
  readonly batches: number;
  /** From handing a batch over to its commit. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly highestMs: number;
}

/** Writes paced batches of changes until it is stopped, and notes how long each takes to be committed. */
export class Churn {
  readonly #store: Store;
  readonly #workload: Workload;
  readonly #eventsPerSecond: number;
  readonly #timesMs: number[] = [];
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;

  constructor(store: Store, workload: Workload, eventsPerSecond: number) {
    this.#store = store;
    this.#workload = workload;
    this.#eventsPerSecond = eventsPerSecond;
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<ChurnFigures> {
    this.#stop.abort();
    await this.#running;
    const timesMs = this.#timesMs;
    return {
      eventsPerSecond: this.#eventsPerSecond,
      batches: timesMs.length,
      p50Ms: median(timesMs),
      p99Ms: percentile(timesMs, 0.99),
      highestMs: Math.max(...timesMs),
    };
  }

  /** Paced by the time that each batch is due, so that a slow one delays no later one's due time. */
  async #run(): Promise<void> {
    const began = performance.now();
    const size = Math.max(1, Math.round(this.#eventsPerSecond / batchesPerSecond));
    for (let batch = 0; !this.#stop.signal.aborted; batch++) {
      const dueMs = began + (batch * 1_000) / batchesPerSecond;
      const events = this.#workload.stateChanges(size);
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, dueMs - performance.now())));
      await this.#store.apply(events);
      this.#timesMs.push(performance.now() - dueMs);
    }
  }
}
