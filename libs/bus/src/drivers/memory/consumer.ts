import { VedetteError } from '@vedette/runtime';
import { checkCount } from '../../checks.ts';
import type { ConsumeOptions, Consumer, Delivery } from '../../port.ts';
import type { LiveCounters } from './counters.ts';
import type { MemoryDelivery } from './delivery.ts';
import type { DurableGroup } from './group.ts';

interface Ask {
  readonly max: number;
  readonly resolve: (batch: readonly Delivery[] | undefined) => void;
}

/** One member of a durable group, on one connection. */
export class MemoryConsumer implements Consumer {
  readonly counters: LiveCounters;
  readonly #group: DurableGroup;
  readonly #maxInFlight: number;
  readonly #onClose: (consumer: MemoryConsumer) => void;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort = (): void => this.#end();
  #state: 'open' | 'stopped' | 'closed' = 'open';
  #attached = false;
  #inFlight = 0;
  #ask: Ask | undefined;

  constructor(
    group: DurableGroup,
    options: ConsumeOptions,
    counters: LiveCounters,
    onClose: (consumer: MemoryConsumer) => void,
  ) {
    this.#group = group;
    this.counters = counters;
    this.#maxInFlight = options.maxInFlight;
    this.#onClose = onClose;
    this.#signal = options.signal;
    this.#signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  next(max: number): Promise<readonly Delivery[] | undefined> {
    try {
      checkCount('max', max, 1);
      if (this.#ask !== undefined) throw new VedetteError('VDT_BUS_USAGE', { message: 'a next is already under way' });
    } catch (error) {
      return Promise.reject(error as VedetteError);
    }
    if (this.#state !== 'open') return Promise.resolve(undefined);
    const batch = this.#attached ? this.#take(max) : [];
    if (batch.length > 0) return Promise.resolve(batch);
    return new Promise((resolve) => {
      this.#ask = { max, resolve };
      if (this.#attached) this.#group.ask(this);
    });
  }

  close(): Promise<void> {
    this.#end();
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Joins the group: at the start, and again when a lost connection is back. */
  attach(): void {
    this.#attached = true;
    this.#group.join(this);
    if (this.#ask !== undefined) this.#group.ask(this);
  }

  /** Leaves the group while the connection is lost; what was handed out goes to other members. */
  detach(): void {
    this.#attached = false;
    this.#group.leave(this);
  }

  /** Hands out nothing more, while what is out may still be acknowledged. */
  stop(): void {
    if (this.#state !== 'open') return;
    this.#state = 'stopped';
    this.#answer(undefined);
  }

  // ---- For the group and its deliveries ----------------------------------------------------------------------

  /** Takes up to `share` messages for the `next` under way; false when it is at its bound and has to stay in line. */
  serve(share: number): boolean {
    if (this.#ask === undefined) return true;
    const batch = this.#take(Math.min(share, this.#ask.max));
    if (batch.length === 0) return false;
    this.#answer(batch);
    return true;
  }

  /** One delivery less is out. */
  ended(): void {
    this.#inFlight--;
  }

  acknowledge(delivery: MemoryDelivery): void {
    this.counters.acknowledged++;
    this.#group.acknowledge(delivery);
  }

  giveBack(delivery: MemoryDelivery, delayMs: number): void {
    if (!Number.isFinite(delayMs) || delayMs < 0) {
      throw new VedetteError('VDT_BUS_USAGE', { message: `delayMs ${delayMs} is not allowed` });
    }
    this.#group.giveBack(delivery, delayMs);
  }

  extend(delivery: MemoryDelivery): void {
    this.#group.extend(delivery);
  }

  #take(max: number): MemoryDelivery[] {
    const batch = this.#group.take(this, Math.min(max, this.#maxInFlight - this.#inFlight));
    this.#inFlight += batch.length;
    this.counters.delivered += batch.length;
    for (const delivery of batch) if (delivery.attempt > 1) this.counters.redelivered++;
    return batch;
  }

  #answer(batch: readonly Delivery[] | undefined): void {
    const ask = this.#ask;
    this.#ask = undefined;
    ask?.resolve(batch);
  }

  #end(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#signal?.removeEventListener('abort', this.#onAbort);
    if (this.#attached) this.detach();
    this.#answer(undefined);
    this.#onClose(this);
  }
}
