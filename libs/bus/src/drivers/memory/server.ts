import { type Clock, VedetteError } from '@vedette/runtime';
import { oversize } from '../../checks.ts';
import { defaultCloseOptions, drained } from '../../draining.ts';
import type { CallOptions, ServeOptions, Subscription } from '../../port.ts';
import { describeFault, RemoteError } from '../../remote-error.ts';
import type { LiveCounters } from './counters.ts';
import { LinkedList } from './linked-list.ts';
import type { MemoryRequest } from './request.ts';

export interface ServerOptions {
  readonly serve: ServeOptions;
  readonly clock: Clock;
  readonly maxPayloadBytes: number;
  readonly counters: LiveCounters;
  /** Whether a reply can leave: one that cannot is lost, and its caller waits for its deadline. */
  readonly isConnected: () => boolean;
  readonly onHandlerError: (error: unknown, subject: string) => void;
  /** Called when nothing more is to be accepted. */
  readonly onClosing: (server: MemoryServer) => void;
  /** Called when no handler is waited for any more. */
  readonly onClosed: (server: MemoryServer) => void;
}

/** One server: a bounded queue of requests and a bounded number of handlers running. */
export class MemoryServer implements Subscription {
  readonly pattern: string;
  readonly group: string | undefined;
  readonly #options: ServerOptions;
  readonly #queue = new LinkedList<MemoryRequest>();
  readonly #running = new LinkedList<MemoryRequest>();
  #startDue = false;
  #onIdle: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: ServerOptions) {
    this.#options = options;
    this.pattern = options.serve.pattern;
    this.group = options.serve.group;
  }

  get closing(): boolean {
    return this.#closing !== undefined;
  }

  /** Whether a further request would be one too many. */
  get busy(): boolean {
    const { concurrency, maxQueued } = this.#options.serve;
    return this.#running.size + this.#queue.size >= concurrency + maxQueued;
  }

  /** Takes a request; its handler starts in a later microtask, never within the call. Not to be used when busy. */
  accept(request: MemoryRequest): void {
    this.#queue.append(request);
    this.#startSoon();
  }

  /** Takes a request that was not begun out of the queue. */
  discard(request: MemoryRequest): void {
    this.#queue.remove(request);
    request.state = 'ended';
    this.#checkIdle();
  }

  close(options: CallOptions = defaultCloseOptions): Promise<void> {
    this.#closing ??= this.#drain(options);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #startSoon(): void {
    if (this.#startDue || this.#queue.size === 0 || this.#running.size >= this.#options.serve.concurrency) return;
    this.#startDue = true;
    queueMicrotask(() => {
      this.#startDue = false;
      while (this.#running.size < this.#options.serve.concurrency) {
        const request = this.#queue.shift();
        if (request === undefined) return;
        this.#run(request);
      }
    });
  }

  #run(request: MemoryRequest): void {
    request.state = 'running';
    this.#running.append(request);
    try {
      const reply = this.#options.serve.handler(request);
      if (reply instanceof Uint8Array) this.#succeed(request, reply);
      else
        reply.then(
          (bytes) => this.#succeed(request, bytes),
          (error: unknown) => this.#fail(request, error),
        );
    } catch (error) {
      this.#fail(request, error);
    }
  }

  #succeed(request: MemoryRequest, reply: Uint8Array): void {
    const fault = faultOf(reply, this.#options.maxPayloadBytes);
    if (fault !== undefined) {
      this.#fail(request, fault);
      return;
    }
    const { asker } = request;
    this.#end(request);
    if (this.#options.isConnected()) asker?.answered(reply);
  }

  #fail(request: MemoryRequest, error: unknown): void {
    const { asker, cancelled } = request;
    this.#end(request);
    if (asker !== undefined) {
      if (this.#options.isConnected()) asker.failed(new RemoteError(describeFault(error)));
      return;
    }
    // An error after a cancellation is the handler giving up, as it was told to; any other has nobody to go to.
    if (cancelled) return;
    this.#options.counters.handlerErrors++;
    this.#options.onHandlerError(error, request.subject);
  }

  #end(request: MemoryRequest): void {
    request.state = 'ended';
    this.#running.remove(request);
    this.#startSoon();
    this.#checkIdle();
  }

  #checkIdle(): void {
    if (this.#onIdle !== undefined && this.#running.size + this.#queue.size === 0) this.#onIdle();
  }

  async #drain(options: CallOptions): Promise<void> {
    this.#options.onClosing(this);
    if (!(await drained(this.#options.clock, options, this.#idle()))) this.#giveUp();
    this.#options.onClosed(this);
  }

  #idle(): Promise<void> {
    if (this.#running.size + this.#queue.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onIdle = resolve;
    });
  }

  #giveUp(): void {
    const reason = new VedetteError('VDT_BUS_CLOSED', { message: 'the server was closed' });
    const answer = new VedetteError('VDT_BUS_DISCONNECTED', { message: 'the server closed before it had answered' });
    for (const request of [...this.#queue, ...this.#running]) {
      const { asker } = request;
      request.cancel(reason);
      asker?.failed(answer);
    }
  }
}

/** What keeps a reply from being sent. */
function faultOf(reply: Uint8Array, maxPayloadBytes: number): VedetteError | undefined {
  if (reply instanceof Uint8Array) return oversize(reply, maxPayloadBytes);
  return new VedetteError('VDT_BUS_USAGE', { message: 'the handler returned something other than bytes' });
}
