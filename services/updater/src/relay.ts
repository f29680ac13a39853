import type { Bus } from '@vedette/bus';
import type { Store } from '@vedette/store';
import type { UpdaterConfig } from './config.ts';
import type { UpdaterCounters } from './counters.ts';
import { type LoopOptions, PokedLoop } from './loop.ts';

export interface RelayOptions extends Omit<LoopOptions, 'what'> {
  readonly bus: Bus;
  readonly store: Store;
  readonly config: UpdaterConfig;
  readonly counters: UpdaterCounters;
}

/**
 * Brings the store's fleet events to the bus, in the order of their positions, each at least once and always with the
 * same id and bytes: the store marks as relayed only what the bus has acknowledged.
 */
export class Relay {
  readonly #options: RelayOptions;
  readonly #loop: PokedLoop;

  constructor(options: RelayOptions) {
    this.#options = options;
    this.#loop = new PokedLoop({ ...options, what: 'relaying fleet events' }, () => this.#drain());
  }

  /** There is something in the outbox. */
  poke(): void {
    this.#loop.poke();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  async #drain(): Promise<void> {
    const { bus, store, config, counters, logger } = this.#options;
    for (;;) {
      const events = await store.outbox(config.relayEvents);
      if (events.length === 0) return;
      const messages = events.map(({ subject, id, json }) => ({ subject, id, payload: Buffer.from(json) }));
      const outcomes = await bus.publish(messages, { timeoutMs: config.publishTimeoutMs });
      let settled = 0;
      while (settled < events.length && outcomes[settled]?.status !== 'in_doubt') {
        const outcome = outcomes[settled];
        if (outcome?.status === 'refused') {
          logger.error(
            { err: outcome.error, event: events[settled]?.id },
            'fleet event refused for good; it is in the log only',
          );
        }
        settled++;
      }
      const last = events[settled - 1];
      if (last !== undefined) await store.relayed(last.position);
      counters.relayed += settled;
      const doubt = outcomes[settled];
      if (doubt?.status === 'in_doubt') {
        counters.relayFailures++;
        throw doubt.error;
      }
    }
  }
}
