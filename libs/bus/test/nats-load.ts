import type { Bus, Delivery, OutgoingMessage } from '@vedette/bus';
import { bytes, clock, take } from './nats-kit.ts';

/**
 * A publisher as the outbox of an observer is one: batches in order, one in flight, what is in doubt sent again
 * unchanged before anything newer.
 */
export class SteadyPublisher {
  /** Ids that the bus acknowledged, in order. */
  readonly stored: string[] = [];
  inDoubt = 0;
  readonly #bus: Bus;
  readonly #subject: string;
  #stopped = false;
  #running: Promise<void>;

  constructor(bus: Bus, subject: string) {
    this.#bus = bus;
    this.#subject = subject;
    this.#running = this.#run();
  }

  /** Ends once everything sent is acknowledged. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    for (let seq = 0; !this.#stopped; seq += 10) {
      // oxlint-disable-next-line no-await-in-loop -- one batch in flight
      await this.#publish(Array.from({ length: 10 }, (_, at) => this.#message(seq + at)));
    }
  }

  #message(seq: number): OutgoingMessage {
    const id = `${this.#subject}/${seq}`;
    return { subject: this.#subject, id, payload: bytes(`${seq}`) };
  }

  async #publish(batch: OutgoingMessage[]): Promise<void> {
    for (let left = batch; left.length > 0; ) {
      // oxlint-disable-next-line no-await-in-loop -- as above
      const outcomes = await this.#bus.publish(left, { timeoutMs: 2_000 });
      for (const [at, { status }] of outcomes.entries()) {
        if (status === 'stored') this.stored.push((left[at] as OutgoingMessage).id);
        else if (status === 'refused') throw new Error('a message was refused');
        else this.inDoubt++;
      }
      left = left.filter((_, at) => outcomes[at]?.status !== 'stored');
      // oxlint-disable-next-line no-await-in-loop -- as above
      await clock.sleep(left.length > 0 ? 20 : 2);
    }
  }
}

/** Everything that is kept of a subject, as a group that begins at the beginning gets it. */
export async function everything(bus: Bus, subject: string, count: number): Promise<Delivery[]> {
  const options = { group: `all-${subject.replaceAll('.', '-')}`, patterns: [subject], maxInFlight: 10_000 };
  await using consumer = await bus.consume({ ...options, from: 'beginning' });
  const wanted = new Set<string>();
  const taken = await take(consumer, (deliveries) => {
    for (const { payload } of deliveries.slice(wanted.size)) wanted.add(Buffer.from(payload).toString());
    return wanted.size >= count;
  });
  // What was stored twice comes right behind.
  const more = consumer.next(10_000);
  await Promise.race([more.then((batch) => taken.push(...(batch ?? []))), clock.sleep(500)]);
  return taken;
}
