import { isIPv4, isIPv6 } from 'node:net';
import type { Address, AddressesValue } from './registers.ts';

/**
 * Addresses in one form, so that the same address is the same text wherever it comes from (scenario S2).
 *
 * A1. Canonical text: IPv4 dotted; IPv6 as RFC 5952 (lower case, longest run of zeros shortened); an IPv4-mapped IPv6
 *     address is that IPv4 address; no zone index, no prefix length.
 * A2. What cannot reach a guest (loopback, unspecified, multicast, broadcast) is no address of it and is left out.
 * A3. One order everywhere: IPv4 before IPv6, numerically, then by MAC; the order of {@link addressKey}.
 */

/** One address as a source reports it. */
export type AddressReport = Pick<Address, 'address' | 'mac' | 'interface' | 'source'>;

/** Most addresses that are kept of one VM: what a guest reports has to be bounded somewhere. */
export const maxAddresses = 4096;

/** The lower, the more it is believed: the agent inside knows, a provider has been told. */
const sourceRank = { agent: 0, lease: 1, neighbour: 2, provider: 3 } as const satisfies Record<
  Address['source'],
  number
>;

/**
 * The register's value from what sources report, in any order: checked, in canonical form, sorted, no address twice
 * with the same MAC (the source nearest to the guest wins), at most {@link maxAddresses}. What is no address of a
 * guest is left out; a MAC that is none becomes empty. Never throws.
 */
export function canonicalAddresses(reports: readonly AddressReport[]): AddressesValue {
  const kept = new Map<string, Address>();
  for (const report of reports) {
    const parsed = parseAddress(report.address);
    if (parsed === undefined || !reachesGuest(parsed)) continue;
    const mac = canonicalMac(report.mac);
    const key = `${keyOf(parsed)} ${mac}`;
    const held = kept.get(key);
    if (held === undefined || believedMore(report, held)) kept.set(key, toAddress(parsed, mac, report));
  }
  const sorted = [...kept].sort(([a], [b]) => (a < b ? -1 : 1));
  return sorted.slice(0, maxAddresses).map(([, address]) => address);
}

/** Among equal sources the smaller interface name, so that the order of reports does not show. */
function believedMore(report: AddressReport, held: Address): boolean {
  const ranks = sourceRank[report.source] - sourceRank[held.source];
  return ranks < 0 || (ranks === 0 && canonicalInterface(report.interface) < held.interface);
}

function toAddress(parsed: ParsedAddress, mac: string, report: AddressReport): Address {
  return {
    address: textOf(parsed),
    family: familyOf(parsed),
    scope: scopeOf(parsed),
    mac,
    interface: canonicalInterface(report.interface),
    source: report.source,
  };
}

function canonicalInterface(name: string): string {
  return name.slice(0, 255).toWellFormed();
}

const canonicalMacForm = /^(?:[0-9a-f]{2}(?::[0-9a-f]{2}){5,19})?$/;

/** Lower case with colons; empty for what is no hardware address (6 bytes of Ethernet, at most 20 of InfiniBand). */
function canonicalMac(text: string): string {
  const mac = text.toLowerCase().replaceAll('-', ':');
  return canonicalMacForm.test(mac) ? mac : '';
}

/**
 * Where a list breaks what {@link canonicalAddresses} promises: the index of the first address that is not canonical,
 * has another family or scope than it says, or stands out of order or twice; -1 where all is well.
 */
export function firstUncanonical(addresses: AddressesValue): number {
  let before = '';
  for (const [index, { address, family, scope, mac }] of addresses.entries()) {
    const parsed = parseAddress(address);
    if (parsed === undefined || !reachesGuest(parsed) || textOf(parsed) !== address) return index;
    if (family !== familyOf(parsed) || scope !== scopeOf(parsed) || !canonicalMacForm.test(mac)) return index;
    const place = `${keyOf(parsed)} ${mac}`;
    if (place <= before) return index;
    before = place;
  }
  return -1;
}

/** The canonical text of an address (A1), with any zone index or prefix length taken off; undefined for no address. */
export function canonicalAddress(text: string): string | undefined {
  const parsed = parseAddress(text);
  return parsed === undefined ? undefined : textOf(parsed);
}

/**
 * How far an address reaches: `link` (169.254/16, fe80::/10), `private` (RFC 1918, 100.64/10, fc00::/7), else
 * `public`. @throws TypeError for what is no address
 */
export function addressScope(address: string): Address['scope'] {
  return scopeOf(mustParse(address));
}

/**
 * Sorts as text in the order of A3: `4` and 8 hex digits, or `6` and 32. What an index of addresses is keyed by.
 * @throws TypeError for what is no address
 */
export function addressKey(address: string): string {
  return keyOf(mustParse(address));
}

/** A network; `from` and `to` are the {@link addressKey}s of its first and last address. */
export interface Cidr {
  readonly family: Address['family'];
  /** The first address, canonical. */
  readonly network: string;
  readonly prefixLength: number;
  readonly from: string;
  readonly to: string;
}

/**
 * A network in CIDR form; a bare address is the network of itself alone; host bits are ignored. An IPv4-mapped IPv6
 * network of at least 96 bits is the IPv4 network. Undefined for anything else.
 */
export function parseCidr(text: string): Cidr | undefined {
  const slash = text.indexOf('/');
  const bare = slash < 0 ? text : text.slice(0, slash);
  const wide = isIPv6(bare) && !bare.includes('%');
  if (!wide && !isIPv4(bare)) return undefined;
  const address = wide ? unmapped(groupsOfIPv6(bare)) : groupsOfIPv4(bare);
  const written = wide ? 128 : 32;
  const asked = slash < 0 ? written : prefixLengthOf(text.slice(slash + 1), written);
  if (asked === undefined) return undefined;
  const mapped = wide && address.length === 2;
  if (mapped && asked < 96) return networkOf([0, 0, 0, 0, 0, 0xffff, ...address], asked);
  return networkOf(address, mapped ? asked - 96 : asked);
}

/** Whether an address lies in a network. False for what is no address. */
export function inCidr(cidr: Cidr, address: string): boolean {
  const parsed = parseAddress(address);
  if (parsed === undefined) return false;
  const key = keyOf(parsed);
  return key.length === cidr.from.length && cidr.from <= key && key <= cidr.to;
}

/** The {@link addressKey}s of the first and last address of a network, both included; undefined for no network. */
export function cidrRange(text: string): { readonly from: string; readonly to: string } | undefined {
  const cidr = parseCidr(text);
  return cidr === undefined ? undefined : { from: cidr.from, to: cidr.to };
}

/** Groups of 16 bits: two for IPv4, eight for IPv6. */
type ParsedAddress = readonly number[];

function parseAddress(text: string): ParsedAddress | undefined {
  if (isIPv4(text)) return groupsOfIPv4(text);
  if (text.length > 128) return undefined;
  const slash = text.indexOf('/');
  const zoned = slash < 0 ? text : text.slice(0, slash);
  const wide = isIPv6(zoned);
  if (!wide && !isIPv4(zoned)) return undefined;
  if (slash >= 0 && prefixLengthOf(text.slice(slash + 1), wide ? 128 : 32) === undefined) return undefined;
  if (!wide) return groupsOfIPv4(zoned);
  const zone = zoned.indexOf('%');
  return unmapped(groupsOfIPv6(zone < 0 ? zoned : zoned.slice(0, zone)));
}

function familyOf(groups: ParsedAddress): Address['family'] {
  return groups.length === 2 ? 'ipv4' : 'ipv6';
}

function mustParse(address: string): ParsedAddress {
  const parsed = parseAddress(address);
  if (parsed === undefined) throw new TypeError(`not an IP address: ${JSON.stringify(address.slice(0, 64))}`);
  return parsed;
}

function prefixLengthOf(text: string, most: number): number | undefined {
  return /^(0|[1-9][0-9]{0,2})$/.test(text) && Number(text) <= most ? Number(text) : undefined;
}

/** Of a text that `isIPv4` accepts. */
function groupsOfIPv4(text: string): ParsedAddress {
  let bits = 0;
  let byte = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x2e /* . */) {
      bits = (bits << 8) | byte;
      byte = 0;
    } else byte = byte * 10 + code - 0x30;
  }
  bits = (bits << 8) | byte;
  return [bits >>> 16, bits & 0xffff];
}

/** Of a text that `isIPv6` accepts, without a zone index. */
function groupsOfIPv6(text: string): ParsedAddress {
  const groups: number[] = [];
  let gap = -1;
  let start = 0;
  for (let at = 0; at <= text.length; at++) {
    if (at < text.length && text.charCodeAt(at) !== 0x3a /* : */) continue;
    const last = at === text.length;
    if (last && text.includes('.', start)) groups.push(...groupsOfIPv4(text.slice(start)));
    else if (at > start) groups.push(hexOf(text, start, at));
    else if (at > 0 && !last) gap = groups.length;
    start = at + 1;
  }
  return gap < 0 ? groups : filled(groups, gap);
}

function hexOf(text: string, from: number, to: number): number {
  let value = 0;
  for (let at = from; at < to; at++) {
    const code = text.charCodeAt(at);
    value = (value << 4) | (code <= 0x39 ? code - 0x30 : (code | 0x20) - 0x57);
  }
  return value;
}

/** Puts the zeros that `::` stands for where it stood. */
function filled(groups: readonly number[], gap: number): ParsedAddress {
  const all = [0, 0, 0, 0, 0, 0, 0, 0];
  const shift = 8 - groups.length;
  for (let at = 0; at < groups.length; at++) all[at < gap ? at : at + shift] = groups[at] ?? 0;
  return all;
}

function unmapped(groups: ParsedAddress): ParsedAddress {
  const zeros = groups[0] === 0 && groups[1] === 0 && groups[2] === 0 && groups[3] === 0 && groups[4] === 0;
  return zeros && groups[5] === 0xffff ? groups.slice(6) : groups;
}

function textOf(groups: ParsedAddress): string {
  const [first = 0, second = 0] = groups;
  if (groups.length === 2) return `${first >> 8}.${first & 0xff}.${second >> 8}.${second & 0xff}`;
  const { from, to } = longestZeros(groups);
  let text = '';
  for (let at = 0; at < 8; at++) {
    if (at === from) text += '::';
    if (at >= from && at < to) continue;
    if (at > 0 && at !== to) text += ':';
    text += (groups[at] ?? 0).toString(16);
  }
  return text;
}

/** The first of the longest runs of at least two zeros, as RFC 5952 wants; behind the end where there is none. */
function longestZeros(groups: ParsedAddress): { readonly from: number; readonly to: number } {
  let from = 8;
  let to = 8;
  let start = 0;
  for (let at = 0; at < 8; at++) {
    if (groups[at] !== 0) start = at + 1;
    else if (at + 1 - start > Math.max(1, to - from)) {
      from = start;
      to = at + 1;
    }
  }
  return { from, to };
}

function keyOf(groups: ParsedAddress): string {
  let key = groups.length === 2 ? '4' : '6';
  for (let at = 0; at < groups.length; at++) key += (0x10000 + (groups[at] ?? 0)).toString(16).slice(1);
  return key;
}

function networkOf(groups: ParsedAddress, prefixLength: number): Cidr {
  const masks = groups.map((_, index) => 0xffff & ~(0xffff >> Math.min(16, Math.max(0, prefixLength - 16 * index))));
  const first = groups.map((group, index) => group & (masks[index] ?? 0));
  const last = groups.map((group, index) => group | (0xffff & ~(masks[index] ?? 0)));
  return {
    family: familyOf(groups),
    network: textOf(first),
    prefixLength,
    from: keyOf(first),
    to: keyOf(last),
  };
}

function scopeOf(groups: ParsedAddress): Address['scope'] {
  const [first = 0] = groups;
  if (groups.length === 2) {
    if (first === 0xa9fe) return 'link';
    const isPrivate =
      first >> 8 === 10 || (first & 0xfff0) === 0xac10 || first === 0xc0a8 || (first & 0xffc0) === 0x6440;
    return isPrivate ? 'private' : 'public';
  }
  if ((first & 0xffc0) === 0xfe80) return 'link';
  return (first & 0xfe00) === 0xfc00 ? 'private' : 'public';
}

/** A2 */
function reachesGuest(groups: ParsedAddress): boolean {
  const [first = 0, second = 0] = groups;
  if (groups.length === 2) {
    const network = first >> 8;
    const multicast = network >= 224 && network < 240;
    return network !== 0 && network !== 127 && !multicast && (first !== 0xffff || second !== 0xffff);
  }
  const tinyNumber = groups.slice(0, 7).every((group) => group === 0) && (groups[7] ?? 0) <= 1;
  return first >> 8 !== 0xff && !tinyNumber;
}
