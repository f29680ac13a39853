import type { Msg } from '@nats-io/transport-node';
import { VedetteError } from '@vedette/runtime';
import type { Request } from '../../port.ts';
import type { Linked } from '../memory/linked-list.ts';
import type { NatsServing } from './server.ts';
import type { Timed } from './timer-wheel.ts';
import type { Envelope } from './wire.ts';

/** One request at its server. Everything that few handlers look at is made when they do. */
export class NatsRequest implements Request, Linked<NatsRequest> {
  previous: NatsRequest | undefined = undefined;
  next: NatsRequest | undefined = undefined;
  readonly reply: string;
  readonly kind: Envelope['kind'];
  /** When its caller stops waiting, on this process's clock; Infinity for a cast. */
  readonly deadlineMs: number;
  readonly #server: NatsServing;
  readonly #message: Msg;
  /** In front of the subject where the request came to every server (W4). */
  readonly #prefixLength: number;
  #controller: AbortController | undefined;
  #alarm: DeadlineAlarm | undefined;
  #cancelled: { readonly reason: unknown } | undefined;

  constructor(server: NatsServing, message: Msg, reply: string, envelope: Envelope, prefixLength: number) {
    this.#server = server;
    this.#message = message;
    this.reply = reply;
    this.kind = envelope.kind;
    this.deadlineMs =
      envelope.timeoutMs === undefined ? Number.POSITIVE_INFINITY : server.link.clock.now() + envelope.timeoutMs;
    this.#prefixLength = prefixLength;
  }

  get subject(): string {
    return this.#message.subject.slice(this.#prefixLength);
  }

  get payload(): Uint8Array {
    return this.#message.data;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#cancelled !== undefined) this.#controller.abort(this.#cancelled.reason);
      else if (this.expired) this.cancel(deadlineError(this.subject));
      else if (this.deadlineMs !== Number.POSITIVE_INFINITY) this.#alarm = this.#server.alarm(this);
    }
    return this.#controller.signal;
  }

  get expired(): boolean {
    return this.#server.link.clock.now() >= this.deadlineMs;
  }

  /** Nobody wants the answer any more. */
  get cancelled(): boolean {
    return this.#cancelled !== undefined;
  }

  /** Its caller gave up, or its server: the handler is told by its signal. */
  cancel(reason: unknown): void {
    if (this.#cancelled !== undefined) return;
    this.#cancelled = { reason };
    this.#controller?.abort(reason);
  }

  /** Its handler is done: the signal stays as it is. */
  end(): void {
    if (this.#alarm !== undefined) this.#server.disarm(this.#alarm);
  }
}

/** Aborts the signal of a request at its deadline; only requests whose handlers looked at their signal have one. */
export class DeadlineAlarm implements Timed<DeadlineAlarm> {
  previous: DeadlineAlarm | undefined = undefined;
  next: DeadlineAlarm | undefined = undefined;
  dueTurn = 0;
  readonly #request: NatsRequest;

  constructor(request: NatsRequest) {
    this.#request = request;
  }

  expire(): void {
    this.#request.cancel(deadlineError(this.#request.subject));
  }
}

function deadlineError(subject: string): VedetteError {
  return new VedetteError('VDT_BUS_DEADLINE', { message: `the caller of ${subject} waits no more` });
}
