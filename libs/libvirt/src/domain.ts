import { VedetteError } from '@vedette/runtime';
import './errors.ts';
import type { XdrDecoder, XdrEncoder } from './xdr.ts';

/** How libvirt names a domain (its word for a VM) in every call. */
export interface Domain {
  readonly name: string;
  /** In its canonical form: lower case, with hyphens. */
  readonly uuid: string;
  /** libvirt's number of this run of the domain; -1 when it is not active. */
  readonly id: number;
}

const UUID_BYTES = 16;

/** The fewest bytes a name and a UUID take on the wire. */
export const NAMED_BYTES = 4 + UUID_BYTES;
/** The fewest bytes a domain takes on the wire. */
export const DOMAIN_BYTES = NAMED_BYTES + 4;

export function encodeDomain(encoder: XdrEncoder, domain: Domain): void {
  encoder.string(domain.name);
  encodeUuid(encoder, domain.uuid);
  encoder.int(domain.id);
}

export function decodeDomain(decoder: XdrDecoder): Domain {
  return { name: decoder.string(), uuid: decodeUuid(decoder), id: decoder.int() };
}

/** @throws VedetteError VDT_LIBVIRT_NO_DOMAIN: no domain can have what is not a UUID */
export function encodeUuid(encoder: XdrEncoder, uuid: string): void {
  const bytes = Buffer.from(uuid.replaceAll('-', ''), 'hex');
  if (bytes.length !== UUID_BYTES || canonicalUuid(bytes) !== uuid.toLowerCase()) {
    throw new VedetteError('VDT_LIBVIRT_NO_DOMAIN', { message: `${JSON.stringify(uuid)} is not a UUID` });
  }
  encoder.opaque(bytes);
}

export function decodeUuid(decoder: XdrDecoder): string {
  return canonicalUuid(decoder.opaque(UUID_BYTES));
}

function canonicalUuid(bytes: Buffer): string {
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
