import type { Msg, Subscription as NatsSubscription } from '@nats-io/transport-node';
import { VedetteError } from '@vedette/runtime';
import { oversize } from '../../checks.ts';
import { defaultCloseOptions, drained } from '../../draining.ts';
import type { CallOptions, ServeOptions, Subscription } from '../../port.ts';
import { LinkedList } from '../memory/linked-list.ts';
import { endSubscription, type Link } from './link.ts';
import { DeadlineAlarm, NatsRequest } from './request.ts';
import type { TimerWheel } from './timer-wheel.ts';
import { controlPrefix, type Fault, readEnvelope, remoteFault, timeoutHeader, writeFault } from './wire.ts';

export interface ServingOptions {
  readonly serve: ServeOptions;
  readonly link: Link;
  readonly alarms: TimerWheel<DeadlineAlarm>;
  /** Called when no handler is waited for any more. */
  readonly onClosed: (server: NatsServing) => void;
}

const decoder = new TextDecoder();
const nothing = new Uint8Array(0);

/**
 * One server: a bounded queue of requests and a bounded number of handlers running. A request that finds a free
 * handler is begun where it arrives, without a detour through the queue.
 */
export class NatsServing implements Subscription {
  readonly link: Link;
  readonly #options: ServingOptions;
  readonly #queue = new LinkedList<NatsRequest>();
  readonly #running = new LinkedList<NatsRequest>();
  readonly #subscriptions: readonly NatsSubscription[];
  readonly #filtered: boolean;
  #startDue = false;
  #onIdle: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: ServingOptions) {
    this.#options = options;
    this.link = options.link;
    const { pattern, group } = options.serve;
    this.#filtered = pattern.startsWith('*') || pattern.startsWith('>');
    // The pattern is part of the queue group: servers of one group share the requests of their pattern only.
    const queue = group === undefined ? undefined : `${group}|${pattern}`;
    this.#subscriptions = [
      this.link.subscribe(pattern, (message) => this.#onRequest(message, 0), queue),
      this.link.subscribe(controlPrefix + pattern, (message) => this.#onRequest(message, controlPrefix.length)),
    ];
  }

  /** Resolves when requests can come. @throws VedetteError VDT_BUS_REFUSED, VDT_BUS_DISCONNECTED */
  settled(): Promise<void> {
    return this.link.settled(this.#subscriptions);
  }

  close(options: CallOptions = defaultCloseOptions): Promise<void> {
    this.#closing ??= this.#drain(options);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Aborts the request's signal at its deadline. */
  alarm(request: NatsRequest): DeadlineAlarm {
    const alarm = new DeadlineAlarm(request);
    this.#options.alarms.add(alarm, request.deadlineMs - this.link.clock.now());
    return alarm;
  }

  disarm(alarm: DeadlineAlarm): void {
    this.#options.alarms.remove(alarm);
  }

  // ---- Requests ----------------------------------------------------------------------------------------------

  #onRequest(message: Msg, prefixLength: number): void {
    const { reply } = message;
    if (reply === undefined || reply === '') {
      if (prefixLength > 0) this.#onCancel(decoder.decode(message.data));
      return;
    }
    if (this.#filtered && prefixLength === 0 && this.link.isInternal(message.subject)) return;
    let envelope = readEnvelope(reply);
    if (message.headers !== undefined && envelope.timeoutMs === undefined && envelope.kind === 'call') {
      const timeoutMs = Number.parseInt(message.headers.get(timeoutHeader), 10);
      if (timeoutMs >= 0) envelope = { kind: 'call', timeoutMs };
    }
    this.#accept(new NatsRequest(this, message, reply, envelope, prefixLength));
  }

  #accept(request: NatsRequest): void {
    const { concurrency, maxQueued } = this.#options.serve;
    const free = this.#running.size < concurrency && this.#queue.size === 0;
    if (!free && this.#queue.size >= maxQueued) this.#dropExpired();
    if (!free && this.#queue.size >= maxQueued) {
      this.#answerFault(request, { kind: 'busy', message: `the server of ${request.subject} is busy` });
      return;
    }
    if (request.kind === 'cast') this.#answer(request, nothing);
    if (free) this.#run(request);
    else this.#queue.append(request);
  }

  #dropExpired(): void {
    for (const request of this.#queue) if (request.expired) this.#queue.remove(request);
  }

  #onCancel(reply: string): void {
    const reason = new VedetteError('VDT_BUS_CANCELLED', { message: 'the caller gave up' });
    for (const request of this.#queue) {
      if (request.reply !== reply) continue;
      this.#queue.remove(request);
      this.#checkIdle();
    }
    for (const request of this.#running) if (request.reply === reply) request.cancel(reason);
  }

  #run(request: NatsRequest): void {
    this.#running.append(request);
    try {
      const reply = this.#options.serve.handler(request);
      if (reply instanceof Uint8Array) this.#succeed(request, reply);
      else
        reply.then(
          (bytes) => this.#succeed(request, bytes),
          (error: unknown) => this.#fail(request, error),
        );
    } catch (error) {
      this.#fail(request, error);
    }
  }

  #succeed(request: NatsRequest, reply: Uint8Array): void {
    const fault = faultOf(reply, this.link.maxPayloadBytes);
    if (fault !== undefined) {
      this.#fail(request, fault);
      return;
    }
    if (request.kind !== 'cast' && !request.cancelled) this.#answer(request, reply);
    this.#end(request);
  }

  #fail(request: NatsRequest, error: unknown): void {
    if (request.kind !== 'cast') {
      // An error after a cancellation is the handler giving up, as it was told to.
      if (!request.cancelled) this.#answerFault(request, remoteFault(error));
    } else if (!request.cancelled) {
      this.link.counters.handlerErrors++;
      this.link.onHandlerError(error, request.subject);
    }
    this.#end(request);
  }

  #end(request: NatsRequest): void {
    request.end();
    this.#running.remove(request);
    this.#startSoon();
    this.#checkIdle();
  }

  /** In a microtask: a long queue of quick handlers must not run on one stack. */
  #startSoon(): void {
    if (this.#startDue || this.#queue.size === 0) return;
    this.#startDue = true;
    queueMicrotask(() => {
      this.#startDue = false;
      while (this.#running.size < this.#options.serve.concurrency) {
        const request = this.#queue.shift();
        if (request === undefined) break;
        if (!request.expired) this.#run(request);
      }
      this.#checkIdle();
    });
  }

  // ---- Answers -----------------------------------------------------------------------------------------------

  /** Without a connection it is lost, and its caller waits for its deadline. */
  #answer(request: NatsRequest, reply: Uint8Array): void {
    if (this.link.connected) this.link.publish(request.reply, reply);
  }

  #answerFault(request: NatsRequest, fault: Fault): void {
    if (!this.link.connected) return;
    const { payload, headers } = writeFault(fault);
    this.link.publish(request.reply, payload, { headers });
  }

  // ---- Closing -----------------------------------------------------------------------------------------------

  async #drain(options: CallOptions): Promise<void> {
    const work = Promise.all(this.#subscriptions.map((each) => endSubscription(this.link, each))).then(() =>
      this.#idle(),
    );
    if (!(await drained(this.link.clock, options, work))) this.#giveUp();
    this.#options.onClosed(this);
  }

  get #isIdle(): boolean {
    return this.#running.size + this.#queue.size === 0;
  }

  #checkIdle(): void {
    if (this.#onIdle !== undefined && this.#isIdle) this.#onIdle();
  }

  #idle(): Promise<void> {
    if (this.#isIdle) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onIdle = resolve;
    });
  }

  #giveUp(): void {
    const reason = new VedetteError('VDT_BUS_CLOSED', { message: 'the server was closed' });
    const waiting = [...this.#queue];
    for (const request of waiting) this.#queue.remove(request);
    for (const request of [...waiting, ...this.#running]) {
      if (request.kind !== 'cast' && !request.cancelled) {
        this.#answerFault(request, { kind: 'gone', message: 'the server closed before it had answered' });
      }
      request.cancel(reason);
    }
  }
}

/** What keeps a reply from being sent. */
function faultOf(reply: Uint8Array, maxPayloadBytes: number): VedetteError | undefined {
  if (reply instanceof Uint8Array) return oversize(reply, maxPayloadBytes);
  return new VedetteError('VDT_BUS_USAGE', { message: 'the handler returned something other than bytes' });
}
