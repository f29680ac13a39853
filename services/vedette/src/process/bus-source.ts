import type { Bus } from '@vedette/bus';
import { type BusSettings, natsOptions } from '@vedette/bus/settings';
import type { Clock } from '@vedette/runtime';
import type { Logger } from '@vedette/telemetry';

export interface BusSourceOptions {
  readonly settings: BusSettings;
  /** Makes a path of the settings absolute, by its key below `bus`. */
  readonly absolute: (path: string, key: string) => string;
  /** This process, in the broker's monitoring. */
  readonly member: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Where the parts of the process get their connections from, each one of its own. */
export interface BusSource {
  /** Closed by whoever asked for it, or with the source. @throws VedetteError as `connectNats` */
  connect(name: string, options?: { readonly signal?: AbortSignal }): Promise<Bus>;
  /** Closes every connection. Idempotent; never rejects. */
  close(): Promise<void>;
}

/** The bus that the settings name; loads its driver only. */
export async function openBusSource(options: BusSourceOptions): Promise<BusSource> {
  return options.settings.url === 'memory:' ? memorySource(options) : natsSource(options);
}

async function memorySource({ clock, logger }: BusSourceOptions): Promise<BusSource> {
  const { createMemoryBroker } = await import('@vedette/bus/memory');
  const broker = createMemoryBroker({ clock });
  return {
    connect: async (name) => broker.connect({ name, onHandlerError: handlerFailed(logger) }),
    close: () => broker.close(),
  };
}

async function natsSource({ settings, absolute, member, clock, logger }: BusSourceOptions): Promise<BusSource> {
  const { connectNats } = await import('@vedette/bus/nats');
  const made: Bus[] = [];
  const given = natsOptions(settings, absolute);
  return {
    connect: async (name, { signal } = {}) => {
      const bus = await connectNats({
        ...given,
        ...{ clock, name: `vedette ${member} ${name}`, onHandlerError: handlerFailed(logger) },
        ...(signal === undefined ? {} : { signal }),
        onTrouble: (error) => logger.warn({ connection: name, reason: error.message, action: error.action }, 'the bus'),
      });
      made.push(bus);
      return bus;
    },
    close: async () => {
      await Promise.all(made.map((bus) => bus.close()));
    },
  };
}

function handlerFailed(logger: Logger): (error: unknown, subject: string) => void {
  return (err, subject) => logger.error({ err, subject }, 'a handler of bus messages failed');
}
