import { VedetteError } from '@vedette/runtime';
import { drained } from '../../draining.ts';
import type { CallOptions, ConsumeOptions, Consumer } from '../../port.ts';
import { NatsConsumer } from './consumer.ts';
import { DeadLetters } from './dead-letters.ts';
import { collide } from './filters.ts';
import { Group } from './group.ts';
import { JetStreamApi } from './jetstream.ts';
import type { Link } from './link.ts';
import type { NatsLimits, NatsStreamOptions } from './options.ts';
import { PublishLane } from './publishing.ts';
import type { Requester } from './requester.ts';
import { Storage } from './storage.ts';

/** How long the streams are looked after when the connection is back; the next publish that fails begins anew. */
const restoreTimeoutMs = 60_000;

/** The durable half of a connection: streams, publishes, consumers. */
export class Durable {
  readonly lane: PublishLane;
  readonly #link: Link;
  readonly #limits: NatsLimits;
  readonly #api: JetStreamApi;
  readonly #storage: Storage;
  readonly #deadLetters: DeadLetters;
  readonly #consumers = new Set<NatsConsumer>();
  #made = 0;
  #repairedMs = Number.NEGATIVE_INFINITY;

  constructor(link: Link, requester: Requester, limits: NatsLimits, stream: NatsStreamOptions) {
    this.#link = link;
    this.#limits = limits;
    this.#api = new JetStreamApi(requester);
    this.#storage = new Storage(stream, this.#api, link.clock);
    this.#deadLetters = new DeadLetters(this.#storage, this.#api);
    this.lane = new PublishLane(link, limits, this.#storage, () => this.#repair());
  }

  /** See {@link Storage.ensure}. */
  ensure(timeoutMs: number): Promise<void> {
    return this.#storage.ensure(timeoutMs);
  }

  /** Whether messages of some subject of this pattern are kept. */
  keepsSome(pattern: string): boolean {
    return this.#storage.options.subjects.some((subject) => collide(subject, pattern));
  }

  async consume(options: ConsumeOptions): Promise<Consumer> {
    const consumer = new NatsConsumer({
      link: this.#link,
      group: new Group(options, this.#storage, this.#limits, this.#api),
      streamName: this.#storage.name,
      limits: this.#limits,
      deadLetters: this.#deadLetters,
      consume: options,
      inbox: `${this.#link.deliverBase}${++this.#made}`,
      onClosed: (closed) => this.#consumers.delete(closed),
    });
    this.#consumers.add(consumer);
    await consumer.start();
    return consumer;
  }

  /** The connection is lost. */
  lost(error: VedetteError): void {
    this.lane.giveUp(error);
    for (const consumer of this.#consumers) consumer.lost();
  }

  /** The connection is back, to a broker that may have lost everything. */
  restored(): void {
    this.#repair();
    for (const consumer of this.#consumers) consumer.restored();
  }

  /** Consumers hand out nothing more. */
  stop(): void {
    for (const consumer of this.#consumers) consumer.stop();
  }

  /** Lets publishes settle as long as there is time. */
  async drain(options: CallOptions): Promise<void> {
    if (await drained(this.#link.clock, options, this.lane.empty())) return;
    this.lane.giveUp(new VedetteError('VDT_BUS_CLOSED'));
  }

  async closeConsumers(): Promise<void> {
    await Promise.all([...this.#consumers].map((consumer) => consumer.close()));
  }

  /** Makes streams again that are gone; once a second at most. */
  #repair(): void {
    const nowMs = this.#link.clock.now();
    if (nowMs - this.#repairedMs < 1_000) return;
    this.#repairedMs = nowMs;
    this.#storage.ensure(restoreTimeoutMs).catch((error: VedetteError) => {
      if (this.#link.connected) this.#link.onTrouble(error);
    });
  }
}
