import type { ServerResponse } from 'node:http';
import type { Bus, Subscription } from '@vedette/bus';
import { subjectPatterns } from '@vedette/model';
import { type Clock, type Timer, VedetteError } from '@vedette/runtime';
import type { Store } from '@vedette/store';
import type { ApiCounters } from '../counters.ts';
import '../errors.ts';
import type { EventsQuery } from '../queries.ts';
import { formatStreamPosition, parseStreamPosition } from '../stream-position.ts';
import { EventFilter } from './event-filter.ts';
import { EventStream, type StreamLimits } from './event-stream.ts';
import { FleetFeed } from './fleet-feed.ts';
import { readObserverEvent } from './read-event.ts';

export interface EventStreamsOptions {
  readonly store: Store;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly counters: ApiCounters;
  readonly limits: StreamLimits & {
    readonly streams: number;
    readonly heartbeatIntervalMs: number;
  };
  /** Told of what goes wrong between requests. */
  readonly onError: (error: unknown) => void;
}

/** All clients that follow the events, and the one feed they draw from. */
export class EventStreams {
  readonly #options: EventStreamsOptions;
  readonly #feed: FleetFeed;
  readonly #streams = new Set<EventStream>();
  readonly #observing = new Set<EventStream>();
  readonly #runs = new Set<Promise<void>>();
  #observers: Promise<Subscription> | undefined;
  #beat: Timer | undefined;
  #closed = false;

  constructor(options: EventStreamsOptions) {
    this.#options = options;
    const { store, bus, counters } = options;
    this.#feed = new FleetFeed({
      store,
      bus,
      onMoved: () => {
        for (const stream of this.#streams) stream.wake();
      },
      onRefused: () => counters.messagesRefused++,
    });
  }

  /** Streams open now. */
  get size(): number {
    return this.#streams.size;
  }

  async start(): Promise<void> {
    await this.#feed.start();
    this.#armBeat();
  }

  /**
   * Where a stream asked for in this way begins, to be called before anything is answered.
   *
   * @throws VedetteError VDT_API_POSITION_GONE, VDT_API_BAD_REQUEST, VDT_API_BUSY, VDT_API_STOPPING
   */
  async begin(query: EventsQuery, lastEventId: string | undefined): Promise<number> {
    if (this.#closed) throw new VedetteError('VDT_API_STOPPING');
    if (this.#streams.size >= this.#options.limits.streams) throw new VedetteError('VDT_API_BUSY');
    await this.#feed.catchUp();
    const given = lastEventId ?? query.after;
    if (given === undefined) return this.#feed.position;
    const asked = parseStreamPosition(given);
    if (asked === undefined) {
      const message = 'the header Last-Event-ID is not a position of a stream';
      throw new VedetteError('VDT_API_BAD_REQUEST', { message, path: '/Last-Event-ID' });
    }
    const { store } = this.#feed;
    if (asked.store !== store) throw gone(`${given} is a position of another store than ${store}`);
    const end = this.#feed.position;
    if (asked.position > end)
      throw gone(`${given} is beyond the end, ${formatStreamPosition({ store, position: end })}`);
    if ((await this.#feed.after(asked.position, 1)) === undefined) {
      throw gone(`the events after ${given} are no longer kept`);
    }
    return asked.position;
  }

  /** Takes over a response whose headers have been sent; settles when the stream has ended. */
  run(response: ServerResponse, query: EventsQuery, position: number): Promise<void> {
    const { clock, limits, counters } = this.#options;
    const filter = new EventFilter(query);
    const stream = new EventStream({ response, feed: this.#feed, filter, position, clock, limits, counters });
    this.#streams.add(stream);
    counters.streamsOpened++;
    if (query.observers === true) this.#observe(stream);
    if (this.#closed) stream.close(new VedetteError('VDT_API_STOPPING'));
    const run = stream.run().finally(() => {
      this.#streams.delete(stream);
      this.#observing.delete(stream);
      this.#runs.delete(run);
    });
    this.#runs.add(run);
    return run;
  }

  /** Tells every client that the process stops, and waits until that is handed to their connections. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#beat?.cancel();
    for (const stream of this.#streams) stream.close(new VedetteError('VDT_API_STOPPING'));
    await Promise.all(this.#runs);
    await this.#feed.close();
    await (await this.#observers?.catch(() => undefined))?.close(); // a failed subscription has been told already
  }

  /** What observers publish is heard from the first client on that wants it, and read only while there is one. */
  #observe(stream: EventStream): void {
    const { bus, counters, onError } = this.#options;
    this.#observing.add(stream);
    this.#observers ??= bus.subscribe({
      patterns: subjectPatterns.observerEvents,
      handler: (_subject, payload) => {
        if (this.#observing.size === 0) return;
        const event = readObserverEvent(payload);
        if (event === undefined) counters.messagesRefused++;
        else for (const one of this.#observing) one.offer(event);
      },
    });
    this.#observers.catch((error: unknown) => {
      this.#observers = undefined;
      onError(error);
      stream.close(error);
    });
  }

  #armBeat(): void {
    const { clock, limits, onError } = this.#options;
    this.#beat = clock.setTimer(() => {
      this.#feed.catchUp().catch(onError);
      for (const stream of this.#streams) stream.beat();
      this.#armBeat();
    }, limits.heartbeatIntervalMs);
  }
}

function gone(message: string): VedetteError {
  return new VedetteError('VDT_API_POSITION_GONE', { message });
}
