import { isIPv4 } from 'node:net';
import { type Address, type AddressesValue, addressKey, addressScope, canonicalAddress } from '@vedette/model';
import { mostBlockBytes } from './blocks.ts';

/**
 * Names and addresses of one VM as bytes: the listed name, the name in the config register where it is another, the
 * addresses. A text is its length and its UTF-8; an address is one byte of marks, 4 or 16 bytes, and the NIC unless it
 * is that of the address before: MAC and interface. The link-local address that follows from its MAC (RFC 4291) is
 * its mark alone.
 *
 * D1. Only what comes back the same is written: a name in well-formed Unicode, an address in canonical form.
 */
export interface Details {
  readonly listedName: string;
  /** Undefined: the same as the listed one, or there is none. */
  readonly configName: string | undefined;
  readonly addresses: AddressesValue | undefined;
}

const addressMarks = { ipv6: 1, sameNic: 2, hasMac: 4, ofMac: 8 } as const;
const sourceShift = 4;
const scopeShift = 6;
const sources: readonly Address['source'][] = ['agent', 'lease', 'neighbour', 'provider'];
const scopes: readonly Address['scope'][] = ['public', 'private', 'link'];
const macForm = /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/;

/** Whether the address, as it stands, can be written (D1). A longer MAC than Ethernet's cannot. */
export function isWritableAddress({ address, family, scope, mac, interface: name, source }: Address): boolean {
  return (
    canonicalAddress(address) === address &&
    (family === 'ipv4') === isIPv4(address) &&
    scope === addressScope(address) &&
    (mac === '' || macForm.test(mac)) &&
    name.isWellFormed() &&
    sources.includes(source)
  );
}

const scratch = Buffer.alloc(mostBlockBytes);
let at = 0;
let full = false;

/** The bytes of the last {@link writeDetails}, until the next. */
export const detailsWritten: Uint8Array = scratch;

/** Writes into {@link detailsWritten}; returns how many bytes, 0 when there is nothing to say, -1 when it is too long. */
export function writeDetails({ listedName, configName, addresses }: Details): number {
  if (listedName === '' && configName === undefined && addresses === undefined) return 0;
  at = 0;
  full = false;
  writeText(listedName);
  if (configName !== undefined) writeText(configName);
  if (addresses !== undefined) writeAddresses(addresses);
  return full ? -1 : at;
}

/** Reads what was written, with the same parts, from `from` on. */
export function readDetails(
  bytes: Buffer,
  from: number,
  has: { readonly configName: boolean; readonly addresses: boolean },
): Details {
  at = from;
  const listedName = readText(bytes);
  const configName = has.configName ? readText(bytes) : undefined;
  return { listedName, configName, addresses: has.addresses ? readAddresses(bytes) : undefined };
}

/** Whether the first text of what was written is this one; told without making a string. */
export function isListedName(bytes: Buffer, from: number, name: string): boolean {
  const length = bytes[from] as number;
  if (length >= 0x80) {
    at = from;
    return readText(bytes) === name;
  }
  if (name.length > length) return false;
  for (let index = 0; index < name.length; index++) {
    const code = name.charCodeAt(index);
    if (code >= 0x80) {
      at = from;
      return readText(bytes) === name;
    }
    if (code !== bytes[from + 1 + index]) return false;
  }
  return name.length === length;
}

function writeAddresses(addresses: AddressesValue): void {
  writeLength(addresses.length);
  let before: Address | undefined;
  for (const address of addresses) {
    writeAddress(address, before);
    before = address;
  }
}

function writeAddress(address: Address, before: Address | undefined): void {
  const ipv6 = address.family === 'ipv6';
  const sameNic = before !== undefined && before.mac === address.mac && before.interface === address.interface;
  const ofMac = ipv6 && address.scope === 'link' && address.address === linkLocalOf(address.mac);
  writeByte(
    (ipv6 ? addressMarks.ipv6 : 0) |
      (sameNic ? addressMarks.sameNic : 0) |
      (address.mac === '' ? 0 : addressMarks.hasMac) |
      (ofMac ? addressMarks.ofMac : 0) |
      (sources.indexOf(address.source) << sourceShift) |
      (scopes.indexOf(address.scope) << scopeShift),
  );
  if (!sameNic) {
    if (address.mac !== '') writeHex(address.mac.replaceAll(':', ''));
    writeText(address.interface);
  }
  if (!ofMac) writeHex(addressKey(address.address).slice(1));
}

function readAddresses(bytes: Buffer): AddressesValue {
  const length = readLength(bytes);
  const addresses: Address[] = [];
  let before: Address | undefined;
  for (let index = 0; index < length; index++) {
    before = readAddress(bytes, before);
    addresses.push(before);
  }
  return addresses;
}

function readAddress(bytes: Buffer, before: Address | undefined): Address {
  const marks = bytes[at++] as number;
  const ipv6 = (marks & addressMarks.ipv6) !== 0;
  const sameNic = (marks & addressMarks.sameNic) !== 0;
  const mac = sameNic ? (before?.mac ?? '') : (marks & addressMarks.hasMac) === 0 ? '' : readMac(bytes);
  const name = sameNic ? (before?.interface ?? '') : readText(bytes);
  const ofMac = (marks & addressMarks.ofMac) !== 0;
  const address = ofMac ? (linkLocalOf(mac) as string) : ipv6 ? readIPv6(bytes) : readIPv4(bytes);
  return {
    address,
    family: ipv6 ? 'ipv6' : 'ipv4',
    scope: scopes[marks >>> scopeShift] as Address['scope'],
    mac,
    interface: name,
    source: sources[(marks >>> sourceShift) & 3] as Address['source'],
  };
}

/** The link-local address of an interface that makes its identifier of its MAC. */
function linkLocalOf(mac: string): string | undefined {
  if (mac === '') return undefined;
  const [a, b, c, d, e, f] = mac.split(':').map((byte) => Number.parseInt(byte, 16)) as NicBytes;
  groups.fill(0);
  groups[0] = 0xfe80;
  groups[4] = ((a ^ 2) << 8) | b;
  groups[5] = (c << 8) | 0xff;
  groups[6] = 0xfe00 | d;
  groups[7] = (e << 8) | f;
  return ipv6Text();
}

type NicBytes = [number, number, number, number, number, number];

const groups = new Uint16Array(8);

/** The canonical text of {@link groups} (RFC 5952): the longest run of at least two zeros is left out. */
function ipv6Text(): string {
  let from = 8;
  let longest = 1;
  for (let at = 0, run = 0; at < 8; at++) {
    run = groups[at] === 0 ? run + 1 : 0;
    if (run <= longest) continue;
    longest = run;
    from = at - run + 1;
  }
  let text = '';
  for (let at = 0; at < 8; at++) {
    if (at === from) {
      text += '::';
      at += longest - 1;
    } else text += `${text === '' || text.endsWith('::') ? '' : ':'}${(groups[at] as number).toString(16)}`;
  }
  return text;
}

function readIPv4(bytes: Buffer): string {
  const text = `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`;
  at += 4;
  return text;
}

function readIPv6(bytes: Buffer): string {
  for (let group = 0; group < 8; group++) groups[group] = bytes.readUInt16BE(at + 2 * group);
  at += 16;
  return ipv6Text();
}

function readMac(bytes: Buffer): string {
  const digits = bytes.toString('hex', at, at + 6);
  at += 6;
  return [0, 2, 4, 6, 8, 10].map((digit) => digits.slice(digit, digit + 2)).join(':');
}

function writeText(text: string): void {
  const length = Buffer.byteLength(text);
  writeLength(length);
  if (at + length > scratch.length) full = true;
  else at += scratch.write(text, at, length);
}

function readText(bytes: Buffer): string {
  const length = readLength(bytes);
  at += length;
  return bytes.toString('utf8', at - length, at);
}

/** 7 bits a byte, the lowest first. */
function writeLength(length: number): void {
  let rest = length;
  for (; rest >= 0x80; rest >>>= 7) writeByte((rest & 0x7f) | 0x80);
  writeByte(rest);
}

function readLength(bytes: Buffer): number {
  let length = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++] as number;
    length |= (byte & 0x7f) << shift;
    if (byte < 0x80) return length;
  }
}

function writeHex(digits: string): void {
  if (at + digits.length / 2 > scratch.length) full = true;
  else at += scratch.write(digits, at, 'hex');
}

function writeByte(byte: number): void {
  if (at === scratch.length) full = true;
  else scratch[at++] = byte;
}
