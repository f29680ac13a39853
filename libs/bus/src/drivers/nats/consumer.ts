import type { Msg, Subscription as NatsSubscription } from '@nats-io/transport-node';
import { type Timer, VedetteError } from '@vedette/runtime';
import { checkCount } from '../../checks.ts';
import type { ConsumeOptions, Consumer, Delivery } from '../../port.ts';
import { Deque } from '../memory/deque.ts';
import { LinkedList } from '../memory/linked-list.ts';
import type { DeadLetters } from './dead-letters.ts';
import { NatsDelivery, readDeliveryInfo } from './delivery.ts';
import type { Group } from './group.ts';
import { endSubscription, type Link } from './link.ts';
import type { NatsLimits } from './options.ts';
import { PullRequests } from './pulls.ts';

const encoder = new TextEncoder();
const words = {
  ack: encoder.encode('+ACK'),
  nak: encoder.encode('-NAK'),
  progress: encoder.encode('+WPI'),
  term: encoder.encode('+TERM'),
};

interface Ask {
  readonly max: number;
  readonly resolve: (batch: readonly Delivery[] | undefined) => void;
}

export interface ConsumerOptions {
  readonly link: Link;
  readonly group: Group;
  readonly streamName: string;
  readonly limits: NatsLimits;
  readonly deadLetters: DeadLetters;
  readonly consume: ConsumeOptions;
  /** Where the broker delivers to; of this consumer alone. */
  readonly inbox: string;
  readonly onClosed: (consumer: NatsConsumer) => void;
}

/**
 * One member of a durable group.
 *
 * N1. What the broker hands over is `waiting` in a buffer, then `open` with whoever called `next`; both count against
 *     `maxInFlight`, as does what is asked for and what is being set aside.
 * N2. Some messages are asked for ahead of `next`. As long as somebody is active here, those that wait long are kept
 *     alive; once nobody was for the acknowledgement wait they are given back, and nothing is asked for until `next`.
 * N3. After a lost connection nothing is sent about earlier deliveries before the broker was found to have the same
 *     group still: in another one their positions would be those of other messages.
 */
export class NatsConsumer implements Consumer {
  readonly #options: ConsumerOptions;
  readonly #link: Link;
  readonly #ackWaitMs: number;
  readonly #buffer = new Deque<NatsDelivery>();
  readonly #out = new LinkedList<NatsDelivery>();
  readonly #pulls: PullRequests;
  readonly #onAbort = (): void => void this.close();
  #subscription: NatsSubscription | undefined;
  #state: 'open' | 'stopped' | 'closed' = 'open';
  #closing: Promise<void> | undefined;
  #ask: Ask | undefined;
  #answerDue = false;
  #settingAside = 0;
  /** Of messages asked for or buffered ahead of `next`; 0: nobody asks, nothing is asked for (N2). */
  #wanted = 0;
  #activeMs: number;
  /** Tells the group from a later one of the same name; undefined while it is not known which one is there (N3). */
  #incarnation: string | undefined;
  #earlierIncarnation: string | undefined;
  #lateAcks: NatsDelivery[] = [];
  /** The highest position that came, for {@link Group.restore}. */
  #lastPosition: number | undefined;
  #recovering = false;
  #recoveredMs = Number.NEGATIVE_INFINITY;
  #timer: Timer | undefined;

  constructor(options: ConsumerOptions) {
    const { link, limits, streamName, group, inbox } = options;
    this.#options = options;
    this.#link = link;
    this.#ackWaitMs = limits.ackWaitMs;
    this.#activeMs = link.clock.now();
    const nextSubject = `$JS.API.CONSUMER.MSG.NEXT.${streamName}.${group.name}`;
    this.#pulls = new PullRequests({ link, nextSubject, inbox, maxBytes: limits.maxPrefetchBytes });
    options.consume.signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** Joins the group. @throws VedetteError as `Bus.consume` */
  async start(): Promise<void> {
    try {
      this.#subscription = this.#link.subscribe(this.#options.inbox, (message) => this.#receive(message));
      this.#incarnation = await this.#options.group.ensure(this.#link.clock);
      await this.#link.settled([this.#subscription]);
      this.#options.consume.signal?.throwIfAborted();
    } catch (error) {
      await this.close();
      throw error;
    }
    this.#tickLater();
  }

  next(max: number): Promise<readonly Delivery[] | undefined> {
    try {
      checkCount('max', max, 1);
      if (this.#ask !== undefined) throw new VedetteError('VDT_BUS_USAGE', { message: 'a next is already under way' });
    } catch (error) {
      return Promise.reject(error as VedetteError);
    }
    if (this.#state !== 'open') return Promise.resolve(undefined);
    this.#activeMs = this.#link.clock.now();
    this.#wanted = Math.min(this.#options.consume.maxInFlight, max * 2);
    const batch = this.#take(max);
    this.#pull();
    if (batch.length > 0) return Promise.resolve(batch);
    return new Promise((resolve) => {
      this.#ask = { max, resolve };
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Hands out nothing more, while what is out may still be acknowledged. */
  stop(): void {
    if (this.#state !== 'open') return;
    this.#state = 'stopped';
    this.#answer(undefined);
  }

  // ---- What became of deliveries -----------------------------------------------------------------------------

  acknowledge(delivery: NatsDelivery): void {
    this.#link.counters.acknowledged++;
    if (delivery.state === 'open') this.#out.remove(delivery);
    delivery.state = 'done';
    if (this.#incarnation === undefined) this.#lateAcks.push(delivery);
    else this.#say(delivery, words.ack);
    this.#moved();
  }

  giveBack(delivery: NatsDelivery, delayMs: number): void {
    if (!Number.isFinite(delayMs) || delayMs < 0) {
      throw new VedetteError('VDT_BUS_USAGE', { message: `delayMs ${delayMs} is not allowed` });
    }
    this.#out.remove(delivery);
    delivery.state = 'done';
    if (delivery.attempt >= this.#options.limits.maxDeliveries) this.#setAside(delivery);
    else this.#refuse(delivery, delayMs);
    this.#moved();
  }

  extend(delivery: NatsDelivery): void {
    this.#activeMs = this.#link.clock.now();
    this.#keepAlive(delivery);
  }

  #refuse(delivery: NatsDelivery, delayMs: number): void {
    const delayNs = Math.round(delayMs * 1e6);
    this.#say(delivery, delayNs > 0 ? encoder.encode(`-NAK {"delay": ${delayNs}}`) : words.nak);
  }

  #keepAlive(delivery: NatsDelivery): void {
    delivery.sinceMs = this.#link.clock.now();
    this.#say(delivery, words.progress);
  }

  /** What cannot be said now is lost, and the message comes again (N3). */
  #say(delivery: NatsDelivery, word: Uint8Array): void {
    if (!this.#link.connected || this.#incarnation === undefined || delivery.incarnation !== this.#incarnation) return;
    this.#link.publish(delivery.reply, word);
  }

  /** One delivery less is out. */
  #moved(): void {
    this.#activeMs = this.#link.clock.now();
    this.#pull();
    if (this.#ask !== undefined && this.#buffer.size > 0) this.#answerSoon();
  }

  #setAside(delivery: NatsDelivery): void {
    const { deadLetters, group } = this.#options;
    this.#settingAside++;
    delivery.state = 'done';
    const store = async (): Promise<void> => {
      try {
        await deadLetters.store(group.name, delivery);
        this.#link.counters.deadLettered++;
        this.#say(delivery, words.term);
      } catch (cause) {
        const message = `group ${group.name}: a message delivered too often could not be set aside, it comes again`;
        this.#link.onTrouble(new VedetteError('VDT_BUS_UNAVAILABLE', { message, cause }));
        this.#refuse(delivery, Math.min(5_000, this.#ackWaitMs));
      }
      this.#settingAside--;
      this.#pull();
    };
    void store();
  }

  // ---- Handing out -------------------------------------------------------------------------------------------

  #take(max: number): NatsDelivery[] {
    const nowMs = this.#link.clock.now();
    const batch: NatsDelivery[] = [];
    const count = Math.min(max, this.#options.consume.maxInFlight - this.#out.size);
    while (batch.length < count) {
      const delivery = this.#buffer.shift();
      if (delivery === undefined) break;
      // The broker gave it to somebody by now: this process stood still for too long to keep it alive.
      if (nowMs - delivery.sinceMs >= this.#ackWaitMs) continue;
      delivery.state = 'open';
      // Whoever gets it has the time that was promised, or nearly.
      if (nowMs - delivery.sinceMs > this.#ackWaitMs / 4) this.#keepAlive(delivery);
      this.#out.append(delivery);
      if (delivery.attempt > 1) this.#link.counters.redelivered++;
      batch.push(delivery);
    }
    if (batch.length > 0) this.#activeMs = nowMs;
    this.#link.counters.delivered += batch.length;
    return batch;
  }

  /** In a microtask: what comes together is handed out together. */
  #answerSoon(): void {
    if (this.#answerDue || this.#ask === undefined) return;
    this.#answerDue = true;
    queueMicrotask(() => {
      this.#answerDue = false;
      if (this.#ask === undefined || this.#state !== 'open') return;
      const batch = this.#take(this.#ask.max);
      if (batch.length > 0) this.#answer(batch);
      this.#pull();
    });
  }

  #answer(batch: readonly Delivery[] | undefined): void {
    const ask = this.#ask;
    this.#ask = undefined;
    ask?.resolve(batch);
  }

  // ---- From the broker ---------------------------------------------------------------------------------------

  #receive(message: Msg): void {
    const info = readDeliveryInfo(message.reply ?? '');
    if (info === undefined) {
      this.#receiveStatus(message);
      return;
    }
    this.#pulls.onMessage();
    const delivery = new NatsDelivery(this, this.#incarnation, message, info, this.#link.clock.now());
    this.#lastPosition = Math.max(this.#lastPosition ?? 0, info.position);
    if (!this.#options.group.wants(delivery.subject)) this.#say(delivery, words.ack);
    else if (info.attempt > this.#options.limits.maxDeliveries) this.#setAside(delivery);
    else {
      this.#buffer.push(delivery);
      this.#answerSoon();
    }
  }

  #receiveStatus(message: Msg): void {
    const verdict = this.#pulls.onStatus(message);
    if (verdict === 'again') this.#pull();
    else if (verdict === 'gone') void this.#recover();
  }

  #pull(): void {
    if (this.#state !== 'open' || this.#incarnation === undefined || !this.#link.connected) return;
    const held = this.#buffer.size;
    const room = this.#options.consume.maxInFlight - this.#out.size - this.#settingAside - held;
    this.#pulls.ask(Math.min(room, this.#wanted - held), this.#wanted);
  }

  // ---- Time --------------------------------------------------------------------------------------------------

  #tickLater(): void {
    if (this.#state === 'closed') return;
    const periodMs = Math.min(this.#ackWaitMs / 4, PullRequests.heartbeatMs);
    this.#timer = this.#link.clock.setTimer(() => {
      this.#tick();
      this.#tickLater();
    }, periodMs);
  }

  #tick(): void {
    const nowMs = this.#link.clock.now();
    for (const delivery of this.#out) {
      if (nowMs - delivery.sinceMs < this.#ackWaitMs) continue;
      delivery.state = 'expired';
      this.#out.remove(delivery);
    }
    this.#tendBuffer(nowMs);
    if (this.#pulls.silent) void this.#recover();
    this.#pull();
    this.#answerSoon();
  }

  /** N2. */
  #tendBuffer(nowMs: number): void {
    if (this.#buffer.size === 0) return;
    if (nowMs - this.#activeMs > this.#ackWaitMs) {
      if (this.#ask === undefined) this.#wanted = 0;
      for (let left = this.#buffer.size; left > 0; left--) {
        const delivery = this.#buffer.shift() as NatsDelivery;
        delivery.state = 'done';
        this.#refuse(delivery, 0);
      }
      return;
    }
    for (const delivery of this.#buffer) {
      if (nowMs - delivery.sinceMs > this.#ackWaitMs / 4) this.#keepAlive(delivery);
    }
  }

  // ---- A lost connection, a lost group -----------------------------------------------------------------------

  /** The connection is lost: until {@link restored} nothing can be said or asked. */
  lost(): void {
    this.#earlierIncarnation = this.#incarnation ?? this.#earlierIncarnation;
    this.#incarnation = undefined;
    this.#pulls.reset();
  }

  /** The connection is back. */
  restored(): void {
    void this.#recover();
  }

  /** Finds out whether the group is still there, makes it again if need be, and asks for messages again. */
  async #recover(): Promise<void> {
    if (this.#recovering) return;
    this.#recovering = true;
    this.#pulls.reset();
    const { clock } = this.#link;
    // A group that is there and does not answer is asked twice a second, no oftener.
    if (clock.now() - this.#recoveredMs < 500) await clock.sleep(500);
    while (this.#link.connected && this.#state !== 'closed') {
      try {
        // oxlint-disable-next-line no-await-in-loop -- one try after the other
        this.#found(await this.#options.group.restore(this.#firstUnacknowledged()));
        break;
      } catch (error) {
        if (this.#link.connected) this.#link.onTrouble(error as VedetteError);
      }
      // oxlint-disable-next-line no-await-in-loop -- as above
      await clock.sleep(500);
    }
    this.#recoveredMs = clock.now();
    this.#recovering = false;
    this.#pull();
  }

  #found(incarnation: string): void {
    const earlier = this.#incarnation ?? this.#earlierIncarnation;
    this.#incarnation = incarnation;
    if (earlier !== incarnation) this.#forgetDeliveries();
    for (const delivery of this.#lateAcks) this.#say(delivery, words.ack);
    this.#lateAcks = [];
  }

  /** The group that they are of is gone. */
  #forgetDeliveries(): void {
    for (const delivery of [...this.#out, ...this.#buffer]) delivery.state = 'done';
    for (const delivery of this.#out) this.#out.remove(delivery);
    this.#buffer.clear();
    this.#lastPosition = undefined;
  }

  #firstUnacknowledged(): number | undefined {
    if (this.#lastPosition === undefined) return undefined;
    let first = this.#lastPosition + 1;
    for (const { position } of [...this.#out, ...this.#buffer]) first = Math.min(first, position);
    return first;
  }

  // ---- The end -----------------------------------------------------------------------------------------------

  async #end(): Promise<void> {
    this.#state = 'closed';
    this.#timer?.cancel();
    this.#options.consume.signal?.removeEventListener('abort', this.#onAbort);
    this.#answer(undefined);
    // First no more comes, then what has come goes to others: else the broker would send it here again.
    if (this.#subscription !== undefined) await endSubscription(this.#link, this.#subscription);
    for (const delivery of [...this.#out, ...this.#buffer]) {
      delivery.state = 'done';
      this.#refuse(delivery, 0);
    }
    this.#options.onClosed(this);
  }
}
