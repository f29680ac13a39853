import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Clock, type RunPart, type StopOptions, VedetteError } from '@vedette/runtime';
import type { Logger, Metrics } from '@vedette/telemetry';
import type { DomainSamples } from './domain-samples.ts';
import './errors.ts';
import { formatListenAddress, type ListenAddress, parseListenAddress } from './listen-address.ts';
import { exposeMetrics } from './metrics.ts';
import { type ScrapeLimits, Scrapes } from './scrapes.ts';

/** The port that operators know from the libvirt exporters, for this machine only. */
export const defaultListenAddress = '127.0.0.1:9177';

export interface MetricsListenerOptions {
  /** `HOST:PORT`, as {@link parseListenAddress} reads it; {@link defaultListenAddress} unless said. */
  readonly listen?: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The process's own; rendered after the domains, and told how the listener fares. */
  readonly metrics: Metrics;
  /** A part of the process of its own, before this one: whoever made it starts and stops it. */
  readonly samples: DomainSamples;
  readonly limits?: Partial<ScrapeLimits>;
}

/** Plain HTTP with `GET /metrics` and `GET /healthz`, as a part of a process. */
export interface MetricsListener extends RunPart {
  readonly scrapes: Scrapes;
  /** Where it listens; undefined unless it runs. Of use where any free port was asked for. */
  readonly address: string | undefined;
}

/** More connections than this are closed at once: a scraper needs one. */
const maxConnections = 64;
/** A client that dawdles over sending a request holds a connection for this long, at most. */
const requestTimeoutMs = 10_000;

/** @throws VedetteError VDT_API_METRICS_ADDRESS; `start`: VDT_API_METRICS_LISTEN when it cannot listen there */
export function createMetricsListener(options: MetricsListenerOptions): MetricsListener {
  const { listen = defaultListenAddress, samples, metrics, clock, limits = {} } = options;
  const logger = options.logger.child({ component: 'metrics' });
  const wanted = parseListenAddress(listen);
  const scrapes = new Scrapes({ samples, metrics, clock, logger, limits });
  let server: Server | undefined;
  let exposed: Metrics | undefined;
  return {
    name: 'metrics',
    scrapes,
    get address() {
      return server === undefined ? undefined : addressOf(server);
    },
    start: async () => {
      const made = makeServer(scrapes);
      await listenAt(made, wanted);
      made.on('error', (err) => logger.error({ err }, 'the metrics listener met an error'));
      server = made;
      exposed = exposeMetrics(metrics, samples, scrapes);
      logger.info({ address: addressOf(made) }, 'metrics are served');
    },
    stop: async (stop) => {
      const closing = server;
      server = undefined;
      exposed?.close();
      if (closing !== undefined) await closeServer(closing, scrapes, stop);
    },
  };
}

function makeServer(scrapes: Scrapes): Server {
  const limits = { maxHeaderSize: 16 * 1024, requestTimeout: requestTimeoutMs, headersTimeout: requestTimeoutMs };
  const server = createServer(limits, (request, response) => answer(request, response, scrapes));
  server.maxConnections = maxConnections;
  return server;
}

function answer(request: IncomingMessage, response: ServerResponse, scrapes: Scrapes): void {
  const { method, url = '' } = request;
  const path = url.split('?', 1)[0];
  if (path !== '/metrics' && path !== '/healthz') say(response, 404, 'there is /metrics and /healthz\n');
  else if (method !== 'GET') say(response.setHeader('allow', 'GET'), 405, 'only GET\n');
  else if (path === '/healthz') say(response, 200, 'ok\n');
  else void scrapes.serve(request, response);
}

function say(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' }).end(text);
}

async function listenAt(server: Server, { host, port }: ListenAddress): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.once('listening', resolve);
  server.listen({ host, port });
  try {
    await promise;
  } catch (error) {
    const message = `metrics cannot be served at ${formatListenAddress({ host, port })}: ${reasonOf(error)}`;
    throw new VedetteError('VDT_API_METRICS_LISTEN', { message, cause: error });
  } finally {
    server.off('error', reject);
    server.off('listening', resolve);
  }
}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const known: Readonly<Record<string, string>> = {
    EADDRINUSE: 'another process listens there already',
    EADDRNOTAVAIL: 'this machine has no such address',
    EACCES: 'this user may not listen on that port',
    ENOTFOUND: 'there is no host of that name',
    EAI_AGAIN: 'the name of the host could not be looked up',
  };
  return known[code ?? ''] ?? message;
}

function addressOf(server: Server): string {
  const { address, port } = server.address() as AddressInfo;
  return formatListenAddress({ host: address, port });
}

/** Accepts nothing more and waits for scrapes under way; those left at the deadline are cut. */
async function closeServer(server: Server, scrapes: Scrapes, { signal }: StopOptions): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const cut = (): void => {
    scrapes.close();
    server.closeAllConnections();
  };
  server.close(() => resolve());
  if (signal.aborted) cut();
  signal.addEventListener('abort', cut, { once: true });
  await promise;
  signal.removeEventListener('abort', cut);
}
