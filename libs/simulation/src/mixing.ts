/**
 * The source of all chance in a fleet: a hash of whole numbers in place of a generator with a state, so that any
 * question can be asked in any order. Only 32-bit integer arithmetic and divisions by powers of two: the same on
 * every machine.
 */

const TWO_32 = 2 ** 32;

/** A number from 0 to 2^32 - 1 that depends on every bit of its arguments (taken modulo 2^32). MurmurHash3, by word. */
export function mix(seed: number, a: number, b: number, salt: number): number {
  let hash = round(round(round(seed | 0, a), b), salt);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function round(hash: number, word: number): number {
  let mixed = Math.imul(word | 0, 0xcc9e2d51);
  mixed = Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593);
  const next = hash ^ mixed;
  return (Math.imul((next << 13) | (next >>> 19), 5) + 0xe6546b64) | 0;
}

/** {@link mix} as a number from 0 to below 1. */
export function unit(seed: number, a: number, b: number, salt: number): number {
  return mix(seed, a, b, salt) / TWO_32;
}

/** Where a 32-bit number lies between 0 and 1. */
export function fraction(hash: number): number {
  return hash / TWO_32;
}

/** The standard deviation of the sum of four independent bytes. */
const SD_OF_FOUR_BYTES = Math.sqrt((4 * (256 ** 2 - 1)) / 12);

/** Nearly normal, mean 0, standard deviation 1, at most 3.5 away: the sum of the four bytes of a {@link mix}. */
export function bell(hash: number): number {
  const sum = (hash & 0xff) + ((hash >>> 8) & 0xff) + ((hash >>> 16) & 0xff) + (hash >>> 24);
  return (sum - 510) / SD_OF_FOUR_BYTES;
}

/** One of `choices`, by a 32-bit number. */
export function choose<const C extends readonly [unknown, ...unknown[]]>(choices: C, hash: number): C[number] {
  return choices[hash % choices.length] ?? choices[0];
}

/** What a {@link mix} is drawn for: each purpose its own number, so that no two draws of a VM are tied. */
export const salts = {
  key: 1,
  uuidHigh: 2,
  uuidMiddle: 3,
  uuidTail: 4,
  hostUuid: 5,
  boot: 6,
  coursePhase: 10,
  courseKind: 11,
  courseStart: 12,
  courseLength: 13,
  baseline: 15,
  age: 16,
  lifePhase: 17,
  lifeStart: 18,
  lifeEnd: 19,
  addressPhase: 20,
  addressChange: 21,
  configPhase: 22,
  configChange: 23,
  attribute: 24,
  cpu: 30,
  cpuBase: 31,
  burst: 32,
  memory: 33,
  memoryBase: 34,
} as const;
