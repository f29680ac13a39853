import { type NatsConnection, nuid, PermissionViolationError, type Status } from '@nats-io/transport-node';
import { type Clock, VedetteError } from '@vedette/runtime';
import {
  checkCall,
  checkConsume,
  checkCount,
  checkPatterns,
  checkServe,
  checkSubject,
  oversize,
} from '../../checks.ts';
import { defaultCloseOptions } from '../../draining.ts';
import type {
  Bus,
  BusCapabilities,
  BusCounters,
  CallOptions,
  ConsumeOptions,
  Consumer,
  OutgoingMessage,
  PublishOutcome,
  ServeOptions,
  SubscribeOptions,
  Subscription,
} from '../../port.ts';
import { createCounters, type LiveCounters } from '../memory/counters.ts';
import { Durable } from './durable.ts';
import { FanOut } from './fan-out.ts';
import { Link } from './link.ts';
import { type NatsLimits, type NatsOptions, resolveNatsLimits, resolveNatsStream } from './options.ts';
import type { DeadlineAlarm } from './request.ts';
import { Requester } from './requester.ts';
import { NatsServing } from './server.ts';
import { NatsFollowing } from './subscription.ts';
import { TimerWheel } from './timer-wheel.ts';
import { Turns } from './turns.ts';

/** One client of a NATS broker; see `connectNats`. */
export class NatsBus implements Bus {
  readonly capabilities: BusCapabilities;
  readonly #connection: NatsConnection;
  readonly #clock: Clock;
  readonly #counters: LiveCounters = createCounters();
  readonly #limits: NatsLimits;
  readonly #link: Link;
  readonly #requester: Requester;
  readonly #durable: Durable | undefined;
  readonly #turns: Turns;
  readonly #alarms: TimerWheel<DeadlineAlarm>;
  readonly #followings = new Set<NatsFollowing>();
  readonly #servers = new Set<NatsServing>();
  #closing: Promise<void> | undefined;
  #closed = false;

  /** Use `connectNats`. @throws VedetteError VDT_BUS_USAGE */
  constructor(connection: NatsConnection, options: NatsOptions) {
    const { clock, stream = {}, inboxPrefix = '_INBOX', onHandlerError, onTrouble } = options;
    this.#connection = connection;
    this.#clock = clock;
    this.#limits = resolveNatsLimits(options.limits);
    this.#link = new Link({
      connection,
      clock,
      counters: this.#counters,
      inboxPrefix,
      token: nuid.next(),
      maxPayloadBytes: this.#limits.maxPayloadBytes,
      onHandlerError: onHandlerError ?? (() => undefined),
      onTrouble: onTrouble ?? (() => undefined),
    });
    this.#requester = new Requester(this.#link);
    this.#turns = new Turns(clock);
    this.#alarms = new TimerWheel(clock);
    const wanted = stream === false ? undefined : resolveNatsStream(stream);
    this.#durable = wanted && new Durable(this.#link, this.#requester, this.#limits, wanted);
    this.capabilities = Object.freeze({
      positions: wanted !== undefined,
      persistent: wanted?.storage === 'file' || (wanted?.replicas ?? 0) > 1,
      replay: wanted?.retention === 'limits',
      dedup: wanted !== undefined,
      noResponders: true,
      delayedNak: wanted !== undefined,
      deadLetters: wanted !== undefined,
    });
    void this.#watch();
  }

  get counters(): BusCounters {
    return this.#counters;
  }

  get connected(): boolean {
    return this.#link.connected && !this.#closed;
  }

  /** Checks the broker's storage. @throws VedetteError VDT_BUS_BROKER, VDT_BUS_STORAGE, VDT_BUS_UNAVAILABLE */
  async prepare(timeoutMs: number): Promise<void> {
    await this.#durable?.ensure(timeoutMs);
  }

  // ---- Messages ----------------------------------------------------------------------------------------------

  async publish(messages: readonly OutgoingMessage[], options: CallOptions): Promise<readonly PublishOutcome[]> {
    this.#checkOpen();
    checkCall(options);
    for (const message of messages) {
      checkSubject(message.subject);
      if (message.id === '') throw new VedetteError('VDT_BUS_USAGE', { message: 'a message has an empty id' });
    }
    return this.#needDurable().lane.publish(messages, options);
  }

  send(subject: string, payload: Uint8Array): void {
    this.#checkOpen();
    this.#checkMessage(subject, payload);
    this.#counters.volatileSent++;
    if (this.#link.connected) this.#link.publish(subject, payload);
    else this.#counters.volatileDropped++;
  }

  async consume(options: ConsumeOptions): Promise<Consumer> {
    checkConsume(options);
    this.#checkReady();
    return this.#needDurable().consume(options);
  }

  async subscribe(options: SubscribeOptions): Promise<Subscription> {
    checkPatterns(options.patterns);
    this.#checkReady();
    const following = new NatsFollowing({
      subscribe: options,
      link: this.#link,
      turns: this.#turns,
      maxMessages: this.#limits.maxVolatileMessages,
      onClosed: (closed) => this.#followings.delete(closed),
    });
    this.#followings.add(following);
    return settled(following);
  }

  // ---- Requests ----------------------------------------------------------------------------------------------

  call(subject: string, payload: Uint8Array, options: CallOptions): Promise<Uint8Array> {
    try {
      this.#checkRequest(subject, payload, options);
    } catch (error) {
      return Promise.reject(error as Error);
    }
    return this.#requester.call(subject, payload, options);
  }

  async cast(subject: string, payload: Uint8Array, options: CallOptions): Promise<void> {
    this.#checkRequest(subject, payload, options);
    await this.#requester.cast(subject, payload, options);
  }

  async *fanOut(
    subject: string,
    payload: Uint8Array,
    options: CallOptions & { readonly expected?: number },
  ): AsyncGenerator<Uint8Array, void, undefined> {
    if (options.expected !== undefined) checkCount('expected', options.expected, 1);
    this.#checkRequest(subject, payload, options);
    this.#counters.calls++;
    yield* new FanOut({ requester: this.#requester, subject, payload, call: options }).replies();
  }

  async serve(options: ServeOptions): Promise<Subscription> {
    checkServe(options);
    this.#checkReady();
    if (this.#durable?.keepsSome(options.pattern) === true) {
      const message = `requests to ${options.pattern} would be kept as durable messages, and be answered by the stream`;
      throw new VedetteError('VDT_BUS_USAGE', { message });
    }
    const server = new NatsServing({
      serve: options,
      link: this.#link,
      alarms: this.#alarms,
      onClosed: (closed) => this.#servers.delete(closed),
    });
    this.#servers.add(server);
    return settled(server);
  }

  // ---- The connection ----------------------------------------------------------------------------------------

  close(options: CallOptions = defaultCloseOptions): Promise<void> {
    this.#closing ??= this.#drain(options);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #drain(options: CallOptions): Promise<void> {
    const endMs = this.#clock.now() + options.timeoutMs;
    this.#link.inbox.failAll(new VedetteError('VDT_BUS_CLOSED'));
    this.#durable?.stop();
    const handlers = [...this.#followings, ...this.#servers].map((running) => running.close(options));
    await this.#durable?.drain(options);
    await Promise.all(handlers);
    await this.#durable?.closeConsumers();
    // What was said last, the acknowledgements above all, gets a moment even at the end of the time.
    const lastMs = Math.max(500, endMs - this.#clock.now());
    if (this.#link.connected) await this.#link.flushed(lastMs).catch(() => undefined);
    this.#closed = true;
    this.#link.connected = false;
    await this.#connection.close();
  }

  /** Follows what happens to the connection until it is closed. */
  async #watch(): Promise<void> {
    for await (const status of this.#connection.status()) this.#onStatus(status);
  }

  #onStatus(status: Status): void {
    if (this.#closed) return;
    if (status.type === 'disconnect') this.#onLost(new VedetteError('VDT_BUS_DISCONNECTED'));
    else if (status.type === 'reconnect') this.#onRestored();
    else if (status.type === 'error') this.#onBrokerError(status.error);
    else if (status.type === 'close') {
      const action = 'start this process again; the log of the broker may tell more';
      this.#onLost(new VedetteError('VDT_BUS_DISCONNECTED', { message: 'the client gave the broker up', action }));
    }
  }

  #onLost(error: VedetteError): void {
    if (!this.#link.connected) return;
    this.#link.connected = false;
    this.#link.onTrouble(error);
    this.#durable?.lost(error);
    this.#link.inbox.failAll(error);
  }

  #onRestored(): void {
    this.#link.noteBroker();
    this.#link.connected = true;
    if (this.#closing === undefined) this.#durable?.restored();
  }

  #onBrokerError(error: Error): void {
    this.#link.onTrouble(new VedetteError('VDT_BUS_REFUSED', { message: error.message, cause: error }));
    if (!(error instanceof PermissionViolationError) || error.operation !== 'publish') return;
    this.#durable?.lane.refuse(error.subject);
    this.#requester.refuse(error.subject);
  }

  // ---- Checks ------------------------------------------------------------------------------------------------

  #needDurable(): Durable {
    if (this.#durable !== undefined) return this.#durable;
    throw new VedetteError('VDT_BUS_USAGE', { message: 'this connection was made without a stream (stream: false)' });
  }

  #checkRequest(subject: string, payload: Uint8Array, options: CallOptions): void {
    checkCall(options);
    this.#checkMessage(subject, payload);
    this.#checkReady();
  }

  #checkMessage(subject: string, payload: Uint8Array): void {
    checkSubject(subject);
    const tooLarge = oversize(payload, this.#link.maxPayloadBytes);
    if (tooLarge !== undefined) throw tooLarge;
  }

  #checkReady(): void {
    this.#checkOpen();
    if (!this.#link.connected) throw new VedetteError('VDT_BUS_DISCONNECTED');
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw new VedetteError('VDT_BUS_CLOSED');
  }
}

/** It once the broker knows of it; closed again when the broker refuses it. */
async function settled<T extends NatsFollowing | NatsServing>(running: T): Promise<T> {
  try {
    await running.settled();
  } catch (error) {
    await running.close({ timeoutMs: 0 });
    throw error;
  }
  return running;
}
