import { once } from 'node:events';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { type Clock, RealClock, type Timer } from '@vedette/runtime';
import './errors.ts';
import { steadyPort } from './libvirt/listener.ts';

/** What one direction of one connection holds back, at most, before it stops reading; further bytes wait in the kernel. */
const HELD_BYTES_LIMIT = 1024 * 1024;

export interface TcpProxyOptions {
  /** Of the server; 127.0.0.1 unless said. */
  readonly host?: string;
  readonly port: number;
  /** Each byte is passed on this much later, in each direction; 0 unless said. Can be changed later. */
  readonly delayMs?: number;
  /** Connections beyond it are reset; 1,024 unless said. */
  readonly maxConnections?: number;
}

export interface CutOptions {
  /**
   * What becomes of new connections: `refused` (a dead process; unless said) or `swallowed`: accepted and never
   * answered (a dead machine, as far as a client can tell).
   */
  readonly newConnections?: 'refused' | 'swallowed';
}

type Mode = 'passing' | 'stalled' | 'refusing' | 'swallowing';

/**
 * Starts a proxy on a port of 127.0.0.1, in this process, between one client (or several) and a server: what happens to
 * a cable, without touching either. It keeps its port until it is closed, also while it refuses.
 */
export async function startTcpProxy(options: TcpProxyOptions): Promise<TcpProxy> {
  const proxy = new TcpProxy(options, await steadyPort());
  await proxy.heal();
  return proxy;
}

/** See {@link startTcpProxy}. Whoever started it closes it (or `await using`). */
export class TcpProxy implements AsyncDisposable {
  readonly host = '127.0.0.1';
  readonly port: number;
  /** Milliseconds that each byte is held back, from now on. */
  delayMs: number;
  readonly #server: { readonly host: string; readonly port: number };
  readonly #maxConnections: number;
  readonly #clock = new RealClock();
  readonly #relays = new Set<Relay>();
  readonly #swallowed = new Set<Socket>();
  #listener: Server | undefined;
  #mode: Mode = 'passing';
  #accepted = 0;

  /** Use {@link startTcpProxy}. */
  constructor(options: TcpProxyOptions, port: number) {
    this.port = port;
    this.delayMs = options.delayMs ?? 0;
    this.#server = { host: options.host ?? '127.0.0.1', port: options.port };
    this.#maxConnections = options.maxConnections ?? 1_024;
  }

  /** Connections through it that are open now. */
  get connections(): number {
    return this.#relays.size;
  }

  /** Connections that were accepted so far, those that were swallowed too. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Resets every connection, on both sides, and lets no new one through until {@link heal}. */
  async cut(options: CutOptions = {}): Promise<void> {
    this.#mode = options.newConnections === 'swallowed' ? 'swallowing' : 'refusing';
    if (this.#mode === 'refusing') this.#stopListening();
    else await this.#listen();
    this.reset();
  }

  /** Resets every connection, on both sides; new ones are treated as before. */
  reset(): void {
    for (const relay of this.#relays) relay.reset();
  }

  /**
   * Passes nothing on any more, in both directions, but closes nothing: connections stay open, new ones are accepted.
   * What was sent meanwhile arrives after {@link heal}.
   */
  async stall(): Promise<void> {
    this.#mode = 'stalled';
    await this.#listen();
    for (const relay of this.#relays) relay.stall();
  }

  /** Works again, whatever it did before. Connections that were swallowed are reset: no server knows of them. */
  async heal(): Promise<void> {
    this.#mode = 'passing';
    await this.#listen();
    for (const socket of this.#swallowed) socket.resetAndDestroy();
    for (const relay of this.#relays) relay.resume();
  }

  /** Resets every connection and gives up the port. Idempotent. */
  async close(): Promise<void> {
    await this.cut();
    for (const socket of this.#swallowed) socket.resetAndDestroy();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #listen(): Promise<void> {
    if (this.#listener !== undefined) return;
    const listener = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => this.#accept(socket));
    this.#listener = listener;
    listener.listen(this.port, this.host);
    await once(listener, 'listening');
  }

  #stopListening(): void {
    this.#listener?.close(); // the port refuses at once; the end of the connections is not waited for
    this.#listener = undefined;
  }

  #accept(client: Socket): void {
    this.#accepted++;
    client.on('error', () => undefined); // whatever it was, 'close' follows
    if (this.#mode === 'refusing' || this.#relays.size + this.#swallowed.size >= this.#maxConnections) {
      client.resetAndDestroy();
      return;
    }
    if (this.#mode === 'swallowing') {
      this.#swallowed.add(client);
      client.on('close', () => this.#swallowed.delete(client));
      client.resume(); // what it sends is lost, and its end is noticed
      return;
    }
    const server = createConnection({ ...this.#server, allowHalfOpen: true });
    const relay = new Relay(client, server, { clock: this.#clock, delayMs: () => this.delayMs });
    this.#relays.add(relay);
    relay.onClose = () => this.#relays.delete(relay);
    if (this.#mode === 'stalled') relay.stall();
    else relay.resume();
  }
}

interface FlowOptions {
  readonly clock: Clock;
  readonly delayMs: () => number;
}

/** One connection through the proxy: two sockets, two flows. */
class Relay {
  onClose: () => void = () => undefined;
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #flows: readonly Flow[];

  constructor(client: Socket, server: Socket, options: FlowOptions) {
    this.#client = client;
    this.#server = server;
    this.#flows = [new Flow(client, server, options), new Flow(server, client, options)];
    server.on('error', () => undefined); // whatever it was, 'close' follows
    client.on('close', (failed) => this.#end(server, failed));
    server.on('close', (failed) => this.#end(client, failed));
  }

  stall(): void {
    for (const flow of this.#flows) flow.stall();
  }

  resume(): void {
    for (const flow of this.#flows) flow.resume();
  }

  reset(): void {
    this.#client.resetAndDestroy();
    this.#server.resetAndDestroy();
  }

  /** One side is gone for good: after a failure so is the other; after an end in order it still gets what is held. */
  #end(other: Socket, failed: boolean): void {
    if (failed) other.resetAndDestroy();
    if (!this.#client.destroyed || !this.#server.destroyed) return;
    for (const flow of this.#flows) flow.stall();
    this.onClose();
  }
}

/** One direction of a connection. */
class Flow {
  readonly #source: Socket;
  readonly #target: Socket;
  readonly #options: FlowOptions;
  readonly #held: { readonly bytes: Buffer; readonly dueMs: number }[] = [];
  #heldBytes = 0;
  #stalled = true;
  #blocked = false;
  #ended = false;
  #timer: Timer | undefined;

  constructor(source: Socket, target: Socket, options: FlowOptions) {
    this.#source = source;
    this.#target = target;
    this.#options = options;
    source.pause();
    source.on('data', (bytes: Buffer) => this.#hold(bytes));
    source.on('end', () => {
      this.#ended = true;
      this.#pass();
    });
    target.on('drain', () => {
      this.#blocked = false;
      this.#pass();
    });
  }

  stall(): void {
    this.#stalled = true;
    this.#source.pause();
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  resume(): void {
    this.#stalled = false;
    this.#pass();
  }

  #hold(bytes: Buffer): void {
    this.#held.push({ bytes, dueMs: this.#options.clock.now() + this.#options.delayMs() });
    this.#heldBytes += bytes.length;
    this.#pass();
  }

  /** Passes on what is due, sets the timer for what is not, and reads on where there is room. */
  #pass(): void {
    if (this.#stalled) return;
    const { clock } = this.#options;
    for (let head = this.#held[0]; head !== undefined && !this.#blocked; head = this.#held[0]) {
      if (head.dueMs > clock.now()) break;
      this.#held.shift();
      this.#heldBytes -= head.bytes.length;
      this.#blocked = !this.#target.write(head.bytes);
    }
    const next = this.#held[0];
    if (next === undefined && this.#ended) this.#target.end();
    if (next !== undefined && !this.#blocked) this.#passLater(next.dueMs - clock.now());
    if (this.#heldBytes >= HELD_BYTES_LIMIT || this.#blocked) this.#source.pause();
    else this.#source.resume();
  }

  #passLater(delayMs: number): void {
    this.#timer ??= this.#options.clock.setTimer(() => {
      this.#timer = undefined;
      this.#pass();
    }, delayMs);
  }
}
