import { VedetteError } from '@vedette/runtime';
import './errors.ts';

/**
 * The packets of libvirt's RPC (libvirt.org, "RPC protocol"): a length that counts itself, six header words, a payload.
 */

const LENGTH_BYTES = 4;
const HEADER_BYTES = 24;

/** The largest packet, its length word included (VIR_NET_MESSAGE_MAX does not count the length word). */
export const PACKET_MAX_BYTES = 32 * 1024 * 1024 + LENGTH_BYTES;

export const messageType = { call: 0, reply: 1, event: 2, stream: 3 } as const;
export const messageStatus = { ok: 0, error: 1, continue: 2 } as const;

export interface PacketHeader {
  readonly program: number;
  readonly version: number;
  readonly procedure: number;
  readonly type: number;
  readonly serial: number;
  readonly status: number;
}

export interface Packet extends PacketHeader {
  /** Valid for as long as the reader's user keeps it: never written again. */
  readonly payload: Buffer;
}

export function encodePacket(header: PacketHeader, payload: Uint8Array): Buffer {
  const length = LENGTH_BYTES + HEADER_BYTES + payload.length;
  if (length > PACKET_MAX_BYTES) throw refused(`a packet of ${length} bytes is larger than ${PACKET_MAX_BYTES}`);
  const packet = Buffer.allocUnsafe(length);
  packet.writeUInt32BE(length, 0);
  packet.writeUInt32BE(header.program, 4);
  packet.writeUInt32BE(header.version, 8);
  packet.writeInt32BE(header.procedure, 12);
  packet.writeInt32BE(header.type, 16);
  packet.writeUInt32BE(header.serial, 20);
  packet.writeInt32BE(header.status, 24);
  packet.set(payload, LENGTH_BYTES + HEADER_BYTES);
  return packet;
}

/**
 * Cuts a stream of bytes into packets. A length out of bounds is refused before anything is allocated for it; after an
 * error the stream has lost its place, and the reader must not be used any more.
 */
export class PacketReader {
  #chunks: Buffer[] = [];
  #buffered = 0;
  /** Length of the packet that is coming in; 0 while even that is not known. */
  #expected = 0;

  /** Bytes of a packet not yet complete: more than 0 at the end of the stream means half a packet. */
  get buffered(): number {
    return this.#buffered;
  }

  /** @throws VedetteError VDT_LIBVIRT_PROTOCOL for a length that no packet can have */
  *push(chunk: Buffer): Generator<Packet, void, void> {
    this.#chunks.push(chunk);
    this.#buffered += chunk.length;
    for (;;) {
      if (this.#expected === 0) {
        if (this.#buffered < LENGTH_BYTES) return;
        this.#expected = checkedLength(this.#joined().readUInt32BE(0));
      }
      if (this.#buffered < this.#expected) return;
      const bytes = this.#joined();
      const packet = bytes.subarray(0, this.#expected);
      const rest = bytes.subarray(this.#expected);
      this.#chunks = rest.length > 0 ? [rest] : [];
      this.#buffered = rest.length;
      this.#expected = 0;
      yield decodePacket(packet);
    }
  }

  #joined(): Buffer {
    const [first] = this.#chunks;
    if (first !== undefined && this.#chunks.length === 1) return first;
    const joined = Buffer.concat(this.#chunks, this.#buffered);
    this.#chunks = [joined];
    return joined;
  }
}

function checkedLength(length: number): number {
  if (length < LENGTH_BYTES + HEADER_BYTES || length > PACKET_MAX_BYTES) {
    throw refused(`a packet says it is ${length} bytes long`);
  }
  return length;
}

function decodePacket(packet: Buffer): Packet {
  return {
    program: packet.readUInt32BE(4),
    version: packet.readUInt32BE(8),
    procedure: packet.readInt32BE(12),
    type: packet.readInt32BE(16),
    serial: packet.readUInt32BE(20),
    status: packet.readInt32BE(24),
    payload: packet.subarray(LENGTH_BYTES + HEADER_BYTES),
  };
}

function refused(message: string): VedetteError {
  return new VedetteError('VDT_LIBVIRT_PROTOCOL', { message });
}
