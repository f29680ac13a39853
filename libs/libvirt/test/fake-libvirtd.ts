import { chmod } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { encodePacket, messageStatus, messageType, type Packet, PacketReader } from '../src/packet.ts';
import { REMOTE_PROGRAM, REMOTE_VERSION } from '../src/procedures.ts';
import type { Dial, TransportHandlers } from '../src/transport.ts';
import { XdrEncoder } from '../src/xdr.ts';

/**
 * The other end of a connection, played by a test: it answers the handshake by itself and hands every other call to the
 * test's script. It speaks in memory ({@link dial}: no real I/O, so the simulated clock drives it) or on a unix socket
 * ({@link listen}).
 */
export class FakeLibvirtd {
  readonly peers: FakePeer[] = [];
  /** Answers a call, or returns false to leave it to the handshake's default. */
  script: (call: Packet, peer: FakePeer) => boolean = () => false;
  /** Whether keepalive messages are answered. */
  answersPings = true;
  /** What the next dials fail with. */
  unreachable: Error | undefined;

  get peer(): FakePeer {
    const peer = this.peers.at(-1);
    if (peer === undefined) throw new Error('nobody connected');
    return peer;
  }

  readonly dial: Dial = async (handlers, signal) => {
    signal.throwIfAborted();
    if (this.unreachable !== undefined) throw this.unreachable;
    const peer = this.accept(handlers.onData, () => handlers.onClose(undefined));
    return {
      send: (bytes) => queueMicrotask(() => peer.receive(Buffer.from(bytes))),
      close: () => queueMicrotask(() => peer.hangUp()),
    };
  };

  /** Serves on a unix socket until disposed. */
  async listen(path: string): Promise<AsyncDisposable> {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      const peer = this.accept(
        (bytes) => socket.write(bytes),
        () => socket.end(),
      );
      socket.on('data', (chunk) => peer.receive(chunk));
      socket.on('error', () => undefined); // the client under test may leave as rudely as it likes
    });
    await new Promise<void>((resolve) => server.listen(path, resolve));
    await chmod(path, 0o777);
    return {
      [Symbol.asyncDispose]: async () => {
        for (const socket of sockets) socket.destroy();
        await new Promise((resolve) => server.close(resolve));
      },
    };
  }

  /** Somebody connected by other means. */
  accept(send: TransportHandlers['onData'], hangUp: () => void): FakePeer {
    const peer = new FakePeer(send, hangUp, (message) => {
      if (message.program === KEEPALIVE_PROGRAM) {
        if (this.answersPings && message.procedure === 1) peer.raw(keepaliveMessage(2));
      } else if (!this.script(message, peer)) {
        answerHandshake(message, peer);
      }
    });
    this.peers.push(peer);
    return peer;
  }
}

export class FakePeer {
  readonly calls: Packet[] = [];
  /** Messages of other programs: keepalive, either way. */
  readonly others: Packet[] = [];
  readonly #reader = new PacketReader();
  readonly #send: (bytes: Buffer) => void;
  readonly #hangUp: () => void;
  readonly #answer: (call: Packet) => void;
  #gone = false;

  constructor(send: (bytes: Buffer) => void, hangUp: () => void, answer: (call: Packet) => void) {
    this.#send = send;
    this.#hangUp = hangUp;
    this.#answer = answer;
  }

  get gone(): boolean {
    return this.#gone;
  }

  receive(chunk: Buffer): void {
    if (this.#gone) return;
    for (const packet of this.#reader.push(chunk)) {
      if (packet.program !== REMOTE_PROGRAM) {
        this.others.push(packet);
      } else {
        this.calls.push(packet);
      }
      this.#answer(packet);
    }
  }

  /** Calls of a procedure so far. */
  callsOf(procedure: number): readonly Packet[] {
    return this.calls.filter((call) => call.procedure === procedure);
  }

  reply(call: Packet, encode: (encoder: XdrEncoder) => unknown = () => undefined): void {
    this.raw(replyPacket(call, messageStatus.ok, encode));
  }

  refuse(call: Packet, code: number, message: string): void {
    this.raw(replyPacket(call, messageStatus.error, (encoder) => encodeError(encoder, code, message)));
  }

  event(procedure: number, encode: (encoder: XdrEncoder) => unknown): void {
    const encoder = new XdrEncoder();
    encode(encoder.int(1)); // the registration it belongs to
    const header = { program: REMOTE_PROGRAM, version: REMOTE_VERSION, procedure, serial: 0 };
    this.raw(encodePacket({ ...header, type: messageType.event, status: messageStatus.ok }, encoder.bytes));
  }

  raw(bytes: Buffer): void {
    if (!this.#gone) this.#send(bytes);
  }

  hangUp(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#hangUp();
  }
}

const KEEPALIVE_PROGRAM = 0x6b656570;

/** @param procedure 1 PING, 2 PONG */
export function keepaliveMessage(procedure: number): Buffer {
  const header = { program: KEEPALIVE_PROGRAM, version: 1, procedure, type: messageType.event, serial: 0, status: 0 };
  return encodePacket(header, Buffer.alloc(0));
}

export function replyPacket(call: Packet, status: number, encode: (encoder: XdrEncoder) => unknown): Buffer {
  const encoder = new XdrEncoder();
  encode(encoder);
  const { program, version, procedure, serial } = call;
  return encodePacket({ program, version, procedure, serial, type: messageType.reply, status }, encoder.bytes);
}

/** A remote_error without the parts that are nearly always absent. */
export function encodeError(encoder: XdrEncoder, code: number, message: string): XdrEncoder {
  const nothing = (): void => undefined;
  encoder
    .int(code)
    .int(10)
    .optional(message, () => encoder.string(message))
    .int(2);
  for (let absent = 0; absent < 4; absent++) encoder.optional(undefined, nothing);
  return encoder.int(0).int(0).optional(undefined, nothing);
}

function answerHandshake(call: Packet, peer: FakePeer): void {
  switch (call.procedure) {
    case 66: // auth list: none
      peer.reply(call, (encoder) => encoder.array([0], (_, type) => encoder.int(type)));
      break;
    case 60: // supports feature
    case 316: // register for events
      peer.reply(call, (encoder) => encoder.int(1));
      break;
    case 1: // open
    case 2: // close
      peer.reply(call);
      break;
  }
}
