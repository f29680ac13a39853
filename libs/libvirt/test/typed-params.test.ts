import fc from 'fast-check';
import { expect, it } from 'vitest';
import { decodeTypedParams, encodeTypedParams, type TypedParam } from '../src/typed-params.ts';
import { XdrDecoder, XdrEncoder } from '../src/xdr.ts';

const name = fc.oneof(fc.string({ maxLength: 20 }), fc.constantFrom('__proto__', 'constructor', 'toString'));
const param: fc.Arbitrary<TypedParam> = fc.oneof(
  fc.record({ name, type: fc.constant('int' as const), value: fc.integer() }),
  fc.record({ name, type: fc.constant('uint' as const), value: fc.nat() }),
  fc.record({ name, type: fc.constant('llong' as const), value: fc.bigInt({ min: -(2n ** 53n), max: 2n ** 53n }) }),
  fc.record({ name, type: fc.constant('ullong' as const), value: fc.bigInt({ min: 0n, max: 2n ** 53n }) }),
  fc.record({ name, type: fc.constant('double' as const), value: fc.double() }),
  fc.record({ name, type: fc.constant('boolean' as const), value: fc.boolean() }),
  fc.record({ name, type: fc.constant('string' as const), value: fc.string({ maxLength: 20 }) }),
);

function encoded(params: readonly TypedParam[]): Buffer {
  const encoder = new XdrEncoder();
  encodeTypedParams(encoder, params);
  return Buffer.from(encoder.bytes);
}

it('D1: typed parameters of every type and any name come back by name', () => {
  fc.assert(
    fc.property(fc.array(param), (params) => {
      const decoder = new XdrDecoder(encoded(params));
      const expected = params.map(
        ({ name, value }) => [name, typeof value === 'bigint' ? Number(value) : value] as const,
      );
      expect(decodeTypedParams(decoder, 1_000)).toEqual(new Map(expected));
      decoder.end();
    }),
  );
});

it('more parameters than allowed, and unknown types, are protocol errors', () => {
  const two = encoded([
    { name: 'a', type: 'int', value: 1 },
    { name: 'b', type: 'int', value: 2 },
  ]);
  expect(() => decodeTypedParams(new XdrDecoder(two), 1)).toThrow('2 elements where at most 1 are allowed');
  const unknown = new XdrEncoder().uint(1).string('a').int(8).int(0).bytes;
  expect(() => decodeTypedParams(new XdrDecoder(unknown), 1)).toThrow('unknown type 8');
});
