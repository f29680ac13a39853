import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { ObserverEvent } from '@vedette/model';
import { BoundedQueue, type Clock, VedetteError, withDeadline } from '@vedette/runtime';
import type { ApiCounters } from '../counters.ts';
import '../errors.ts';
import { problemOf } from '../problems.ts';
import { formatStreamPosition } from '../stream-position.ts';
import type { EventFilter } from './event-filter.ts';
import type { FleetFeed } from './fleet-feed.ts';
import type { ReadEvent } from './read-event.ts';
import { sseEvent, sseHeartbeat } from './sse.ts';

export interface StreamLimits {
  /** Events in one write, at most; what one stream holds of the fleet's log. */
  readonly batchEvents: number;
  /** Observers' events waiting for the client, at most; beyond it the stream is closed. */
  readonly queuedObserverEvents: number;
  /** How long the client may take no byte before the stream is closed. */
  readonly stallTimeoutMs: number;
  /** How long a closed stream may take to send what is left before its connection is cut. */
  readonly endTimeoutMs: number;
}

export interface EventStreamOptions {
  /** Headers have been sent; the stream ends it. */
  readonly response: ServerResponse;
  readonly feed: FleetFeed;
  readonly filter: EventFilter;
  /** The position after which to begin. */
  readonly position: number;
  readonly clock: Clock;
  readonly limits: StreamLimits;
  readonly counters: ApiCounters;
}

/**
 * One client that follows the events.
 *
 * The stream draws from the feed as fast as its client reads: it holds one batch and nothing else of the log, however
 * far behind it is. What observers publish is in no log and waits in a bounded queue. A client that takes no byte for
 * too long, or lets that queue run over, is told so by a last event and closed (I6, scenario F7).
 */
export class EventStream {
  readonly #options: EventStreamOptions;
  readonly #observed: BoundedQueue<ReadEvent<ObserverEvent>>;
  /** Aborts when the client has left or the stream is closed. */
  readonly #over = new AbortController();
  #position: number;
  #gone = false;
  #end: unknown;
  #beatDue = true;
  #woken = false;
  #resume: (() => void) | undefined;

  constructor(options: EventStreamOptions) {
    this.#options = options;
    this.#position = options.position;
    this.#observed = new BoundedQueue({ capacity: options.limits.queuedObserverEvents, overflow: 'reject' });
    options.response.once('close', () => this.#leave());
    options.response.once('error', () => this.#leave()); // `close` follows; without a listener it would be fatal
  }

  /** Sends events until the client leaves or the stream is closed; never rejects. */
  async run(): Promise<void> {
    try {
      await this.#pump();
    } catch (error) {
      this.close(error);
    }
    this.#observed.close({ discard: true });
    if (!this.#gone) this.#sayEnd();
  }

  /** The feed has moved. */
  wake(): void {
    this.#woken = true;
    this.#resume?.();
  }

  /** Time for a heart-beat. */
  beat(): void {
    this.#beatDue = true;
    this.wake();
  }

  offer(event: ReadEvent<ObserverEvent>): void {
    if (!this.#options.filter.passesObserver(event.name, event.event.data)) return;
    if (!this.#observed.offer(event)) this.close(new VedetteError('VDT_API_SLOW_CONSUMER'));
    this.wake();
  }

  /** Ends the stream, saying why; of several reasons the first counts. */
  close(error: unknown): void {
    this.#end ??= error;
    this.#over.abort(error);
    this.wake();
  }

  #leave(): void {
    this.#gone = true;
    this.#over.abort();
    this.wake();
  }

  async #pump(): Promise<void> {
    while (!this.#over.signal.aborted) {
      this.#woken = false;
      // oxlint-disable-next-line no-await-in-loop -- a stream is one thing after the other
      const text = await this.#nextText();
      // oxlint-disable-next-line no-await-in-loop -- as above
      await (text === '' ? this.#idle() : this.#write(text));
    }
  }

  async #nextText(): Promise<string> {
    const { feed, filter, limits, counters } = this.#options;
    const events = await feed.after(this.#position, limits.batchEvents);
    if (events === undefined) throw new VedetteError('VDT_API_POSITION_GONE');
    let text = '';
    for (const { position, name, json, event } of events) {
      this.#position = position;
      if (!filter.passesFleet(name, event.data)) continue;
      text += sseEvent(name, json, this.#id());
      counters.eventsSent++;
    }
    text += this.#observedText();
    if (this.#beatDue) {
      this.#beatDue = false;
      text += sseHeartbeat(this.#id());
    }
    if (text === '' && events.length > 0) this.#woken = true; // all filtered out: there may be more behind
    return text;
  }

  #observedText(): string {
    let text = '';
    for (let taken = 0; taken < this.#options.limits.batchEvents; taken++) {
      const event = this.#observed.tryTake();
      if (event === undefined) return text;
      text += sseEvent(event.name, event.json);
      this.#options.counters.eventsSent++;
    }
    this.#woken = true; // there may be more
    return text;
  }

  /** Until something may have come; at once if it has since the last look. */
  async #idle(): Promise<void> {
    if (this.#woken) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#resume = resolve;
    await promise;
    this.#resume = undefined;
  }

  async #write(text: string): Promise<void> {
    const { response, clock, limits } = this.#options;
    if (response.write(text)) return;
    const deadline = { what: 'a write', timeoutMs: limits.stallTimeoutMs, signal: this.#over.signal };
    await withDeadline(clock, deadline, (signal) => once(response, 'drain', { signal })).catch((error: unknown) => {
      throw VedetteError.is(error, 'VDT_RUNTIME_DEADLINE') ? new VedetteError('VDT_API_SLOW_CONSUMER') : error;
    });
  }

  #sayEnd(): void {
    const { response, clock, limits, counters } = this.#options;
    const problem = problemOf(this.#end);
    if (problem.code === 'VDT_API_SLOW_CONSUMER') counters.streamsTooSlow++;
    const cut = clock.setTimer(() => response.destroy(), limits.endTimeoutMs);
    response.once('close', () => cut.cancel());
    response.end(sseEvent('end', JSON.stringify(problem)));
  }

  #id(): string {
    return formatStreamPosition({ store: this.#options.feed.store, position: this.#position });
  }
}
