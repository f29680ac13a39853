import { hash } from 'node:crypto';

/**
 * Content hashes and set checksums: what two sides compare to know that they hold the same without sending it.
 * Neither is a defence against whoever can choose the content.
 *
 * H1. Equal content gives an equal result in every process, on every machine, after every restart.
 * H2. A checksum depends on the members of the set only, never on the order in which they came and went.
 */

/** Deepest nesting that {@link canonicalJson} follows; a cycle is found by running into it. */
export const maxCanonicalDepth = 256;

/**
 * The one JSON text of a value: members sorted by UTF-16 code units, no spaces, numbers and strings as JSON.stringify
 * writes them (the form of RFC 8785). Members whose value is undefined are left out, as if they were not there.
 *
 * @throws TypeError for what JSON cannot say (undefined, a non-finite number, a bigint, a function, a symbol, an
 *   object that is neither plain nor an array) and for what is nested deeper than {@link maxCanonicalDepth} or refers
 *   to itself; the message names the place as a JSON pointer. A fault of the caller, never worth a retry.
 */
export function canonicalJson(value: unknown): string {
  path.length = 0;
  return write(value);
}

/** 64 bits of a value's canonical JSON, as 16 lower-case hex digits. @throws TypeError as {@link canonicalJson} */
export function contentHash(value: unknown): string {
  return hash('sha1', canonicalJson(value), 'hex').slice(0, 16);
}

/** The keys from the root to where {@link write} is: its depth, and the place of a fault. */
const path: Array<string | number> = [];

function write(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return quote(value);
    case 'number':
      if (Number.isFinite(value)) return String(value);
      throw refused(`${value}, which is not finite,`);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'object':
      return value === null ? 'null' : writeNested(value);
    default:
      throw refused(`a value of type ${typeof value}`);
  }
}

function quote(text: string): string {
  return /^[ !#-[\]-~]*$/.test(text) ? `"${text}"` : JSON.stringify(text);
}

function writeNested(value: object): string {
  if (path.length === maxCanonicalDepth) throw refused('what is nested too deep, or within itself,');
  if (Array.isArray(value)) return writeItems(value);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) throw refused('an object that is not plain');
  return writeMembers(value as Readonly<Record<string, unknown>>);
}

function writeItems(items: readonly unknown[]): string {
  let text = '';
  for (let at = 0; at < items.length; at++) {
    path.push(at);
    text += at === 0 ? write(items[at]) : `,${write(items[at])}`;
    path.pop();
  }
  return `[${text}]`;
}

function writeMembers(value: Readonly<Record<string, unknown>>): string {
  let text = '';
  for (const key of Object.keys(value).sort()) {
    const member = value[key];
    if (member === undefined) continue;
    path.push(key);
    text += `${text === '' ? '' : ','}${quote(key)}:${write(member)}`;
    path.pop();
  }
  return `{${text}}`;
}

function refused(what: string): TypeError {
  const pointer = path.slice(0, 16).map((key) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`);
  return new TypeError(
    `canonical JSON refuses ${what} at ${path.length === 0 ? 'the root' : pointer.join('').slice(0, 256)}`,
  );
}

/**
 * An order-free 64-bit checksum of a set of (id, stamp) pairs, kept up to date member by member: the rows of a host
 * with their revs, or the registers of an observer with their hashes. Members are counted: one added twice must be
 * removed twice. Two sets that differ agree by chance once in 2^64.
 *
 * The sum of the members' hashes in two lanes of 32 bits, each modulo 2^32. A member's hash runs over the UTF-8 bytes
 * of the id, the byte 0xff, and the bytes of the stamp (a number as its decimal text); see {@link memberHash}.
 */
export class SetChecksum {
  #high = 0;
  #low = 0;

  add(id: string, stamp: string | number): void {
    memberHash(id, stamp);
    this.#high = (this.#high + memberHigh) | 0;
    this.#low = (this.#low + memberLow) | 0;
  }

  remove(id: string, stamp: string | number): void {
    memberHash(id, stamp);
    this.#high = (this.#high - memberHigh) | 0;
    this.#low = (this.#low - memberLow) | 0;
  }

  /** Forgets every member. */
  clear(): void {
    this.#high = 0;
    this.#low = 0;
  }

  equals(other: SetChecksum): boolean {
    return this.#high === other.#high && this.#low === other.#low;
  }

  /** 16 lower-case hex digits; those of the empty set are zeros. What travels in replies and digests. */
  toString(): string {
    return hex(this.#high) + hex(this.#low);
  }
}

function hex(lane: number): string {
  return (lane >>> 0).toString(16).padStart(8, '0');
}

/** The result of the last {@link memberHash}: two numbers handed over without an allocation. */
let memberHigh = 0;
let memberLow = 0;

/** No byte of UTF-8: no id and stamp can be mistaken for another id and stamp of the same letters. */
const separator = 0xff;

/**
 * Two multiplicative hashes with unrelated multipliers, each finished by MurmurHash3's finaliser over both, so that
 * members that differ in their last digit only (the usual case) are far apart and their differences do not cancel.
 */
function memberHash(id: string, stamp: string | number): void {
  memberHigh = 0x9e3779b9;
  memberLow = 0x7f4a7c15;
  mixText(id);
  mixByte(separator);
  mixText(typeof stamp === 'number' ? String(stamp) : stamp);
  const high = memberHigh;
  memberHigh = finish(high ^ Math.imul(memberLow, 0x85ebca6b));
  memberLow = finish(memberLow ^ Math.imul(high, 0xc2b2ae35));
}

function mixText(text: string): void {
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit > 0x7f) {
      for (const byte of Buffer.from(text.slice(at), 'utf8')) mixByte(byte);
      return;
    }
    mixByte(unit);
  }
}

function mixByte(byte: number): void {
  memberHigh = Math.imul(memberHigh ^ byte, 0x9e3779b1);
  memberLow = Math.imul(memberLow ^ byte, 0x5f356495);
}

function finish(lane: number): number {
  let mixed = Math.imul(lane ^ (lane >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
