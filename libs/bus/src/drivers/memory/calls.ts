import { BoundedQueue, type Clock, type Timer, VedetteError } from '@vedette/runtime';
import type { CallOptions } from '../../port.ts';
import { type Asker, MemoryRequest } from './request.ts';
import type { MemoryServer } from './server.ts';
import type { ServerGroup } from './switchboard.ts';

/** Something that waits for answers on a connection, and fails with it. */
export interface PendingAnswer {
  fail(error: VedetteError): void;
}

/**
 * Chooses one server of each group.
 *
 * @throws VedetteError VDT_BUS_NO_RESPONDERS, VDT_BUS_BUSY
 */
export function chooseServers(groups: readonly ServerGroup[], subject: string): MemoryServer[] {
  if (groups.length === 0) {
    throw new VedetteError('VDT_BUS_NO_RESPONDERS', { message: `nobody serves ${subject}` });
  }
  const servers: MemoryServer[] = [];
  for (const group of groups) {
    const server = group.pick();
    if (server !== undefined) servers.push(server);
  }
  if (servers.length === 0) throw new VedetteError('VDT_BUS_BUSY', { message: `every server of ${subject} is busy` });
  return servers;
}

export interface PendingCallOptions {
  readonly clock: Clock;
  readonly servers: readonly MemoryServer[];
  readonly subject: string;
  readonly payload: Uint8Array;
  readonly call: CallOptions;
  readonly onSettled: (call: PendingCall, failed: boolean) => void;
}

/** A call until its first answer, its deadline or its end; then the requests still out are cancelled. */
export class PendingCall implements Asker, PendingAnswer {
  readonly #options: PendingCallOptions;
  readonly #outcome = Promise.withResolvers<Uint8Array>();
  readonly #requests: MemoryRequest[] = [];
  readonly #timer: Timer;
  readonly #onAbort: (() => void) | undefined;

  constructor(options: PendingCallOptions) {
    const { servers, subject, payload, call, clock } = options;
    this.#options = options;
    for (const server of servers) {
      const request = new MemoryRequest(server, subject, payload, this);
      this.#requests.push(request);
      server.accept(request);
    }
    this.#timer = clock.setTimer(() => this.fail(deadlineError(subject, call.timeoutMs)), call.timeoutMs);
    if (call.signal !== undefined) {
      this.#onAbort = () => this.#settleFailed(call.signal?.reason);
      call.signal.addEventListener('abort', this.#onAbort, { once: true });
    }
  }

  get reply(): Promise<Uint8Array> {
    return this.#outcome.promise;
  }

  answered(reply: Uint8Array): void {
    this.#end(false);
    if (this.#requests.length > 1) this.#cancelRequests(new VedetteError('VDT_BUS_CANCELLED'));
    this.#outcome.resolve(reply);
  }

  failed(error: VedetteError): void {
    this.#settleFailed(error);
  }

  fail(error: VedetteError): void {
    this.#settleFailed(error);
  }

  #settleFailed(reason: unknown): void {
    this.#end(true);
    this.#cancelRequests(reason);
    this.#outcome.reject(reason);
  }

  #cancelRequests(reason: unknown): void {
    for (const request of this.#requests) request.cancel(reason);
  }

  #end(failed: boolean): void {
    this.#timer.cancel();
    if (this.#onAbort !== undefined) this.#options.call.signal?.removeEventListener('abort', this.#onAbort);
    this.#options.onSettled(this, failed);
  }
}

export interface FanOutOptions {
  readonly clock: Clock;
  readonly servers: readonly MemoryServer[];
  readonly subject: string;
  readonly payload: Uint8Array;
  readonly call: CallOptions & { readonly expected?: number };
  /** Called for each server that was busy or failed. */
  readonly onFailed: () => void;
}

/** Asks several servers; replies queue up until the iteration takes them, at most one per server. */
export class FanOut implements Asker, PendingAnswer {
  readonly #options: FanOutOptions;
  readonly #requests: MemoryRequest[] = [];
  readonly #replies: BoundedQueue<Uint8Array>;
  #unanswered: number;
  #error: VedetteError | undefined;
  #timedOut = false;

  constructor(options: FanOutOptions) {
    const { servers, call } = options;
    this.#options = options;
    this.#replies = new BoundedQueue({ capacity: Math.max(1, servers.length), overflow: 'reject' });
    this.#unanswered = Math.min(call.expected ?? servers.length, servers.length);
  }

  /** Sends the request and yields replies; whatever still runs is cancelled at the end. */
  async *replies(): AsyncGenerator<Uint8Array, void, undefined> {
    const { clock, call, subject } = this.#options;
    this.#ask();
    const timer = clock.setTimer(() => {
      this.#timedOut = true;
      this.#replies.close();
    }, call.timeoutMs);
    try {
      yield* this.#replies.items(call.signal === undefined ? {} : { signal: call.signal });
      if (this.#error !== undefined) throw this.#error;
    } finally {
      timer.cancel();
      const left = this.#error ?? new VedetteError('VDT_BUS_CANCELLED', { cause: call.signal?.reason });
      const reason = this.#timedOut ? deadlineError(subject, call.timeoutMs) : left;
      for (const request of this.#requests) request.cancel(reason);
    }
  }

  answered(reply: Uint8Array): void {
    this.#replies.offer(reply);
    this.#countDown();
  }

  failed(): void {
    this.#options.onFailed();
    this.#countDown();
  }

  /** Ends the iteration with this error, after the replies that have come. */
  fail(error: VedetteError): void {
    this.#error = error;
    this.#replies.close();
  }

  #ask(): void {
    const { servers, subject, payload } = this.#options;
    if (servers.length === 0) this.#replies.close();
    for (const server of servers) {
      if (server.busy) {
        this.failed();
        continue;
      }
      const request = new MemoryRequest(server, subject, payload, this);
      this.#requests.push(request);
      server.accept(request);
    }
  }

  #countDown(): void {
    if (--this.#unanswered === 0) this.#replies.close();
  }
}

function deadlineError(subject: string, timeoutMs: number): VedetteError {
  return new VedetteError('VDT_BUS_DEADLINE', { message: `no answer from ${subject} within ${timeoutMs} ms` });
}
