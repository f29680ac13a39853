import type { Bus, Subscription } from '@vedette/bus';
import { decodeHostCoverage, escapeToken, subjectPatterns } from '@vedette/model';
import type { Clock, Random, RunPart, StopOptions } from '@vedette/runtime';
import type { ApplyResult, Store, StoredEvent } from '@vedette/store';
import type { Logger } from '@vedette/telemetry';
import { Applier } from './applier.ts';
import { defaultUpdaterConfig, type UpdaterConfig } from './config.ts';
import { UpdaterCounters } from './counters.ts';
import { Relay } from './relay.ts';
import { ObserverRequests } from './requests.ts';
import { Sweeper } from './sweeper.ts';

export interface UpdaterOptions {
  /** Names this process in the events it publishes; must satisfy `isIdentifier`. */
  readonly member: string;
  readonly bus: Bus;
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly config?: Partial<UpdaterConfig>;
  /** Chance for backoff jitter. Default Math.random. */
  readonly random?: Random;
}

/** Events in, the store's truth out: a part of a process. */
export interface Updater extends RunPart {
  readonly counters: Readonly<UpdaterCounters>;
  /** The store put something into its outbox that no event led to (hosts registered, a VM forgotten). */
  pokeRelay(): void;
}

export function createUpdater(options: UpdaterOptions): Updater {
  return new UpdaterParts(options);
}

class UpdaterParts implements Updater {
  readonly name = 'updater';
  readonly counters = new UpdaterCounters();
  readonly #options: UpdaterOptions;
  readonly #applier: Applier;
  readonly #relay: Relay;
  readonly #sweeper: Sweeper;
  readonly #requests: ObserverRequests;
  #coverage: Subscription | undefined;
  /** Coverages are taken in one after the other, so that a late one never undoes a newer. */
  #coverageWork: Promise<void> = Promise.resolve();
  #coveragesWaiting = 0;

  constructor(options: UpdaterOptions) {
    const { random = Math.random, member } = options;
    const config = { ...defaultUpdaterConfig, ...options.config };
    const shared = { ...options, random, config, counters: this.counters };
    const { retryInitialMs, retryMaxMs } = config;
    this.#options = options;
    this.#relay = new Relay({ ...shared, retryInitialMs, retryMaxMs });
    this.#requests = new ObserverRequests(shared);
    this.#sweeper = new Sweeper({
      ...shared,
      source: `/vedette/updater/${escapeToken(member)}`,
      onOutboxed: () => this.#relay.poke(),
    });
    this.#applier = new Applier({ ...shared, onApplied: (events, result) => this.#applied(events, result) });
  }

  async start(): Promise<void> {
    this.#coverage = await this.#options.bus.subscribe({
      patterns: [subjectPatterns.coverage],
      handler: (_subject, payload) => this.#covered(payload),
    });
    await this.#applier.start();
    this.#relay.poke(); // what a former run had committed and not yet published
    this.#sweeper.start();
  }

  async stop({ signal }: StopOptions): Promise<void> {
    await this.#applier.stop(signal);
    this.#requests.close();
    await this.#coverage?.close();
    await this.#coverageWork;
    await this.#sweeper.stop();
    await this.#relay.stop();
  }

  pokeRelay(): void {
    this.#relay.poke();
  }

  #applied(events: readonly StoredEvent[], result: ApplyResult): void {
    if (result.outboxed > 0) {
      this.#relay.poke();
      this.#sweeper.poke();
    }
    for (const { observer, vms } of result.documentsWanted) this.#requests.askDocuments(observer, vms);
    const told = new Set<string>();
    result.statuses.forEach((status, index) => {
      const data = events[index]?.event.data;
      if (data === undefined || (status !== 'superseded' && status !== 'unknown_observer')) return;
      if (status === 'superseded' && !told.has(data.host)) this.#requests.tellSuperseded(data.host, data.version.epoch);
      told.add(data.host);
      this.#options.logger.warn(
        { host: data.host, epoch: data.version.epoch, status },
        'events of another run refused',
      );
    });
  }

  #covered(payload: Uint8Array): void {
    const { logger, store } = this.#options;
    const result = decodeHostCoverage(payload);
    if (!result.ok) {
      this.counters.refused++;
      logger.warn({ fault: result.fault }, 'coverage refused at the door');
      return;
    }
    this.counters.coverages++;
    if (this.#coveragesWaiting > 64) return; // the store is behind; the next coverage says the same and more
    this.#coveragesWaiting++;
    this.#coverageWork = this.#coverageWork
      .then(() => store.applyCoverage(result.value))
      .then(({ outboxed }) => {
        if (outboxed > 0) this.#relay.poke();
      })
      .catch((error: unknown) => logger.warn({ err: error }, 'coverage could not be taken in; the next one will be'))
      .finally(() => {
        this.#coveragesWaiting--;
      });
  }
}
