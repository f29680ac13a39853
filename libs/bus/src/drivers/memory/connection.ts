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
import { defaultCloseOptions, drained } from '../../draining.ts';
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
import { chooseServers, FanOut, type PendingAnswer, PendingCall } from './calls.ts';
import { MemoryConsumer } from './consumer.ts';
import { createCounters, type LiveCounters } from './counters.ts';
import type { Exchange } from './exchange.ts';
import type { ScriptedFaults } from './faults.ts';
import type { MemoryLimits } from './limits.ts';
import { PublishLane } from './publishing.ts';
import { MemoryRequest } from './request.ts';
import { MemoryServer } from './server.ts';
import { MemorySubscription } from './subscription.ts';
import type { Switchboard } from './switchboard.ts';

/** What the reference promises; nothing survives the process. */
export const memoryCapabilities: BusCapabilities = Object.freeze({
  positions: false,
  persistent: false,
  replay: true,
  dedup: true,
  noResponders: true,
  delayedNak: true,
  deadLetters: true,
});

export interface ConnectionOptions {
  readonly name: string;
  readonly clock: Clock;
  readonly limits: MemoryLimits;
  readonly exchange: Exchange;
  readonly switchboard: Switchboard;
  readonly faults: ScriptedFaults;
  readonly onHandlerError: (error: unknown, subject: string) => void;
  readonly onClosed: (connection: MemoryConnection) => void;
}

/** One client of a memory broker. */
export class MemoryConnection implements Bus {
  readonly name: string;
  readonly capabilities = memoryCapabilities;
  readonly #options: ConnectionOptions;
  readonly #counters: LiveCounters = createCounters();
  readonly #lane: PublishLane;
  readonly #pending = new Set<PendingAnswer>();
  readonly #consumers = new Set<MemoryConsumer>();
  readonly #subscriptions = new Set<MemorySubscription>();
  readonly #servers = new Set<MemoryServer>();
  #linked = true;
  #closing: Promise<void> | undefined;
  #closed = false;

  constructor(options: ConnectionOptions) {
    const { name, exchange, clock, limits, faults } = options;
    this.name = name;
    this.#options = options;
    this.#lane = new PublishLane({ exchange, clock, limits, faults, connection: name, counters: this.#counters });
  }

  get counters(): BusCounters {
    return this.#counters;
  }

  get connected(): boolean {
    return this.#linked && !this.#closed;
  }

  // ---- Messages ----------------------------------------------------------------------------------------------

  async publish(messages: readonly OutgoingMessage[], options: CallOptions): Promise<readonly PublishOutcome[]> {
    this.#checkOpen();
    checkCall(options);
    for (const message of messages) {
      checkSubject(message.subject);
      if (message.id === '') throw new VedetteError('VDT_BUS_USAGE', { message: 'a message has an empty id' });
    }
    if (this.#linked) return this.#lane.publish(messages, options);
    this.#counters.publishFailed += messages.length;
    const error = disconnectedError();
    return messages.map(() => ({ status: 'in_doubt', error }));
  }

  send(subject: string, payload: Uint8Array): void {
    this.#checkOpen();
    this.#checkMessage(subject, payload);
    this.#counters.volatileSent++;
    if (this.#linked) this.#options.exchange.send(subject, payload);
    else this.#counters.volatileDropped++;
  }

  async consume(options: ConsumeOptions): Promise<Consumer> {
    checkConsume(options);
    this.#checkReady();
    const group = this.#options.exchange.group(options.group, options.patterns, options.from ?? 'new');
    const consumer = new MemoryConsumer(group, options, this.#counters, (closed) => this.#consumers.delete(closed));
    this.#consumers.add(consumer);
    consumer.attach();
    return consumer;
  }

  async subscribe(options: SubscribeOptions): Promise<Subscription> {
    checkPatterns(options.patterns);
    this.#checkReady();
    const { limits, exchange, onHandlerError } = this.#options;
    const subscription = new MemorySubscription({
      subscribe: options,
      maxMessages: limits.maxVolatileMessages,
      counters: this.#counters,
      onHandlerError,
      onClose: (closed) => {
        exchange.remove(closed);
        this.#subscriptions.delete(closed);
      },
    });
    this.#subscriptions.add(subscription);
    exchange.add(subscription);
    return subscription;
  }

  // ---- Requests ----------------------------------------------------------------------------------------------

  async call(subject: string, payload: Uint8Array, options: CallOptions): Promise<Uint8Array> {
    const servers = this.#chooseServers(subject, payload, options);
    const call = new PendingCall({
      clock: this.#options.clock,
      servers,
      subject,
      payload,
      call: options,
      onSettled: this.#onCallSettled,
    });
    this.#pending.add(call);
    return call.reply;
  }

  async cast(subject: string, payload: Uint8Array, options: CallOptions): Promise<void> {
    for (const server of this.#chooseServers(subject, payload, options)) {
      server.accept(new MemoryRequest(server, subject, payload, undefined));
    }
  }

  async *fanOut(
    subject: string,
    payload: Uint8Array,
    options: CallOptions & { readonly expected?: number },
  ): AsyncGenerator<Uint8Array, void, undefined> {
    if (options.expected !== undefined) checkCount('expected', options.expected, 1);
    this.#checkRequest(subject, payload, options);
    this.#counters.calls++;
    const fanOut = new FanOut({
      clock: this.#options.clock,
      servers: this.#options.switchboard.find(subject).flatMap((group) => group.servers),
      subject,
      payload,
      call: options,
      onFailed: () => {
        this.#counters.callsFailed++;
      },
    });
    this.#pending.add(fanOut);
    try {
      yield* fanOut.replies();
    } finally {
      this.#pending.delete(fanOut);
    }
  }

  async serve(options: ServeOptions): Promise<Subscription> {
    checkServe(options);
    this.#checkReady();
    const { clock, limits, switchboard, onHandlerError } = this.#options;
    const server = new MemoryServer({
      serve: options,
      clock,
      maxPayloadBytes: limits.maxPayloadBytes,
      counters: this.#counters,
      isConnected: () => this.connected,
      onHandlerError,
      onClosing: (closing) => switchboard.remove(closing),
      onClosed: (closed) => this.#servers.delete(closed),
    });
    this.#servers.add(server);
    switchboard.add(server);
    return server;
  }

  // ---- The connection ----------------------------------------------------------------------------------------

  /** Loses the connection to the broker, as a cut cable would. Nothing happens if it is lost already. */
  disconnect(): void {
    if (!this.connected) return;
    this.#linked = false;
    this.#lane.giveUp(disconnectedError());
    this.#failPending(disconnectedError());
    for (const consumer of this.#consumers) consumer.detach();
    for (const subscription of this.#subscriptions) this.#options.exchange.remove(subscription);
    for (const server of this.#servers) this.#options.switchboard.remove(server);
  }

  /** Has the connection again; consumers, subscriptions and servers take part again. */
  reconnect(): void {
    if (this.#linked || this.#closing !== undefined) return;
    this.#linked = true;
    for (const consumer of this.#consumers) consumer.attach();
    for (const subscription of this.#subscriptions) this.#options.exchange.add(subscription);
    for (const server of this.#servers) if (!server.closing) this.#options.switchboard.add(server);
  }

  close(options: CallOptions = defaultCloseOptions): Promise<void> {
    this.#closing ??= this.#drain(options);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #drain(options: CallOptions): Promise<void> {
    this.#failPending(new VedetteError('VDT_BUS_CLOSED'));
    for (const consumer of this.#consumers) consumer.stop();
    const handlers = [...this.#subscriptions, ...this.#servers].map((running) => running.close(options));
    if (!(await drained(this.#options.clock, options, this.#lane.empty()))) {
      this.#lane.giveUp(new VedetteError('VDT_BUS_CLOSED'));
    }
    await Promise.all(handlers);
    await Promise.all([...this.#consumers].map((consumer) => consumer.close()));
    this.#closed = true;
    this.#options.onClosed(this);
  }

  readonly #onCallSettled = (call: PendingCall, failed: boolean): void => {
    this.#pending.delete(call);
    if (failed) this.#counters.callsFailed++;
  };

  #failPending(error: VedetteError): void {
    for (const pending of [...this.#pending]) pending.fail(error);
  }

  #chooseServers(subject: string, payload: Uint8Array, options: CallOptions): MemoryServer[] {
    this.#checkRequest(subject, payload, options);
    this.#counters.calls++;
    try {
      return chooseServers(this.#options.switchboard.find(subject), subject);
    } catch (error) {
      this.#counters.callsFailed++;
      throw error;
    }
  }

  #checkRequest(subject: string, payload: Uint8Array, options: CallOptions): void {
    checkCall(options);
    this.#checkMessage(subject, payload);
    this.#checkReady();
  }

  #checkMessage(subject: string, payload: Uint8Array): void {
    checkSubject(subject);
    const tooLarge = oversize(payload, this.#options.limits.maxPayloadBytes);
    if (tooLarge !== undefined) throw tooLarge;
  }

  #checkReady(): void {
    this.#checkOpen();
    if (!this.#linked) throw disconnectedError();
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw new VedetteError('VDT_BUS_CLOSED');
  }
}

function disconnectedError(): VedetteError {
  return new VedetteError('VDT_BUS_DISCONNECTED');
}
