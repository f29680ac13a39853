import { decodeUuid, NAMED_BYTES } from './domain.ts';
import type { Procedure } from './procedures.ts';
import type { XdrDecoder, XdrEncoder } from './xdr.ts';

/** The calls about what a host has beside domains. Numbers: remote_protocol.x. */

const POOLS_MAX = 16_384;
const NETWORKS_MAX = 16_384;

/** A storage pool or a network of a host. */
export interface HostObject {
  readonly name: string;
  readonly uuid: string;
  readonly active: boolean;
}

type Named = Omit<HostObject, 'active'>;

/** Which ones: virConnectListAllStoragePoolsFlags and virConnectListAllNetworksFlags have the same numbers. */
export const listFlags = { all: 0, active: 2 } as const;

export const listAllStoragePools: Procedure<number, readonly Named[]> = {
  number: 281,
  name: 'list storage pools',
  encode: encodeList,
  decode: (decoder) => decodeList(decoder, POOLS_MAX),
};

export const listAllNetworks: Procedure<number, readonly Named[]> = {
  number: 283,
  name: 'list networks',
  encode: encodeList,
  decode: (decoder) => decodeList(decoder, NETWORKS_MAX),
};

function encodeList(encoder: XdrEncoder, flags: number): void {
  encoder.int(1).uint(flags); // want them, not only their number
}

function decodeList(decoder: XdrDecoder, max: number): readonly Named[] {
  const objects = decoder.array(max, NAMED_BYTES, () => ({ name: decoder.string(), uuid: decodeUuid(decoder) }));
  decoder.uint(); // their number once more
  return objects;
}

/** Nanoseconds since boot, of all processors together. */
export interface NodeCpuTimes {
  readonly userNs: number;
  readonly systemNs: number;
  readonly idleNs: number;
  readonly iowaitNs: number;
}
