import { VedetteError } from '@vedette/runtime';
import './errors.ts';

/** The longest string libvirt sends or takes, in bytes (REMOTE_STRING_MAX). */
export const STRING_MAX_BYTES = 4 * 1024 * 1024;

const TWO_TO_32 = 2 ** 32;

/**
 * Writes XDR (RFC 4506): big-endian, everything padded to 4 bytes. Grows as needed; {@link bytes} is valid until the
 * next write.
 */
export class XdrEncoder {
  #buffer: Buffer;
  #length = 0;

  constructor(initialBytes = 256) {
    this.#buffer = Buffer.allocUnsafe(initialBytes);
  }

  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  /** @param value an integer of -2^31 to 2^31-1 */
  int(value: number): this {
    this.#length = this.#room(4).writeInt32BE(value, this.#length);
    return this;
  }

  /** @param value an integer of 0 to 2^32-1 */
  uint(value: number): this {
    this.#length = this.#room(4).writeUInt32BE(value, this.#length);
    return this;
  }

  bool(value: boolean): this {
    return this.int(value ? 1 : 0);
  }

  /** A signed 64-bit integer, exact. */
  hyper(value: bigint): this {
    this.#length = this.#room(8).writeBigInt64BE(value, this.#length);
    return this;
  }

  /** An unsigned 64-bit integer, exact. */
  unsignedHyper(value: bigint): this {
    this.#length = this.#room(8).writeBigUInt64BE(value, this.#length);
    return this;
  }

  double(value: number): this {
    this.#length = this.#room(8).writeDoubleBE(value, this.#length);
    return this;
  }

  string(value: string): this {
    const bytes = Buffer.byteLength(value);
    if (bytes > STRING_MAX_BYTES) throw refused(`a string of ${bytes} bytes is longer than ${STRING_MAX_BYTES}`);
    this.uint(bytes);
    const buffer = this.#room(padded(bytes));
    buffer.write(value, this.#length);
    buffer.fill(0, this.#length + bytes, this.#length + padded(bytes));
    this.#length += padded(bytes);
    return this;
  }

  /** Bytes of a length both sides know. */
  opaque(value: Uint8Array): this {
    const buffer = this.#room(padded(value.length));
    buffer.set(value, this.#length);
    buffer.fill(0, this.#length + value.length, this.#length + padded(value.length));
    this.#length += padded(value.length);
    return this;
  }

  optional<T>(value: T | undefined, encode: (encoder: this, value: T) => unknown): this {
    this.bool(value !== undefined);
    if (value !== undefined) encode(this, value);
    return this;
  }

  array<T>(values: readonly T[], encode: (encoder: this, value: T) => unknown): this {
    this.uint(values.length);
    for (const value of values) encode(this, value);
    return this;
  }

  #room(bytes: number): Buffer {
    const needed = this.#length + bytes;
    if (needed > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(needed, 2 * this.#buffer.length));
      this.#buffer.copy(larger, 0, 0, this.#length);
      this.#buffer = larger;
    }
    return this.#buffer;
  }
}

/**
 * Reads XDR. Every length is checked against what is left before anything is allocated for it, so no input makes it
 * allocate more than a constant times its own size.
 *
 * 64-bit integers come as numbers: exact up to 2^53, beyond that the nearest one that a number can hold (wrong by less
 * than one part in 2^53). They are counters of nanoseconds and bytes, whose differences matter; nothing is identified by
 * one. {@link hyperExact} and {@link unsignedHyperExact} are for where that would not do.
 *
 * @throws VedetteError VDT_LIBVIRT_PROTOCOL from every method, when the bytes end early or break a bound
 */
export class XdrDecoder {
  readonly #buffer: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#buffer = bytes;
  }

  get remaining(): number {
    return this.#buffer.length - this.#at;
  }

  int(): number {
    return this.#buffer.readInt32BE(this.#take(4));
  }

  uint(): number {
    return this.#buffer.readUInt32BE(this.#take(4));
  }

  bool(): boolean {
    const value = this.uint();
    if (value > 1) throw refused(`${value} where a boolean was expected`);
    return value === 1;
  }

  hyper(): number {
    const at = this.#take(8);
    return this.#buffer.readInt32BE(at) * TWO_TO_32 + this.#buffer.readUInt32BE(at + 4);
  }

  unsignedHyper(): number {
    const at = this.#take(8);
    return this.#buffer.readUInt32BE(at) * TWO_TO_32 + this.#buffer.readUInt32BE(at + 4);
  }

  hyperExact(): bigint {
    return this.#buffer.readBigInt64BE(this.#take(8));
  }

  unsignedHyperExact(): bigint {
    return this.#buffer.readBigUInt64BE(this.#take(8));
  }

  double(): number {
    return this.#buffer.readDoubleBE(this.#take(8));
  }

  /** Bytes that are not UTF-8 come out as U+FFFD. */
  string(maxBytes = STRING_MAX_BYTES): string {
    const bytes = this.uint();
    if (bytes > maxBytes) throw refused(`a string of ${bytes} bytes is longer than ${maxBytes}`);
    const at = this.#take(padded(bytes));
    return this.#buffer.toString('utf8', at, at + bytes);
  }

  /** A copy of `length` bytes. */
  opaque(length: number): Buffer {
    const at = this.#take(padded(length));
    return Buffer.from(this.#buffer.subarray(at, at + length));
  }

  optional<T>(decode: (decoder: this) => T): T | undefined {
    return this.bool() ? decode(this) : undefined;
  }

  /** @param elementBytes the fewest bytes one element takes: a count that cannot fit what is left is refused at once */
  array<T>(maxCount: number, elementBytes: number, decode: (decoder: this) => T): T[] {
    const count = this.uint();
    if (count > maxCount) throw refused(`${count} elements where at most ${maxCount} are allowed`);
    if (count * elementBytes > this.remaining) throw refused(`${count} elements do not fit ${this.remaining} bytes`);
    const values: T[] = [];
    for (let index = 0; index < count; index++) values.push(decode(this));
    return values;
  }

  /** Everything must have been read: what is left over was never meant for this reader. */
  end(): void {
    if (this.remaining > 0) throw refused(`${this.remaining} bytes are left over`);
  }

  #take(bytes: number): number {
    if (bytes > this.remaining) throw refused(`the message ends early: ${bytes} bytes wanted, ${this.remaining} left`);
    const at = this.#at;
    this.#at += bytes;
    return at;
  }
}

function padded(bytes: number): number {
  return 4 * Math.ceil(bytes / 4); // not by bits: they would overflow for the lengths a liar sends
}

function refused(message: string): VedetteError {
  return new VedetteError('VDT_LIBVIRT_PROTOCOL', { message });
}
