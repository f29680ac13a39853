import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { Problem } from '@vedette/api/contract';
import { type Clock, definedErrors, VedetteError, withDeadline } from '@vedette/runtime';
import { Check } from 'typebox/schema';
import '../errors.ts';

export type QueryValue = string | number | boolean | readonly string[] | undefined;
export type Query = Readonly<Record<string, QueryValue>>;

export interface ApiClientOptions {
  readonly socketPath: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

const replyTimeoutMs = 30_000;
/** A page of 1,000 VMs with 4,096 addresses each stays below it. */
const maxReplyBytes = 1024 * 2 ** 20;

/** The HTTP API of a running process, over its unix socket. Holds no connection between calls. */
export class ApiClient {
  readonly #options: ApiClientOptions;

  constructor(options: ApiClientOptions) {
    this.#options = options;
  }

  /**
   * The reply's document; undefined for a record that does not exist.
   *
   * @throws VedetteError VDT_COMMAND_NOTHING_RUNS, VDT_COMMAND_REPLY, the process's own error, or the signal's reason
   */
  async get(path: string, query: Query = {}): Promise<unknown> {
    const { clock, signal, socketPath } = this.#options;
    const deadline = { what: `the reply of ${socketPath}`, timeoutMs: replyTimeoutMs, signal };
    return withDeadline(clock, deadline, async (abort) => {
      const response = await this.#request({ path, query }, abort);
      const document = parse(await read(response, abort));
      if (response.statusCode === 200) return document;
      const error = remoteError(document);
      if (error.code === 'VDT_API_NOT_FOUND') return undefined;
      throw error;
    });
  }

  /**
   * The reply to a request that changes something; its document is undefined where it has none.
   *
   * @throws as {@link get}; VDT_API_NOT_FOUND for a record that does not exist
   */
  async send(method: 'POST' | 'PUT' | 'DELETE', path: string, query: Query = {}, body?: object): Promise<Reply> {
    const { clock, signal, socketPath } = this.#options;
    const deadline = { what: `the reply of ${socketPath}`, timeoutMs: replyTimeoutMs, signal };
    return withDeadline(clock, deadline, async (abort) => {
      const response = await this.#request({ method, path, query, body }, abort);
      const text = await read(response, abort);
      const { statusCode: status = 0 } = response;
      if (status === 204) return { status, document: undefined };
      const document = parse(text);
      if (status === 200 || status === 201) return { status, document };
      throw remoteError(document);
    });
  }

  /**
   * Opens a stream of text; the caller reads or destroys it.
   *
   * @throws as {@link get}
   */
  async open(path: string, query: Query, headers: Readonly<Record<string, string>>): Promise<IncomingMessage> {
    const { clock, signal, socketPath } = this.#options;
    const deadline = { what: `the reply of ${socketPath}`, timeoutMs: replyTimeoutMs, signal };
    const response = await withDeadline(clock, deadline, () => this.#request({ path, query, headers }, signal));
    if (response.statusCode === 200) return response.setEncoding('utf8');
    throw remoteError(parse(await read(response, signal)));
  }

  async #request(
    { method = 'GET', path, query, headers = {}, body }: Request,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    const { socketPath } = this.#options;
    const text = body === undefined ? undefined : JSON.stringify(body);
    const typed = text === undefined ? headers : { ...headers, 'content-type': 'application/json' };
    const asked = request({ socketPath, method, path: path + queryText(query), headers: typed, signal, agent: false });
    try {
      asked.end(text);
      const [response] = (await once(asked, 'response', { signal })) as [IncomingMessage];
      return response;
    } catch (error) {
      signal.throwIfAborted();
      throw unreachable(socketPath, error);
    }
  }
}

/** A reply that is no problem. */
export interface Reply {
  readonly status: number;
  readonly document: unknown;
}

interface Request {
  readonly method?: string;
  readonly path: string;
  readonly query: Query;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: object | undefined;
}

function queryText(query: Query): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined) continue;
    for (const one of [value].flat()) parameters.append(name, String(one));
  }
  return parameters.size === 0 ? '' : `?${parameters.toString()}`;
}

async function read(response: IncomingMessage, signal: AbortSignal): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > maxReplyBytes) throw new VedetteError('VDT_COMMAND_REPLY', { message: 'the reply is too large' });
    }
  } catch (error) {
    signal.throwIfAborted();
    throw VedetteError.is(error) ? error : unfinished(error);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new VedetteError('VDT_COMMAND_REPLY', { message: 'the reply is no JSON', cause });
  }
}

/** The error behind a problem document, as if it had been thrown here. */
export function remoteError(document: unknown): VedetteError {
  if (!Check(Problem, document)) return new VedetteError('VDT_COMMAND_REPLY');
  const { code, detail, action } = document;
  const known = definedErrors().has(code);
  return new VedetteError(known ? code : 'VDT_COMMAND_SERVER', {
    message: known ? detail : `${detail} (${code})`,
    action,
  });
}

function unreachable(socketPath: string, cause: unknown): VedetteError {
  const { code } = cause as NodeJS.ErrnoException;
  if (code === 'EACCES') {
    const message = `this user may not open the API socket ${socketPath}`;
    return new VedetteError('VDT_COMMAND_NOTHING_RUNS', { message, action: 'ask as the user who started it', cause });
  }
  if (code === 'ENOENT' || code === 'ECONNREFUSED') {
    return new VedetteError('VDT_COMMAND_NOTHING_RUNS', { message: `nothing answers on ${socketPath}`, cause });
  }
  return unfinished(cause);
}

function unfinished(cause: unknown): VedetteError {
  const message = `the process went away before it had answered: ${cause instanceof Error ? cause.message : String(cause)}`;
  return new VedetteError('VDT_COMMAND_NOTHING_RUNS', { message, cause });
}
