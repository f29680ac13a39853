import type { Bus, Subscription } from '@vedette/bus';
import { type FleetEvent, subjectPatterns } from '@vedette/model';
import { decodeFleetEvent, type Store } from '@vedette/store';
import { eventName, type ReadEvent, readFleetEvent } from './read-event.ts';

/** An event of the fleet's log. */
export interface FeedEvent extends ReadEvent<FleetEvent> {
  readonly position: number;
}

export interface FleetFeedOptions {
  readonly store: Store;
  readonly bus: Bus;
  /** Called after the feed has moved on. */
  readonly onMoved: () => void;
  /** Called for a message that is no fleet event. */
  readonly onRefused: () => void;
  /** Events kept in memory so that streams near the end need not read the log. Default 2,048. */
  readonly capacity?: number;
}

/**
 * The fleet's event log for any number of streams: its newest part from the bus, everything else from the store.
 *
 * E1. What is in memory is a run of consecutive positions that ends at the highest one heard of.
 * E2. A position beyond the next one is a gap: the run starts anew behind it, and the log has what is missing.
 * E3. A position heard of before is a repetition and ignored.
 * Reading after any position therefore gives every event after it once, in order, from wherever it is at hand.
 */
export class FleetFeed {
  readonly #options: FleetFeedOptions;
  readonly #capacity: number;
  #subscription: Subscription | undefined;
  #store = '';
  /** The run covers the positions from above `#from` up to and including `#to`. */
  #run: FeedEvent[] = [];
  #from = 0;
  #to = 0;

  constructor(options: FleetFeedOptions) {
    this.#options = options;
    this.#capacity = options.capacity ?? 2_048;
  }

  /** The identity of the store that the positions belong to; empty before the start. */
  get store(): string {
    return this.#store;
  }

  /** The highest position heard of. */
  get position(): number {
    return this.#to;
  }

  /** Subscribes first, so that nothing falls between the position asked for and the first message. */
  async start(): Promise<void> {
    this.#subscription = await this.#options.bus.subscribe({
      patterns: [subjectPatterns.fleet],
      handler: (_subject, payload) => this.#hear(payload),
    });
    const { id } = await this.#options.store.identity();
    this.#store = id;
    await this.catchUp();
  }

  async close(): Promise<void> {
    await this.#subscription?.close();
  }

  /** Looks at the log itself: what a bus that was away, or dropped its newest message, did not tell. */
  async catchUp(): Promise<void> {
    const { position } = await this.#options.store.identity();
    if (position > this.#to) this.#restart(position);
  }

  /**
   * The events after `position`, at most `limit`; empty when there are none yet, undefined when `position` is older
   * than what is kept.
   */
  async after(position: number, limit: number): Promise<readonly FeedEvent[] | undefined> {
    if (position >= this.#to) return [];
    if (position >= this.#from) {
      const at = position - this.#from;
      return this.#run.slice(at, at + limit);
    }
    const logged = await this.#options.store.fleetLog(position, limit);
    return logged?.map((entry) => {
      const event = decodeFleetEvent(entry);
      return { position: entry.position, name: eventName(event.type), json: entry.json, event };
    });
  }

  #hear(payload: Uint8Array): void {
    const read = readFleetEvent(payload);
    if (read === undefined) {
      this.#options.onRefused();
      return;
    }
    const { position } = read.event.data;
    if (position <= this.#to) return; // E3
    if (position > this.#to + 1) this.#restart(position - 1); // E2
    this.#run.push({ ...read, position });
    this.#to = position;
    if (this.#run.length >= 2 * this.#capacity) this.#shorten();
    this.#options.onMoved();
  }

  #restart(position: number): void {
    this.#run = [];
    this.#from = position;
    this.#to = position;
    this.#options.onMoved();
  }

  #shorten(): void {
    const dropped = this.#run.length - this.#capacity;
    this.#run = this.#run.slice(dropped);
    this.#from += dropped;
  }
}
