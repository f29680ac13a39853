import { createServer, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { VedetteError } from '@vedette/runtime';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { maxBodyBytes } from './bodies.ts';
import type { ApiCounters } from './counters.ts';
import './errors.ts';
import { type Operation, type OperationId, operations } from './operations.ts';
import { bodyReader, queryReader, readId } from './parameters.ts';
import { problemOf, problemType } from './problems.ts';
import type { EventsQuery } from './queries.ts';
import { Created, type Route } from './routes.ts';
import type { EventStreams } from './stream/event-streams.ts';

export interface HttpOptions {
  readonly routes: Readonly<Record<Exclude<OperationId, 'followEvents'>, Route>>;
  readonly streams: EventStreams;
  readonly counters: ApiCounters;
  /** Told of every request that failed for a reason of our own (5xx). */
  readonly onFailure: (error: unknown, request: string) => void;
}

/** A client that dawdles over sending a request holds a connection for this long, at most. */
const requestTimeoutMs = 10_000;
const headerBytes = 16 * 1024;

/**
 * The HTTP side: parses, checks, routes, and turns every error into a problem document. The server is made here and
 * neither listening nor closed here.
 */
export async function makeServer(options: HttpOptions): Promise<Server> {
  const made = Promise.withResolvers<Server>();
  const app = fastify({
    serverFactory: (handler) => {
      const limits = { maxHeaderSize: headerBytes, requestTimeout: requestTimeoutMs };
      const server = createServer({ ...limits, headersTimeout: requestTimeoutMs }, handler);
      server.on('clientError', refuseClient);
      made.resolve(server);
      return server;
    },
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: 1024, caseSensitive: true, ignoreTrailingSlash: false },
    frameworkErrors: (error, _request, reply) => {
      void sendProblem(reply, badUrl(error), options);
    },
    logger: false,
  });
  app.removeAllContentTypeParsers();
  const raw = { parseAs: 'buffer', bodyLimit: maxBodyBytes } as const; // what it says is the operation's to check
  app.addContentTypeParser('application/json', raw, (_request, body, done) => done(null, body));
  app.setErrorHandler((error, request, reply) => sendProblem(reply, ofFramework(error, request), options));
  app.setNotFoundHandler((request, reply) =>
    sendProblem(reply, new VedetteError('VDT_API_NO_ENDPOINT', { message: noEndpoint(request) }), options),
  );
  app.addHook('onRequest', (_request, _reply, done) => {
    options.counters.requests++;
    done();
  });
  for (const [id, operation] of Object.entries<Operation>(operations)) {
    register(app, id as OperationId, operation, options);
  }
  await app.ready();
  return made.promise;
}

function register(app: FastifyInstance, id: OperationId, operation: Operation, options: HttpOptions): void {
  const readQuery = queryReader(operation.query, operation.object);
  const readBody = operation.body === undefined ? noBody : bodyReader(operation.body, operation.objectToBody);
  const withId = operation.path.includes('{id}');
  app.route({
    method: operation.method,
    url: operation.path.replace('{id}', ':id'),
    config: { takesBody: operation.body !== undefined },
    handler: async (request, reply) => {
      const query = readQuery(request.query);
      const body = readBody(request.body);
      if (id === 'followEvents') return follow(options.streams, query as EventsQuery, request, reply);
      const answer = await options.routes[id]({ id: withId ? readId(request.params) : '', query, body });
      if (answer instanceof Created) return reply.code(201).send(answer.record);
      return answer === undefined ? reply.code(204).send() : reply.send(answer);
    },
  });
}

function noBody(given: unknown): undefined {
  if (given !== undefined) throw new VedetteError('VDT_API_BODY');
}

/** Hands the connection to the stream; errors up to there are ordinary problem documents. */
async function follow(
  streams: EventStreams,
  query: EventsQuery,
  { headers }: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const lastEventId = headers['last-event-id'];
  const position = await streams.begin(query, typeof lastEventId === 'string' ? lastEventId : undefined);
  reply.hijack();
  const response: ServerResponse = reply.raw;
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store', connection: 'close' });
  void streams.run(response, query, position);
  return reply;
}

function sendProblem(reply: FastifyReply, error: unknown, { counters, onFailure }: HttpOptions): FastifyReply {
  const problem = problemOf(error);
  if (problem.status < 500) counters.refused++;
  else {
    counters.failed++;
    onFailure(error, `${reply.request.method} ${reply.request.url}`);
  }
  // As bytes: fastify would add a charset to text, which this media type does not have.
  return reply
    .code(problem.status)
    .header('content-type', problemType)
    .send(Buffer.from(JSON.stringify(problem)));
}

/** The router's own errors: a URL that cannot be decoded, a parameter that is too long. */
function badUrl({ message }: Error): VedetteError {
  return new VedetteError('VDT_API_BAD_REQUEST', { message: `the path of the request is malformed: ${message}` });
}

function ofFramework(error: unknown, { routeOptions }: FastifyRequest): unknown {
  const { code, statusCode } = error as { readonly code?: string; readonly statusCode?: number };
  if (VedetteError.is(error)) return error;
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE' || statusCode === 413) {
    const { takesBody } = routeOptions.config as { readonly takesBody?: boolean };
    return new VedetteError(takesBody === true ? 'VDT_API_BODY_TYPE' : 'VDT_API_BODY');
  }
  if (statusCode === undefined || statusCode < 400 || statusCode >= 500) return error;
  return new VedetteError('VDT_API_BAD_REQUEST', { message: (error as Error).message });
}

function noEndpoint({ method, url }: FastifyRequest): string {
  return `there is no endpoint ${method} ${url.slice(0, 200)}`;
}

/** What is no HTTP never reaches the router. */
function refuseClient(_error: Error, socket: Duplex): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const problem = problemOf(new VedetteError('VDT_API_HTTP'));
  const body = JSON.stringify(problem);
  const head = `HTTP/1.1 400 Bad Request\r\ncontent-type: ${problemType}\r\ncontent-length: ${Buffer.byteLength(body)}`;
  socket.end(`${head}\r\nconnection: close\r\n\r\n${body}`);
}
