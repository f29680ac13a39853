import type { Bus, Consumer, Delivery } from '@vedette/bus';
import { decodeObserverEvent, subjectPatterns } from '@vedette/model';
import { Backoff, type Clock, type Random, VedetteError } from '@vedette/runtime';
import type { ApplyResult, Store, StoredEvent } from '@vedette/store';
import type { Logger } from '@vedette/telemetry';
import type { UpdaterConfig } from './config.ts';
import type { UpdaterCounters } from './counters.ts';

export interface ApplierOptions {
  readonly bus: Bus;
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly config: UpdaterConfig;
  readonly counters: UpdaterCounters;
  readonly logger: Logger;
  /** Called after each commit with what it led to. */
  readonly onApplied: (events: readonly StoredEvent[], result: ApplyResult) => void;
}

interface Decoded {
  readonly delivery: Delivery;
  readonly stored: StoredEvent;
}

/** How long the bus must have had nothing before a stopping applier believes that it is empty. */
const drainQuietMs = 50;

/**
 * Takes observers' events from the bus into the store.
 *
 * U1. A delivery is acknowledged only after its write is committed (I4); while the store is away the batch is held.
 * U2. What fails the door is refused whole, counted and logged with its path, and never comes back (I9).
 * U3. One event that the store cannot take never holds up the others: a failing batch is tried one by one.
 */
export class Applier {
  readonly #options: ApplierOptions;
  readonly #backoff: Backoff;
  readonly #stop = new AbortController();
  #consumer: Consumer | undefined;
  #running: Promise<void> | undefined;
  #draining = false;

  constructor(options: ApplierOptions) {
    this.#options = options;
    const { retryInitialMs, retryMaxMs } = options.config;
    this.#backoff = new Backoff({ initialMs: retryInitialMs, maxMs: retryMaxMs }, options.random);
  }

  async start(): Promise<void> {
    const { bus, config } = this.#options;
    this.#consumer = await bus.consume({
      group: 'updater',
      patterns: subjectPatterns.observerEvents,
      maxInFlight: config.maxInFlight,
      from: bus.capabilities.replay ? 'beginning' : 'new',
    });
    this.#running = this.#run(this.#consumer);
  }

  /** Takes what the bus still has, until it is quiet or `signal` aborts; then leaves the group. */
  async stop(signal: AbortSignal): Promise<void> {
    this.#draining = true;
    const { clock } = this.#options;
    try {
      for (let before = -1; before !== this.#options.counters.batches; ) {
        before = this.#options.counters.batches;
        await clock.sleep(drainQuietMs, { signal });
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    this.#stop.abort();
    await this.#consumer?.close();
    await this.#running;
  }

  async #run(consumer: Consumer): Promise<void> {
    const { config } = this.#options;
    while (!this.#stop.signal.aborted) {
      const deliveries = await consumer.next(config.batchEvents);
      if (deliveries === undefined) return;
      const decoded = this.#decode(deliveries);
      if (decoded.length > 0) await this.#apply(decoded);
      this.#options.counters.batches++;
    }
  }

  #decode(deliveries: readonly Delivery[]): Decoded[] {
    const { bus, counters, logger } = this.#options;
    const decoded: Decoded[] = [];
    for (const delivery of deliveries) {
      const result = decodeObserverEvent(delivery.payload);
      if (result.ok) {
        const position = bus.capabilities.positions ? delivery.position : undefined;
        decoded.push({ delivery, stored: { event: result.value, position } });
      } else {
        counters.refused++;
        logger.warn({ subject: delivery.subject, fault: result.fault }, 'event refused at the door');
        delivery.ack();
      }
    }
    return decoded;
  }

  /** Writes a batch however long the store is away; holding on to it costs no attempt, so nothing becomes a dead letter. */
  async #apply(batch: readonly Decoded[]): Promise<void> {
    while (!(await this.#tryApply(batch))) {
      if (!(await this.#pause(this.#backoff.nextDelayMs()))) {
        for (const { delivery } of batch) delivery.nak();
        return;
      }
      for (const { delivery } of batch) delivery.extend();
    }
    this.#backoff.reset();
  }

  /** Whether there is nothing left to try with this batch. */
  async #tryApply(batch: readonly Decoded[]): Promise<boolean> {
    try {
      await this.#commit(batch);
      return true;
    } catch (error) {
      const { counters, logger } = this.#options;
      counters.applyFailures++;
      const hopeless = VedetteError.is(error) && !error.retryable;
      logger.error({ err: error, events: batch.length, hopeless }, 'events could not be written');
      if (!hopeless) return false;
      if (batch.length > 1) for (const one of batch) await this.#apply([one]);
      // Delivered again after a while, and set aside as a dead letter when that does not help either.
      else batch[0]?.delivery.nak(this.#options.config.retryMaxMs);
      return true;
    }
  }

  async #commit(batch: readonly Decoded[]): Promise<void> {
    const { store, counters, onApplied } = this.#options;
    const events = batch.map(({ stored }) => stored);
    const result = await store.apply(events);
    for (const { delivery } of batch) delivery.ack();
    for (const status of result.statuses) {
      if (status === 'applied') counters.applied++;
      else if (status === 'stale') counters.stale++;
      else if (status === 'superseded') counters.superseded++;
      else counters.unknownObserver++;
    }
    onApplied(events, result);
  }

  /** False when the applier is stopping, or was told to drain: then a store that is away is not waited for. */
  async #pause(delayMs: number): Promise<boolean> {
    if (this.#draining) return false;
    try {
      await this.#options.clock.sleep(delayMs, { signal: this.#stop.signal });
      return true;
    } catch (reason) {
      if (!this.#stop.signal.aborted) throw reason;
      return false;
    }
  }
}
