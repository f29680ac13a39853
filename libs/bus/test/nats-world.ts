import { jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import type { Bus, BusCapabilities } from '@vedette/bus';
import type { BusWorld, ConformanceLimits } from '@vedette/bus/conformance';
import { connectNats, type NatsOptions, type NatsStreamOptions } from '@vedette/bus/nats';
import { RealClock } from '@vedette/runtime';
import { startTcpProxy, type TcpProxy } from '@vedette/testbed';

export const clock = new RealClock();

export const natsCapabilities: BusCapabilities = {
  positions: true,
  persistent: true,
  replay: true,
  dedup: true,
  noResponders: true,
  delayedNak: true,
  deadLetters: true,
};

export const limits = {
  maxPayloadBytes: 64 * 1024,
  ackWaitMs: 800,
  maxDeliveries: 4,
  maxGroupMessages: undefined,
  maxVolatileMessages: undefined,
} satisfies ConformanceLimits;

export interface NatsWorldOptions {
  /** The servers, by their ports. */
  readonly ports: readonly number[];
  readonly stream: Partial<NatsStreamOptions> & { readonly name: string };
  readonly restart: () => Promise<void>;
  /** Which of the servers the clients of this world share; counted from 0, round and round. */
  readonly server: number;
  readonly ackWaitMs?: number;
}

/** A bus of one test's own on servers that several tests share: its streams are removed at the end. */
export class NatsWorld implements BusWorld {
  readonly #options: NatsWorldOptions;
  readonly #clients = new Map<Bus, TcpProxy>();

  constructor(options: NatsWorldOptions) {
    this.#options = options;
  }

  readonly connect = async (more: Partial<NatsOptions> = {}): Promise<Bus> => {
    const { ports, stream, server } = this.#options;
    const proxy = await startTcpProxy({ port: ports[server % ports.length] as number });
    const { maxPayloadBytes, maxDeliveries } = limits;
    const { ackWaitMs = limits.ackWaitMs } = this.#options;
    const bus = await connectNats({
      servers: [`nats://127.0.0.1:${proxy.port}`],
      clock,
      name: `test${this.#clients.size}`,
      discoverServers: false,
      reconnectWaitMs: 50,
      connectTimeoutMs: 30_000,
      limits: { maxPayloadBytes, ackWaitMs, maxDeliveries },
      stream,
      ...more,
    });
    this.#clients.set(bus, proxy);
    return bus;
  };

  readonly cut = async (bus: Bus): Promise<void> => this.#clients.get(bus)?.cut();

  readonly heal = async (bus: Bus): Promise<void> => this.#clients.get(bus)?.heal();

  readonly restart = async (): Promise<void> => {
    await this.#closeClients();
    await this.#options.restart();
  };

  readonly deadLetters = async (): Promise<readonly Uint8Array[]> => {
    const name = `${this.#options.stream.name}-DEAD`;
    return this.#administer(async (connection) => {
      const jsm = await jetstreamManager(connection);
      const { state } = await jsm.streams.info(name);
      const letters: Uint8Array[] = [];
      for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
        // oxlint-disable-next-line no-await-in-loop -- a handful
        const message = await jsm.streams.getMessage(name, { seq });
        if (message !== null) letters.push(message.data);
      }
      return letters;
    });
  };

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#closeClients();
    const { name } = this.#options.stream;
    await this.#administer(async (connection) => {
      const jsm = await jetstreamManager(connection);
      await Promise.allSettled([name, `${name}-DEAD`].map((each) => jsm.streams.delete(each)));
    });
  }

  async #closeClients(): Promise<void> {
    await Promise.all([...this.#clients.keys()].map((bus) => bus.close({ timeoutMs: 1_000 })));
    await Promise.all([...this.#clients.values()].map((proxy) => proxy.close()));
    this.#clients.clear();
  }

  async #administer<T>(work: (connection: NatsConnection) => Promise<T>): Promise<T> {
    const connection = await connect({ servers: this.#options.ports.map((port) => `127.0.0.1:${port}`) });
    try {
      return await work(connection);
    } finally {
      await connection.close();
    }
  }
}
