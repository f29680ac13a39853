import type { Server } from 'node:http';
import type { Bus } from '@vedette/bus';
import type { Clock, RunPart, StopOptions } from '@vedette/runtime';
import type { Store } from '@vedette/store';
import type { Logger, Metrics } from '@vedette/telemetry';
import { ApiCounters } from './counters.ts';
import type { HostControl } from './host-control.ts';
import { makeServer } from './http.ts';
import { exposeMetrics } from './metrics.ts';
import { routes } from './routes.ts';
import { listenOnSocket } from './socket.ts';
import { EventStreams, type EventStreamsOptions } from './stream/event-streams.ts';

export type ApiLimits = EventStreamsOptions['limits'];

export interface ApiOptions {
  readonly store: Store;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Where to listen; its folder must exist. The file's mode, 0600, is the right to use the API. */
  readonly socketPath: string;
  readonly limits?: Partial<ApiLimits>;
  /** Adds and removes hosts; left out: they are those they are, and such requests are refused. */
  readonly hosts?: HostControl;
  /** Called when a request has put a fleet event into the store's outbox. */
  readonly onOutboxed?: () => void;
}

export const defaultApiLimits: ApiLimits = {
  streams: 256,
  heartbeatIntervalMs: 15_000,
  batchEvents: 256,
  queuedObserverEvents: 1_000,
  stallTimeoutMs: 30_000,
  endTimeoutMs: 5_000,
};

/** The HTTP API on a unix socket, as a part of a process. Store and bus stay the caller's. */
export interface Api extends RunPart {
  readonly counters: ApiCounters;
}

/**
 * @throws (of `start`) VedetteError VDT_API_SOCKET_IN_USE when a living process serves the socket,
 *   VDT_API_SOCKET_PATH when it cannot be made
 */
export function createApi(options: ApiOptions): Api {
  const { store, bus, clock, metrics, socketPath, limits, hosts, onOutboxed = () => undefined } = options;
  const logger = options.logger.child({ component: 'api' });
  const counters = new ApiCounters();
  const streams = new EventStreams({
    ...{ store, bus, clock, counters },
    limits: { ...defaultApiLimits, ...limits },
    onError: (err) => logger.warn({ err }, 'the event streams met an error'),
  });
  let server: Server | undefined;
  let exposed: Metrics | undefined;
  return {
    name: 'api',
    counters,
    start: async ({ signal }) => {
      const made = await makeServer({
        routes: routes({ store, clock, streams, hosts, onOutboxed }),
        streams,
        counters,
        onFailure: (err, request) => logger.error({ err, request }, 'a request failed'),
      });
      try {
        await streams.start();
        await listenOnSocket(made, { path: socketPath, clock, signal });
      } catch (error) {
        await streams.close();
        throw error;
      }
      server = made;
      exposed = exposeMetrics(metrics, counters, () => streams.size);
      logger.info({ socket: socketPath }, 'the API is served');
    },
    stop: async (stop) => {
      const closing = server;
      server = undefined;
      const closed = closing === undefined ? undefined : closeServer(closing, stop);
      await streams.close();
      closing?.closeIdleConnections(); // those of requests that ended since
      await closed;
      exposed?.close();
    },
  };
}

/** Accepts nothing more and waits for answers under way; connections that are left at the deadline are cut. */
function closeServer(server: Server, { signal }: StopOptions): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const cut = (): void => server.closeAllConnections();
  signal.addEventListener('abort', cut, { once: true });
  server.close((error) => (error === undefined ? resolve() : reject(error)));
  return promise.finally(() => signal.removeEventListener('abort', cut));
}
