import fc from 'fast-check';
import { expect, it } from 'vitest';
import { XdrDecoder, XdrEncoder } from '../src/xdr.ts';

/** One value of each kind XDR has, as encoded, decoded, and expected back. */
const fields = {
  int: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  uint: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  bool: fc.boolean(),
  hyper: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  unsignedHyper: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  double: fc.double(),
  string: fc.string({ unit: 'binary', maxLength: 40 }),
  opaque: fc.uint8Array({ maxLength: 20 }),
  optional: fc.option(fc.integer(), { nil: undefined }),
  array: fc.array(fc.string({ maxLength: 5 }), { maxLength: 10 }),
};
const message = fc.array(
  fc.oneof(...Object.entries(fields).map(([kind, value]) => fc.record({ kind: fc.constant(kind), value }))),
);

type Field = { readonly kind: string; readonly value: unknown };

function encode(encoder: XdrEncoder, { kind, value }: Field): void {
  if (kind === 'optional') encoder.optional(value as number | undefined, (_, it) => encoder.int(it));
  else if (kind === 'array') encoder.array(value as string[], (_, it) => encoder.string(it));
  else (encoder[kind as 'int'] as (value: unknown) => unknown).call(encoder, value);
}

function decode(decoder: XdrDecoder, { kind, value }: Field): unknown {
  switch (kind) {
    case 'hyper':
      return decoder.hyperExact();
    case 'unsignedHyper':
      return decoder.unsignedHyperExact();
    case 'opaque':
      return new Uint8Array(decoder.opaque((value as Uint8Array).length));
    case 'optional':
      return decoder.optional(() => decoder.int());
    case 'array':
      return decoder.array(10, 4, () => decoder.string());
    default:
      return (decoder[kind as 'int'] as () => unknown).call(decoder);
  }
}

function encoded(message: readonly Field[]): Buffer {
  const encoder = new XdrEncoder(4);
  for (const field of message) encode(encoder, field);
  return Buffer.from(encoder.bytes);
}

it('what was encoded is decoded as it was, and nothing is left over', () => {
  fc.assert(
    fc.property(message, (fields) => {
      const decoder = new XdrDecoder(encoded(fields));
      for (const field of fields) expect(decode(decoder, field)).toEqual(field.value);
      decoder.end();
    }),
  );
});

it('everything takes a multiple of four bytes', () => {
  fc.assert(fc.property(message, (fields) => encoded(fields).length % 4 === 0));
});

it('a message that ends early is a protocol error wherever it ends', () => {
  fc.assert(
    fc.property(message, fc.nat(), (fields, cut) => {
      const bytes = encoded(fields);
      fc.pre(bytes.length > 0);
      const decoder = new XdrDecoder(bytes.subarray(0, cut % bytes.length));
      const decodeAll = (): void => {
        for (const field of fields) decode(decoder, field);
      };
      expect(decodeAll).toThrow(expect.objectContaining({ code: 'VDT_LIBVIRT_PROTOCOL' }));
    }),
  );
});

it('a message with any bytes changed is read or is a protocol error, never anything else', () => {
  const changes = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(message, changes, (fields, changed) => {
      const bytes = encoded(fields);
      for (const [at, value] of changed) bytes[at % Math.max(1, bytes.length)] = value;
      const decoder = new XdrDecoder(bytes);
      try {
        for (const field of fields) decode(decoder, field);
      } catch (error) {
        expect(error).toMatchObject({ code: 'VDT_LIBVIRT_PROTOCOL' });
      }
    }),
  );
});

it('a count or length beyond what is left is refused before anything is made for it', () => {
  const huge = new XdrEncoder().uint(0xffff_fff0).bytes;
  let made = 0;
  const decodeArray = (): unknown => new XdrDecoder(huge).array(2 ** 32, 4, () => made++);
  expect(decodeArray).toThrow('4294967280 elements do not fit 0 bytes');
  expect(made).toBe(0);
  expect(() => new XdrDecoder(huge).array(16, 4, () => made++)).toThrow('at most 16 are allowed');
  expect(() => new XdrDecoder(huge).string()).toThrow('longer than 4194304');
  expect(() => new XdrDecoder(huge).string(2 ** 32)).toThrow('ends early');
});

it('bytes left over, and booleans that are neither 0 nor 1, are protocol errors', () => {
  const decoder = new XdrDecoder(new XdrEncoder().int(2).int(3).bytes);
  expect(() => decoder.bool()).toThrow('2 where a boolean was expected');
  expect(() => decoder.end()).toThrow('4 bytes are left over');
});

it('64-bit integers as numbers are exact up to 2^53 and the nearest number beyond', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (value) => {
      const { bytes } = new XdrEncoder().unsignedHyper(value);
      expect(new XdrDecoder(bytes).unsignedHyper()).toBe(Number(value));
    }),
  );
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
      expect(new XdrDecoder(new XdrEncoder().hyper(value).bytes).hyper()).toBe(Number(value));
    }),
  );
});

it('a string longer than libvirt takes is not encoded', () => {
  const encoder = new XdrEncoder();
  expect(() => encoder.string('x'.repeat(4 * 1024 * 1024 + 1))).toThrow('longer than 4194304');
});
