import type { Bus } from '@vedette/bus';
import { natsOptions, type RemoteBusSettings } from '@vedette/bus/settings';
import { Backoff, type Clock, type RunPart, type StopOptions, VedetteError } from '@vedette/runtime';
import type { Logger } from '@vedette/telemetry';

/** Connects to the bus, or rejects. */
export type ConnectBus = (options: { readonly signal: AbortSignal }) => Promise<Bus>;

/**
 * The connection of an agent. An agent is often up before its broker (a whole site starts): it tries until it is let in,
 * or until trying again cannot help (wrong credentials).
 */
export class BusPart implements RunPart {
  readonly name = 'bus';
  readonly #connect: ConnectBus;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #bus: Bus | undefined;

  constructor(connect: ConnectBus, clock: Clock, logger: Logger) {
    this.#connect = connect;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Only while it is started. */
  get bus(): Bus {
    if (this.#bus === undefined) throw new VedetteError('VDT_BUS_CLOSED');
    return this.#bus;
  }

  async start({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    const backoff = new Backoff({ initialMs: 500, maxMs: 15_000 }, Math.random);
    while (this.#bus === undefined) {
      try {
        // oxlint-disable-next-line no-await-in-loop -- one try after the other
        this.#bus = await this.#connect({ signal });
      } catch (error) {
        signal.throwIfAborted();
        if (!VedetteError.is(error) || !error.retryable) throw error;
        if (backoff.failures === 0) {
          this.#logger.warn(
            { reason: error.message, action: error.action },
            'the bus is not there yet; it is tried again',
          );
        }
        // oxlint-disable-next-line no-await-in-loop -- as above
        await this.#clock.sleep(backoff.nextDelayMs(), { signal });
      }
    }
  }

  async stop({ deadlineMs, signal }: StopOptions): Promise<void> {
    await this.#bus?.close({ timeoutMs: Math.max(0, deadlineMs - this.#clock.now()), signal });
  }
}

/**
 * NATS as the configuration says; agents neither publish for keeps nor consume, so they need no JetStream.
 *
 * @param absolute makes a path of the settings absolute, by the name of its key below `bus`
 */
export function natsConnector(
  settings: RemoteBusSettings,
  absolute: (path: string, key: string) => string,
  context: { readonly name: string; readonly clock: Clock; readonly logger: Logger },
): ConnectBus {
  const { name, clock, logger } = context;
  return async ({ signal }) => {
    const { connectNats } = await import('@vedette/bus/nats');
    return connectNats({
      ...natsOptions(settings, absolute),
      ...{ clock, name, signal, inboxPrefix },
      onHandlerError: (error, subject) => logger.warn({ err: error, subject }, 'a request could not be answered'),
      onTrouble: (error) => logger.warn({ reason: error.message, action: error.action }, 'the bus'),
    });
  };
}

/** So that credentials of agents need not be able to hear the replies to others. */
const inboxPrefix = '_INBOX.agent';
