/**
 * FNV-1a over the UTF-8 bytes of a text, 32 and 64 bits wide: stable for ever, cheap, and not cryptographic. Whoever
 * can choose the texts can make them collide; use it to spread load, never to decide what somebody may do.
 *
 * Source: the FNV reference page, http://www.isthe.com/chongo/tech/comp/fnv/ (offset bases, primes, test vectors).
 */

const BASE_32 = 0x811c9dc5;
const PRIME_32 = 0x01000193;
const BASE_64_HIGH = 0xcbf29ce4;
const BASE_64_LOW = 0x84222325;
/** The 64-bit prime is 2^40 + 0x1b3: the first term is a shift of the low word into the high one. */
const PRIME_64_LOW = 0x1b3;
const TWO_32 = 2 ** 32;

const encoder = new TextEncoder();

/** The 32-bit FNV-1a hash of `text`, from 0 to 2^32 - 1. Another `seed` gives an unrelated spread. */
export function hash32(text: string, seed = 0): number {
  let hash = BASE_32;
  if (seed !== 0) for (let shift = 0; shift < 32; shift += 8) hash = mix32(hash, (seed >>> shift) & 0xff);
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit > 0x7f) return encoder.encode(text.slice(at)).reduce(mix32, hash) >>> 0;
    hash = mix32(hash, unit);
  }
  return hash >>> 0;
}

/** The 64-bit FNV-1a hash of `text`, from 0 to 2^64 - 1. */
export function hash64(text: string): bigint {
  let high = BASE_64_HIGH;
  let low = BASE_64_LOW;
  for (const byte of encoder.encode(text)) {
    low = (low ^ byte) >>> 0;
    const product = low * PRIME_64_LOW;
    high = (Math.imul(high, PRIME_64_LOW) + Math.floor(product / TWO_32) + (low << 8)) >>> 0;
    low = product % TWO_32;
  }
  return (BigInt(high) << 32n) | BigInt(low);
}

/**
 * Where in a period of `periodMs` the key's turn is, from 0 to below `periodMs`: many keys spread evenly over the
 * period, and each keeps its place across restarts.
 */
export function phaseOf(key: string, periodMs: number, seed = 0): number {
  return (avalanche(hash32(key, seed)) / TWO_32) * periodMs;
}

function mix32(hash: number, byte: number): number {
  return Math.imul(hash ^ byte, PRIME_32);
}

/** MurmurHash3's finaliser: FNV-1a alone leaves keys that differ in their last letters close together. */
function avalanche(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
