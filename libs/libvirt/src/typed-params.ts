import { VedetteError } from '@vedette/runtime';
import './errors.ts';
import type { XdrDecoder, XdrEncoder } from './xdr.ts';

/** 64-bit integers are numbers by the rule of {@link XdrDecoder}. */
export type TypedValue = number | boolean | string;

/** libvirt's typed parameters by name, as `cpu.time` or `net.0.name`, in the order libvirt sent them. */
export type TypedParams = ReadonlyMap<string, TypedValue>;

/** What a typed parameter on the wire carries, exactly: what the encoder takes. */
export type TypedParam =
  | { readonly name: string; readonly type: 'int' | 'uint' | 'double'; readonly value: number }
  | { readonly name: string; readonly type: 'llong' | 'ullong'; readonly value: bigint }
  | { readonly name: string; readonly type: 'boolean'; readonly value: boolean }
  | { readonly name: string; readonly type: 'string'; readonly value: string };

/** The wire's numbers of the types (enum virTypedParameterType). */
const wireTypes = { int: 1, uint: 2, llong: 3, ullong: 4, double: 5, boolean: 6, string: 7 } as const;

/** A name, a type and the smallest value. */
const PARAM_BYTES = 12;

export function decodeTypedParams(decoder: XdrDecoder, maxCount: number): TypedParams {
  const params = new Map<string, TypedValue>();
  decoder.array(maxCount, PARAM_BYTES, () => params.set(decoder.string(), decodeValue(decoder)));
  return params;
}

function decodeValue(decoder: XdrDecoder): TypedValue {
  const type = decoder.int();
  switch (type) {
    case wireTypes.int:
      return decoder.int();
    case wireTypes.uint:
      return decoder.uint();
    case wireTypes.llong:
      return decoder.hyper();
    case wireTypes.ullong:
      return decoder.unsignedHyper();
    case wireTypes.double:
      return decoder.double();
    case wireTypes.boolean:
      return decoder.int() !== 0;
    case wireTypes.string:
      return decoder.string();
    default:
      throw new VedetteError('VDT_LIBVIRT_PROTOCOL', { message: `unknown type ${type} of a typed parameter` });
  }
}

export function encodeTypedParams(encoder: XdrEncoder, params: readonly TypedParam[]): void {
  encoder.array(params, (_, param) => {
    encoder.string(param.name).int(wireTypes[param.type]);
    switch (param.type) {
      case 'int':
        return encoder.int(param.value);
      case 'uint':
        return encoder.uint(param.value);
      case 'llong':
        return encoder.hyper(param.value);
      case 'ullong':
        return encoder.unsignedHyper(param.value);
      case 'double':
        return encoder.double(param.value);
      case 'boolean':
        return encoder.bool(param.value);
      case 'string':
        return encoder.string(param.value);
    }
  });
}
