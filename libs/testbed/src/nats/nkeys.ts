import { createPrivateKey, createPublicKey, randomBytes, sign } from 'node:crypto';

/**
 * Keys of NATS: an Ed25519 key pair written in base32 behind a byte that tells its kind, with a checksum.
 * Source: https://docs.nats.io/reference/reference-protocols/nats-protocol and github.com/nats-io/nkeys.
 */
export interface Nkey {
  /** As `U...`: what a server is told of. */
  readonly publicKey: string;
  /** As `SU...`: what proves it; what `nkeyAuthenticator` of the client takes, as bytes. */
  readonly seed: string;
  /** The Ed25519 signature of these bytes. */
  sign(bytes: Uint8Array): Uint8Array;
}

export type NkeyKind = 'user' | 'account' | 'operator' | 'server';

/** The first byte of a key; its upper five bits are the base32 letter that keys of that kind begin with. */
const prefixes: Readonly<Record<NkeyKind, number>> = { user: 20 << 3, account: 0, operator: 14 << 3, server: 13 << 3 };
const SEED_PREFIX = 18 << 3;
/** What stands before the 32 bytes of a private key in its PKCS #8 form. */
const pkcs8Head = Buffer.from('302e020100300506032b657004220420', 'hex');

/** A new random key. */
export function createNkey(kind: NkeyKind = 'user'): Nkey {
  const secret = randomBytes(32);
  const key = createPrivateKey({ key: Buffer.concat([pkcs8Head, secret]), format: 'der', type: 'pkcs8' });
  const publicBytes = createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32);
  const prefix = prefixes[kind];
  // Thirteen bits hold both kinds: five of the seed's letter and eight of the key's own, over two bytes.
  const seedHead = [SEED_PREFIX | (prefix >> 5), (prefix & 31) << 3];
  return {
    publicKey: encode(Buffer.concat([Buffer.from([prefix]), publicBytes])),
    seed: encode(Buffer.concat([Buffer.from(seedHead), secret])),
    sign: (bytes) => sign(null, bytes, key),
  };
}

function encode(bytes: Buffer): string {
  const checksum = Buffer.alloc(2);
  checksum.writeUInt16LE(crc16(bytes));
  return base32(Buffer.concat([bytes, checksum]));
}

/** CRC-16/XMODEM. */
function crc16(bytes: Buffer): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = ((crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021) & 0xffff;
  }
  return crc;
}

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** RFC 4648, without padding. */
export function base32(bytes: Buffer): string {
  let text = '';
  let value = 0;
  let bits = 0;
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xffff;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += letters[(value >> bits) & 31];
    }
  }
  return bits === 0 ? text : text + letters[(value << (5 - bits)) & 31];
}
