import fc from 'fast-check';
import { expect, it } from 'vitest';
import { encodePacket, PACKET_MAX_BYTES, type Packet, type PacketHeader, PacketReader } from '../src/packet.ts';

const word = fc.integer({ min: 0, max: 2 ** 31 - 1 });
const packet = fc.record({
  header: fc.record({ program: word, version: word, procedure: word, type: word, serial: word, status: word }),
  payload: fc.uint8Array({ maxLength: 100 }),
});

function lengthWord(length: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(length);
  return bytes;
}

function read(reader: PacketReader, chunk: Buffer): readonly Packet[] {
  return [...reader.push(chunk)];
}

it('packets come out as they went in, however the stream is cut', () => {
  fc.assert(
    fc.property(fc.array(packet, { maxLength: 8 }), fc.array(fc.integer({ min: 1, max: 60 })), (packets, cuts) => {
      const stream = Buffer.concat(packets.map(({ header, payload }) => encodePacket(header, payload)));
      const reader = new PacketReader();
      const seen: { header: PacketHeader; payload: Uint8Array }[] = [];
      let at = 0;
      for (const size of [...cuts, stream.length]) {
        for (const { payload, ...header } of read(reader, stream.subarray(at, at + size))) {
          seen.push({ header, payload: new Uint8Array(payload) });
        }
        at = Math.min(stream.length, at + size);
      }
      expect(seen).toEqual(packets);
      expect(reader.buffered).toBe(0);
    }),
  );
});

it('N1: a length that no packet can have is refused as soon as it is read', () => {
  for (const length of [0, 4, 27, PACKET_MAX_BYTES + 1, 200 * 1024 * 1024, 0xffff_ffff]) {
    const push = (): unknown => read(new PacketReader(), lengthWord(length));
    expect(push, String(length)).toThrow(expect.objectContaining({ code: 'VDT_LIBVIRT_PROTOCOL' }));
  }
});

it('the largest and the smallest packet are read', () => {
  const header = { program: 1, version: 1, procedure: 1, type: 1, serial: 1, status: 0 };
  const largest = Buffer.alloc(PACKET_MAX_BYTES - 28);
  expect(read(new PacketReader(), encodePacket(header, largest))[0]?.payload.length).toBe(largest.length);
  expect(read(new PacketReader(), encodePacket(header, Buffer.alloc(0)))[0]?.payload.length).toBe(0);
  expect(() => encodePacket(header, Buffer.alloc(PACKET_MAX_BYTES - 27))).toThrow('larger than');
});

it('half a packet is known as such', () => {
  const reader = new PacketReader();
  expect(read(reader, lengthWord(1_000))).toEqual([]);
  expect(reader.buffered).toBe(4);
});

it('random bytes are packets, half packets or a protocol error', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 64 })), (chunks) => {
      const reader = new PacketReader();
      try {
        for (const chunk of chunks) read(reader, Buffer.from(chunk));
      } catch (error) {
        expect(error).toMatchObject({ code: 'VDT_LIBVIRT_PROTOCOL' });
      }
    }),
  );
});
