import type { Bus } from '@vedette/bus';
import { subjects } from '@vedette/model';
import { type Clock, type Timer, VedetteError } from '@vedette/runtime';
import type { Logger } from '@vedette/telemetry';
import type { UpdaterConfig } from './config.ts';
import type { UpdaterCounters } from './counters.ts';

export interface RequestsOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly config: UpdaterConfig;
  readonly counters: UpdaterCounters;
  readonly logger: Logger;
}

/** Most VMs whose documents one request asks for. */
const vmsPerRequest = 500;
/** Attempts for one observer before it is given up; its next snapshot names again what is missing. */
const maxAttempts = 5;

interface Wanted {
  readonly vms: Set<string>;
  attempts: number;
}

/**
 * What the updater asks of observers: missing documents, at a bounded rate, and the word that a run is superseded.
 * What is wanted is kept per observer, each VM once, so it is bounded by the number of VMs.
 */
export class ObserverRequests {
  readonly #options: RequestsOptions;
  readonly #wanted = new Map<string, Wanted>();
  readonly #intervalMs: number;
  #timer: Timer | undefined;
  #closed = false;

  constructor(options: RequestsOptions) {
    this.#options = options;
    this.#intervalMs = 1_000 / options.config.documentRequestsPerSecond;
  }

  /** Observers whose documents are still to be asked for. */
  get waiting(): number {
    return this.#wanted.size;
  }

  askDocuments(observer: string, vms: readonly string[]): void {
    const wanted = this.#wanted.get(observer) ?? { vms: new Set(), attempts: 0 };
    for (const vm of vms) wanted.vms.add(vm);
    this.#wanted.set(observer, wanted);
    this.#schedule();
  }

  /** Tells whoever still writes with that epoch; best effort, the store refuses its writes anyway (I1). */
  tellSuperseded(observer: string, epoch: number): void {
    const { bus, config, logger } = this.#options;
    const payload = Buffer.from(JSON.stringify({ epoch }));
    bus
      .cast(subjects.observer(observer, 'superseded'), payload, { timeoutMs: config.requestTimeoutMs })
      .catch((error: unknown) => {
        logger.debug({ observer, epoch, err: error }, 'nobody to tell that an epoch is superseded');
      });
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#wanted.clear();
  }

  #schedule(): void {
    if (this.#closed || this.#timer !== undefined || this.#wanted.size === 0) return;
    this.#timer = this.#options.clock.setTimer(() => {
      this.#timer = undefined;
      this.#askNext();
      this.#schedule();
    }, this.#intervalMs);
  }

  #askNext(): void {
    const next = this.#wanted.entries().next().value;
    if (next === undefined) return;
    const [observer, wanted] = next;
    const vms = [...wanted.vms].slice(0, vmsPerRequest);
    // Behind the others: one large host does not hold up the small ones.
    this.#wanted.delete(observer);
    for (const vm of vms) wanted.vms.delete(vm);
    if (wanted.vms.size > 0) this.#wanted.set(observer, wanted);
    this.#ask(observer, vms, wanted.attempts + 1);
  }

  #ask(observer: string, vms: readonly string[], attempt: number): void {
    const { bus, config, counters, logger } = this.#options;
    counters.documentRequests++;
    const payload = Buffer.from(JSON.stringify({ vms }));
    bus
      .call(subjects.observer(observer, 'documents'), payload, { timeoutMs: config.requestTimeoutMs })
      .catch((error: unknown) => {
        counters.documentRequestsFailed++;
        const again = attempt < maxAttempts && !(VedetteError.is(error) && !error.retryable) && !this.#closed;
        logger.debug({ observer, attempt, again, err: error }, 'documents could not be asked for');
        if (!again) return;
        this.askDocuments(observer, vms);
        const wanted = this.#wanted.get(observer);
        if (wanted !== undefined) wanted.attempts = Math.max(wanted.attempts, attempt);
      });
  }
}
