import { connect, createInbox, type Msg, type NatsConnection } from '@nats-io/transport-node';
import type { Bus } from '@vedette/bus';
import { connectNats } from '@vedette/bus/nats';
import type { Clock } from '@vedette/runtime';
import type { ConnectOptions, RawHandler, RawRequester, RawWire, Wires } from './wires.ts';

/** The NATS driver of the bus library, and beside it the barest use of the client that it is made of. */
export function natsWires(url: string, clock: Clock): Wires {
  const buses: Bus[] = [];
  const bare: NatsConnection[] = [];
  return {
    kind: 'nats',
    connect: async (name, { volatileOnly = false, maxVolatileMessages }: ConnectOptions = {}) => {
      const bus = await connectNats({
        ...{ servers: [url], name, clock },
        ...(volatileOnly ? { stream: false } : {}),
        ...(maxVolatileMessages === undefined ? {} : { limits: { maxVolatileMessages } }),
      });
      buses.push(bus);
      return bus;
    },
    raw: async (name) => {
      const connection = await connect({ servers: url, name });
      bare.push(connection);
      return new BareNats(connection);
    },
    close: async () => {
      await Promise.all(buses.map((bus) => bus.close()));
      await Promise.all(bare.map((connection) => connection.close()));
    },
  };
}

class BareNats implements RawWire {
  readonly #connection: NatsConnection;

  constructor(connection: NatsConnection) {
    this.#connection = connection;
  }

  publish(subject: string, payload: Uint8Array): void {
    this.#connection.publish(subject, payload);
  }

  subscribe(subject: string, handler: RawHandler): void {
    this.#connection.subscribe(subject, {
      callback: (_error, message) =>
        handler(message.data, (payload) => this.#connection.publish(message.reply ?? '', payload)),
    });
  }

  requester(): RawRequester {
    return new OwnInbox(this.#connection);
  }

  flush(): Promise<void> {
    return this.#connection.flush();
  }
}

/**
 * The fastest known way to ask with this client: one subscription for all replies, and a map of what is pending. Its
 * reply subjects are as long as those of the library, which has the kind of the request and its time-out there.
 */
class OwnInbox implements RawRequester {
  readonly #connection: NatsConnection;
  readonly #prefix = `${createInbox()}.`;
  readonly #pending = new Map<number, (payload: Uint8Array) => void>();
  #last = 0;

  constructor(connection: NatsConnection) {
    this.#connection = connection;
    connection.subscribe(`${this.#prefix}>`, { callback: (_error, message) => this.#answered(message) });
  }

  get pending(): number {
    return this.#pending.size;
  }

  request(subject: string, payload: Uint8Array, answered: (payload: Uint8Array) => void): void {
    const number = ++this.#last;
    this.#pending.set(number, answered);
    this.#connection.publish(subject, payload, { reply: `${this.#prefix}c${number}.5000` });
  }

  #answered({ subject, data }: Msg): void {
    const number = Number.parseInt(subject.slice(this.#prefix.length + 1), 10);
    const answered = this.#pending.get(number);
    this.#pending.delete(number);
    answered?.(data);
  }
}
