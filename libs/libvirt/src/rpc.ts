import { type Clock, type Timer, VedetteError } from '@vedette/runtime';
import './errors.ts';
import { KeepAlive, type KeepAliveOptions } from './keep-alive.ts';
import { encodePacket, messageStatus, messageType, type Packet, PacketReader } from './packet.ts';
import { close, type Procedure, REMOTE_PROGRAM, REMOTE_VERSION } from './procedures.ts';
import { decodeRemoteError, refusal } from './remote-error.ts';
import type { Dial, Transport } from './transport.ts';
import { XdrDecoder, XdrEncoder } from './xdr.ts';

const KEEPALIVE_PROGRAM = 0x6b656570;
const KEEPALIVE_VERSION = 1;
const KEEPALIVE_PING = 1;
const KEEPALIVE_PONG = 2;

/** Calls waiting for their replies at once, as one for each domain of a large host; more are refused. */
const PENDING_MAX = 4_096;
/**
 * Calls libvirtd is given at once; the rest wait here. With 5 of one client (max_client_requests) it reads nothing more
 * from it, keepalive neither: so one place stays free.
 */
const IN_FLIGHT_MAX = 4;
/** How long an orderly goodbye may take. */
const CLOSE_TIMEOUT_MS = 500;

export interface CallOptions {
  /** The connection's own unless said. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface RpcOptions {
  readonly clock: Clock;
  /** Deadline of a call that names none. */
  readonly timeoutMs: number;
  /** Called for every event message, in order; must not throw but for a message it cannot read. */
  readonly onEvent: (procedure: number, decoder: XdrDecoder) => void;
}

/** One call on its way. */
interface PendingCall {
  readonly procedure: Procedure<never, unknown>;
  readonly resolve: (result: never) => void;
  readonly reject: (reason: unknown) => void;
  readonly timer: Timer;
  readonly forget: () => void;
}

/**
 * One connection to a libvirtd, at the level of calls, replies and events.
 *
 * - R1 Every call settles: by its reply, its deadline, its signal, or the end of the connection, which fails all at once.
 * - R2 A reply belongs to the call of its serial or to one given up earlier; anything else that could not have come from
 *   a sound libvirtd ends the connection with VDT_LIBVIRT_PROTOCOL. Nothing received can crash or stall it (I9).
 * - R3 A call given up may still run in libvirtd, and hold a job there (a hung QEMU, a hung guest agent). Such calls are
 *   counted; when all places are taken by such calls the connection ends by itself.
 * - R4 After its end nothing is sent and no handler is called.
 * - R5 With keepalive on, a connection over which nothing comes any more ends by itself, whatever became of the other
 *   side; while anything comes, it does not.
 */
export class RpcConnection {
  /** Resolves with the reason when the connection has ended, by whichever side; never rejects. */
  readonly closed: Promise<VedetteError>;
  readonly #options: RpcOptions;
  readonly #reader = new PacketReader();
  readonly #pending = new Map<number, PendingCall>();
  /** Packets of calls that have no place yet, in order. */
  readonly #waiting = new Map<number, Buffer>();
  /** Calls that libvirtd has been given and has not answered; {@link #abandoned} are some of them. */
  readonly #inFlight = new Set<number>();
  readonly #abandoned = new Set<number>();
  readonly #closed = Promise.withResolvers<VedetteError>();
  #transport: Transport | undefined;
  #end: VedetteError | undefined;
  #closing: Promise<void> | undefined;
  #keepAlive: KeepAlive | undefined;
  #lastSerial = 0;

  private constructor(options: RpcOptions) {
    this.#options = options;
    this.closed = this.#closed.promise;
  }

  /** @throws what `dial` throws */
  static async open(dial: Dial, options: RpcOptions, signal: AbortSignal): Promise<RpcConnection> {
    const rpc = new RpcConnection(options);
    const handlers = { onData: (chunk: Buffer) => rpc.#onData(chunk), onClose: (e?: Error) => rpc.#onClose(e) };
    rpc.#transport = await dial(handlers, signal);
    if (rpc.isClosed) rpc.#transport.close(); // it ended before it was known here
    return rpc;
  }

  get isClosed(): boolean {
    return this.#end !== undefined;
  }

  /** Calls given up whose replies have not come: each still takes one of the 4 places. */
  get abandonedCalls(): number {
    return this.#abandoned.size;
  }

  /**
   * @throws VedetteError of libvirtd's answer (see refusal); VDT_RUNTIME_DEADLINE, VDT_LIBVIRT_CLOSED, VDT_LIBVIRT_BUSY
   * (all retryable); VDT_LIBVIRT_PROTOCOL; or the signal's reason
   */
  call<Args, Result>(procedure: Procedure<Args, Result>, args: Args, options: CallOptions = {}): Promise<Result> {
    const { timeoutMs = this.#options.timeoutMs, signal } = options;
    if (this.#end !== undefined) return Promise.reject(closedBy(this.#end));
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#pending.size >= PENDING_MAX) {
      const message = `${procedure.name}: ${PENDING_MAX} calls are waiting for libvirtd already`;
      return Promise.reject(new VedetteError('VDT_LIBVIRT_BUSY', { message }));
    }
    return new Promise((resolve, reject) => {
      const encoder = new XdrEncoder();
      procedure.encode(encoder, args);
      const serial = this.#nextSerial();
      const header = { program: REMOTE_PROGRAM, version: REMOTE_VERSION, procedure: procedure.number };
      const packet = encodePacket(
        { ...header, type: messageType.call, serial, status: messageStatus.ok },
        encoder.bytes,
      );
      this.#expect(serial, procedure, resolve, reject, timeoutMs, signal);
      if (procedure.number === close.number) {
        this.#sendCall(serial, packet); // in the free place: nothing after it matters
        return;
      }
      this.#waiting.set(serial, packet);
      this.#sendWaiting();
    });
  }

  /** R5. For a libvirtd that said it answers keepalive messages. */
  startKeepAlive(options: KeepAliveOptions): void {
    if (this.#end !== undefined || this.#keepAlive !== undefined) return;
    this.#keepAlive = new KeepAlive(this.#options.clock, options, {
      ping: () => this.#sendKeepalive(KEEPALIVE_PING),
      excused: () => this.#inFlight.size >= IN_FLIGHT_MAX, // where it takes even fewer, it reads no more now
      dead: (silentMs) => {
        const message = `libvirtd has been silent for ${silentMs} ms and answers no keepalive message`;
        const action = 'check the network, and whether libvirtd hangs: it is tried again';
        this.#fail(new VedetteError('VDT_LIBVIRT_CLOSED', { message, action }));
      },
    });
  }

  /** Ends at once, without a goodbye. */
  end(reason: VedetteError): void {
    this.#fail(reason);
  }

  /** Says goodbye, waits shortly for the answer, and ends. Pending calls fail with VDT_LIBVIRT_CLOSED. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    // A libvirtd that does not answer, or is gone, is left all the same.
    await this.call(close, undefined, { timeoutMs: CLOSE_TIMEOUT_MS }).catch(() => undefined);
    this.#fail(
      new VedetteError('VDT_LIBVIRT_CLOSED', { message: 'the connection to libvirtd was closed by its user' }),
    );
  }

  #expect<Result>(
    serial: number,
    procedure: Procedure<never, Result>,
    resolve: (result: Result) => void,
    reject: (reason: unknown) => void,
    timeoutMs: number,
    signal: AbortSignal | undefined,
  ): void {
    const onAbort = (): void => this.#abandon(serial, signal?.reason);
    const onTimeout = (): void => {
      const message = `${procedure.name}: no answer from libvirtd within ${timeoutMs} ms`;
      const action = 'look for a hung QEMU or guest agent on the host';
      this.#abandon(serial, new VedetteError('VDT_RUNTIME_DEADLINE', { message, action }));
    };
    const timer = this.#options.clock.setTimer(onTimeout, timeoutMs);
    signal?.addEventListener('abort', onAbort, { once: true });
    const forget = (): void => {
      timer.cancel();
      signal?.removeEventListener('abort', onAbort);
    };
    this.#pending.set(serial, { procedure, resolve, reject, timer, forget });
  }

  /** As many as have a place. */
  #sendWaiting(): void {
    for (const [serial, packet] of this.#waiting) {
      if (this.#inFlight.size >= IN_FLIGHT_MAX) return;
      this.#waiting.delete(serial);
      this.#sendCall(serial, packet);
    }
  }

  #sendCall(serial: number, packet: Buffer): void {
    this.#inFlight.add(serial);
    this.#transport?.send(packet);
  }

  /** R3 */
  #abandon(serial: number, reason: unknown): void {
    this.#takePending(serial)?.reject(reason);
    if (this.#waiting.delete(serial)) return; // libvirtd has never heard of it
    this.#abandoned.add(serial);
    if (this.#abandoned.size >= IN_FLIGHT_MAX) {
      const message = `libvirtd has left ${this.#abandoned.size} calls unanswered and takes no more on this connection`;
      this.#fail(new VedetteError('VDT_LIBVIRT_CLOSED', { message, cause: reason }));
    }
  }

  #takePending(serial: number): PendingCall | undefined {
    const call = this.#pending.get(serial);
    if (call === undefined) return undefined;
    this.#pending.delete(serial);
    call.forget();
    return call;
  }

  #nextSerial(): number {
    this.#lastSerial = this.#lastSerial === 0xffffffff ? 1 : this.#lastSerial + 1;
    return this.#lastSerial;
  }

  #onData(chunk: Buffer): void {
    if (this.#end !== undefined) return;
    this.#keepAlive?.heard();
    try {
      for (const packet of this.#reader.push(chunk)) {
        this.#dispatch(packet);
        if (this.#end !== undefined) return;
      }
    } catch (error) {
      this.#fail(asProtocolError(error));
    }
  }

  #onClose(error: Error | undefined): void {
    if (VedetteError.is(error)) {
      this.#fail(error); // the transport knows better why
      return;
    }
    const half = this.#reader.buffered > 0 ? ' in the middle of a message' : '';
    const why = error === undefined ? '' : `: ${error.message}`;
    const message = `libvirtd closed the connection${half}${why}`;
    this.#fail(new VedetteError('VDT_LIBVIRT_CLOSED', { message, ...(error === undefined ? {} : { cause: error }) }));
  }

  #dispatch(packet: Packet): void {
    if (packet.program === KEEPALIVE_PROGRAM) {
      this.#onKeepalive(packet);
    } else if (packet.program !== REMOTE_PROGRAM || packet.version !== REMOTE_VERSION) {
      throw unexpected(`a message of program 0x${packet.program.toString(16)} version ${packet.version}`);
    } else if (packet.type === messageType.reply) {
      this.#onReply(packet);
    } else if (packet.type === messageType.event) {
      this.#options.onEvent(packet.procedure, new XdrDecoder(packet.payload));
    } else {
      throw unexpected(`a message of type ${packet.type}`);
    }
  }

  #onReply(packet: Packet): void {
    const { serial, status, procedure, payload } = packet;
    const sent = this.#inFlight.delete(serial);
    const call = this.#pending.get(serial);
    if (sent) this.#sendWaiting();
    if (this.#abandoned.delete(serial)) return; // R2: too late
    if (!sent || call === undefined) throw unexpected(`a reply to call ${serial}, which was never made`);
    if (call.procedure.number !== procedure)
      throw unexpected(`a reply of procedure ${procedure} to ${call.procedure.name}`);
    const decoder = new XdrDecoder(payload);
    if (status === messageStatus.ok) {
      const result = call.procedure.decode(decoder);
      decoder.end();
      this.#takePending(serial);
      call.resolve(result as never);
    } else if (status === messageStatus.error) {
      const error = decodeRemoteError(decoder);
      decoder.end();
      this.#takePending(serial);
      call.reject(refusal(call.procedure.name, error));
    } else {
      throw unexpected(`a reply of status ${status}`);
    }
  }

  #onKeepalive({ version, procedure }: Packet): void {
    if (version !== KEEPALIVE_VERSION) throw unexpected(`keepalive version ${version}`);
    if (procedure === KEEPALIVE_PING) this.#sendKeepalive(KEEPALIVE_PONG); // a PONG has done its work by coming
  }

  #sendKeepalive(procedure: number): void {
    const header = { program: KEEPALIVE_PROGRAM, version: KEEPALIVE_VERSION, procedure, type: messageType.event };
    this.#transport?.send(encodePacket({ ...header, serial: 0, status: messageStatus.ok }, Buffer.alloc(0)));
  }

  /** R1, R4: the first reason stands. */
  #fail(reason: VedetteError): void {
    if (this.#end !== undefined) return;
    this.#end = reason;
    this.#keepAlive?.stop();
    this.#transport?.close();
    for (const call of this.#pending.values()) {
      call.forget();
      call.reject(reason);
    }
    this.#pending.clear();
    this.#waiting.clear();
    this.#inFlight.clear();
    this.#abandoned.clear();
    this.#closed.resolve(reason);
  }
}

/** What a call on an ended connection rejects with. */
function closedBy(reason: VedetteError): VedetteError {
  return reason.code === 'VDT_LIBVIRT_CLOSED' ? reason : new VedetteError('VDT_LIBVIRT_CLOSED', { cause: reason });
}

function unexpected(what: string): VedetteError {
  return new VedetteError('VDT_LIBVIRT_PROTOCOL', { message: `libvirtd sent ${what}` });
}

function asProtocolError(error: unknown): VedetteError {
  return VedetteError.is(error) ? error : new VedetteError('VDT_LIBVIRT_PROTOCOL', { cause: error });
}
