import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { Bus } from '@vedette/bus';
import { createMemoryBroker, type MemoryBroker } from '@vedette/bus/memory';
import type { ObserverEvent } from '@vedette/model';
import { SimulatedClock } from '@vedette/runtime/simulated-clock';
import type { Store } from '@vedette/store';
import { coverage, ScriptedObserver } from '@vedette/store/conformance';
import { createMemoryStore } from '@vedette/store/memory';
import { Metrics, silentLogger } from '@vedette/telemetry';
import { tempDir } from '@vedette/testbed';
import { type Api, type ApiLimits, createApi, type HostControl } from '../src/index.ts';

// biome-ignore lint/suspicious/noExplicitAny: a test looks into documents of any shape
export type Loose = any;

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The body's document; undefined where the body is none. */
  readonly json: Loose;
}

export interface WorldOptions {
  readonly limits?: Partial<ApiLimits>;
  readonly fleetLogRows?: number;
  /** What adds and removes hosts; left out: the API may not. */
  readonly hosts?: (store: Store) => HostControl;
}

/** An API over a memory store and a memory bus, reached through its socket; the test plays observer and relay. */
export class World implements AsyncDisposable {
  readonly clock: SimulatedClock;
  readonly store: Store;
  readonly bus: Bus;
  readonly metrics: Metrics;
  readonly api: Api;
  readonly socketPath: string;
  readonly #observers = new Map<string, ScriptedObserver>();
  readonly #dispose: () => Promise<void>;

  private constructor(parts: {
    clock: SimulatedClock;
    broker: MemoryBroker;
    store: Store;
    metrics: Metrics;
    api: Api;
    socketPath: string;
    dispose: () => Promise<void>;
  }) {
    this.clock = parts.clock;
    this.bus = parts.broker.connect({ name: 'test' });
    this.store = parts.store;
    this.metrics = parts.metrics;
    this.api = parts.api;
    this.socketPath = parts.socketPath;
    this.#dispose = parts.dispose;
  }

  static async start({ limits = {}, fleetLogRows = 100_000, hosts }: WorldOptions = {}): Promise<World> {
    const clock = new SimulatedClock({ wallStartMs: Date.UTC(2026, 0, 1) });
    const broker = createMemoryBroker({ clock });
    const store = createMemoryStore({ clock, limits: { fleetLogRows } });
    const metrics = new Metrics();
    const dir = await tempDir('api');
    const socketPath = join(dir.path, 'api.sock');
    const bus = broker.connect({ name: 'api' });
    const control = hosts === undefined ? {} : { hosts: hosts(store) };
    const api = createApi({ store, bus, clock, logger: silentLogger(), metrics, socketPath, limits, ...control });
    await api.start({ signal: new AbortController().signal });
    const dispose = async (): Promise<void> => {
      await api.stop({ deadlineMs: 0, signal: new AbortController().signal });
      await broker.close();
      await store.close();
      await dir[Symbol.asyncDispose]();
    };
    return new World({ clock, broker, store, metrics, api, socketPath, dispose });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#dispose();
  }

  /** Registers a host and opens its observer, watched from now on. */
  async host(id: string, realm = 'r1'): Promise<ScriptedObserver> {
    await this.store.registerHosts([{ id, name: `name of ${id}`, realm, url: `test://${id}` }]);
    const { epoch } = await this.store.openObserver(id);
    const observer = new ScriptedObserver(id, epoch);
    this.#observers.set(id, observer);
    await this.apply(observer.hostState('up'));
    await this.store.applyCoverage(coverage('m1', this.#observers.size));
    return observer;
  }

  async apply(...events: readonly ObserverEvent[]): Promise<void> {
    await this.store.apply(events.map((event) => ({ event, position: undefined })));
  }

  /** Publishes what waits in the outbox, as an updater does; `lose` keeps some of it off the bus. */
  async relay(lose: (position: number) => boolean = () => false): Promise<number> {
    const waiting = await this.store.outbox(10_000);
    const kept = waiting.filter(({ position }) => !lose(position));
    const messages = kept.map(({ subject, id, json }) => ({ subject, id, payload: Buffer.from(json) }));
    await this.bus.publish(messages, { timeoutMs: 1_000 });
    await this.store.relayed(waiting.at(-1)?.position ?? 0);
    return waiting.length;
  }

  /** Publishes an observer's events, as a monitor does. */
  async publish(...events: readonly ObserverEvent[]): Promise<void> {
    const messages = events.map((event) => {
      return { subject: event.subject, id: event.id, payload: Buffer.from(JSON.stringify(event)) };
    });
    await this.bus.publish(messages, { timeoutMs: 1_000 });
  }

  async get(path: string, headers: Record<string, string> = {}): Promise<Reply> {
    return this.ask('GET', path, headers);
  }

  async ask(method: string, path: string, headers: Record<string, string> = {}, body?: string): Promise<Reply> {
    const response = await this.#send(method, path, headers, body);
    const chunks = await Array.fromAsync(response as AsyncIterable<Buffer>);
    return replyOf(response, Buffer.concat(chunks).toString());
  }

  /** Bytes as they are, and everything that comes back until the other side closes. */
  async raw(bytes: string): Promise<string> {
    const socket = connect(this.socketPath);
    socket.end(bytes);
    return Buffer.concat(await Array.fromAsync(socket as AsyncIterable<Buffer>)).toString();
  }

  async follow(path: string, headers: Record<string, string> = {}): Promise<Followed> {
    const response = await this.#send('GET', path, headers);
    if (response.statusCode !== 200) throw new Error(`no stream: ${response.statusCode}`);
    return new Followed(response);
  }

  /** A request with a JSON document as its body. */
  async tell(method: string, path: string, document: unknown): Promise<Reply> {
    return this.ask(method, path, { 'content-type': 'application/json' }, JSON.stringify(document));
  }

  #send(method: string, path: string, headers: Record<string, string>, body?: string): Promise<IncomingMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const asked = request({ socketPath: this.socketPath, path, method, headers, agent: false }, resolve);
    asked.on('error', reject);
    asked.end(body);
    return promise;
  }
}

export interface StreamEvent {
  readonly id: string | undefined;
  readonly name: string;
  readonly data: Loose;
}

/** A stream as its client sees it; kept separate from the client of the command line, so that each proves the other. */
export class Followed implements Disposable {
  readonly events: StreamEvent[] = [];
  /** The id of the last event or heart-beat. */
  lastId: string | undefined;
  heartbeats = 0;
  ended = false;
  readonly #response: IncomingMessage;
  #rest = '';

  constructor(response: IncomingMessage) {
    this.#response = response;
    response.setEncoding('utf8');
    response.on('data', (text: string) => this.#read(text));
    response.on('close', () => {
      this.ended = true;
    });
    response.on('error', () => undefined); // cut by the server: told by `ended`
  }

  get positions(): number[] {
    return this.events.map(({ data }) => data.data?.position);
  }

  pause(): void {
    this.#response.pause();
  }

  resume(): void {
    this.#response.resume();
  }

  /** The client leaves; what is still under way to it is not read. */
  [Symbol.dispose](): void {
    this.ended = true;
    this.#response.removeAllListeners('data');
    this.#response.destroy();
  }

  #read(text: string): void {
    const blocks = (this.#rest + text).split('\n\n');
    this.#rest = blocks.pop() ?? '';
    for (const block of blocks) this.#block(block.split('\n'));
  }

  #block(lines: readonly string[]): void {
    const field = (name: string): string | undefined =>
      lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
    this.lastId = field('id') ?? this.lastId;
    if (lines[0] === ': heart-beat') this.heartbeats++;
    const data = field('data');
    if (data !== undefined) this.events.push({ id: field('id'), name: field('event') ?? '', data: JSON.parse(data) });
  }
}

function replyOf(response: IncomingMessage, text: string): Reply {
  const { statusCode = 0, headers } = response;
  const isJson = /json/.test(headers['content-type'] ?? '');
  return { status: statusCode, headers, text, json: isJson && text !== '' ? JSON.parse(text) : undefined };
}
