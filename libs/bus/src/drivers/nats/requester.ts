import type { Msg, MsgHdrs } from '@nats-io/transport-node';
import { VedetteError } from '@vedette/runtime';
import type { CallOptions } from '../../port.ts';
import type { Waiting } from './inbox.ts';
import type { Link } from './link.ts';
import { type Timed, TimerWheel } from './timer-wheel.ts';
import { controlPrefix, readFault, replyKinds } from './wire.ts';

type RequestKind = typeof replyKinds.call | typeof replyKinds.cast | typeof replyKinds.api;

const encoder = new TextEncoder();

/** Asks one server and waits for its reply: calls, casts, and the broker's own API. */
export class Requester {
  readonly link: Link;
  readonly wheel: TimerWheel<PendingRequest>;

  constructor(link: Link) {
    this.link = link;
    this.wheel = new TimerWheel(link.clock);
  }

  /** See `Bus.call`; what is to be checked was checked. */
  call(subject: string, payload: Uint8Array, options: CallOptions): Promise<Uint8Array> {
    this.link.counters.calls++;
    return this.#ask(replyKinds.call, subject, payload, options);
  }

  /** See `Bus.cast`; the server answers as soon as it has queued the request. */
  async cast(subject: string, payload: Uint8Array, options: CallOptions): Promise<void> {
    this.link.counters.calls++;
    await this.#ask(replyKinds.cast, subject, payload, options);
  }

  /** One question to the broker. @throws VedetteError VDT_BUS_NO_RESPONDERS, VDT_BUS_DEADLINE, VDT_BUS_DISCONNECTED */
  api(subject: string, payload: Uint8Array, timeoutMs: number, headers?: MsgHdrs): Promise<Uint8Array> {
    if (!this.link.connected) return Promise.reject(new VedetteError('VDT_BUS_DISCONNECTED'));
    return this.#ask(replyKinds.api, subject, payload, { timeoutMs }, headers);
  }

  /** The server of a request is told that nobody waits for it any more (W4). */
  cancel(subject: string, reply: string): void {
    if (this.link.connected) this.link.publish(controlPrefix + subject, encoder.encode(reply));
  }

  /** The broker said that it lets nobody like us publish to this subject: who waits for an answer is told. */
  refuse(subject: string): void {
    const message = `the broker does not let this client publish to ${subject}`;
    for (const waiting of this.link.inbox.all()) {
      if (waiting instanceof PendingRequest && waiting.subject === subject) {
        waiting.fail(new VedetteError('VDT_BUS_REFUSED', { message }));
      }
    }
  }

  #ask(
    kind: RequestKind,
    subject: string,
    payload: Uint8Array,
    options: CallOptions,
    headers?: MsgHdrs,
  ): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const request = new PendingRequest(this, kind, subject, options, resolve, reject);
      const { reply } = request;
      try {
        this.link.publish(subject, payload, headers === undefined ? { reply } : { reply, headers });
      } catch (error) {
        request.fail(new VedetteError('VDT_BUS_DISCONNECTED', { cause: error }));
      }
    });
  }
}

/** One request until its reply, its deadline or its end. */
class PendingRequest implements Waiting, Timed<PendingRequest> {
  previous: PendingRequest | undefined = undefined;
  next: PendingRequest | undefined = undefined;
  dueTurn = 0;
  readonly reply: string;
  readonly subject: string;
  readonly #requester: Requester;
  readonly #kind: RequestKind;
  readonly #number: number;
  readonly #options: CallOptions;
  readonly #resolve: (payload: Uint8Array) => void;
  readonly #reject: (reason: unknown) => void;
  readonly #onAbort: (() => void) | undefined;

  constructor(
    requester: Requester,
    kind: RequestKind,
    subject: string,
    options: CallOptions,
    resolve: (payload: Uint8Array) => void,
    reject: (reason: unknown) => void,
  ) {
    this.#requester = requester;
    this.#kind = kind;
    this.subject = subject;
    this.#options = options;
    this.#resolve = resolve;
    this.#reject = reject;
    const { inbox } = requester.link;
    this.#number = inbox.register(this);
    this.reply = inbox.replyTo(kind, this.#number, Math.ceil(options.timeoutMs));
    requester.wheel.add(this, options.timeoutMs);
    this.#onAbort = options.signal === undefined ? undefined : this.#listen(options.signal);
  }

  onReply(message: Msg): void {
    const { headers } = message;
    const error = headers === undefined ? undefined : this.#errorOf(message, headers);
    if (error === undefined) {
      this.#end();
      this.#resolve(message.data);
    } else this.#fail(error);
  }

  /** The server knows the deadline too (W1): nothing is sent. */
  expire(): void {
    const { timeoutMs } = this.#options;
    this.#fail(
      new VedetteError('VDT_BUS_DEADLINE', { message: `no answer from ${this.subject} within ${timeoutMs} ms` }),
    );
  }

  fail(error: VedetteError): void {
    this.#fail(error);
    if (error.code === 'VDT_BUS_CLOSED') this.#cancel();
  }

  #listen(signal: AbortSignal): () => void {
    const onAbort = (): void => {
      this.#fail(signal.reason);
      this.#cancel();
    };
    signal.addEventListener('abort', onAbort, { once: true });
    return onAbort;
  }

  #errorOf(message: Msg, headers: NonNullable<Msg['headers']>): VedetteError | undefined {
    if (headers.code !== 503) return readFault(headers, message.data);
    return new VedetteError('VDT_BUS_NO_RESPONDERS', { message: `nobody serves ${this.subject}` });
  }

  #cancel(): void {
    if (this.#kind === replyKinds.call) this.#requester.cancel(this.subject, this.reply);
  }

  #fail(reason: unknown): void {
    this.#end();
    if (this.#kind !== replyKinds.api) this.#requester.link.counters.callsFailed++;
    this.#reject(reason);
  }

  #end(): void {
    this.#requester.link.inbox.forget(this.#number);
    this.#requester.wheel.remove(this);
    if (this.#onAbort !== undefined) this.#options.signal?.removeEventListener('abort', this.#onAbort);
  }
}
