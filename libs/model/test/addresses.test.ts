import { isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type AddressReport,
  addressKey,
  addressScope,
  canonicalAddress,
  canonicalAddresses,
  cidrRange,
  firstUncanonical,
  inCidr,
  maxAddresses,
  parseCidr,
} from '../src/index.ts';

/** An IPv6 address written out in eight groups of four digits: the slow, obvious reading that others are held to. */
function expandedIPv6(text: string): string {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);
  const pair = (high: string, low: string): string => (Number(high) * 256 + Number(low)).toString(16);
  const plain =
    dotted === null
      ? text
      : `${dotted[1]}${pair(dotted[2] ?? '', dotted[3] ?? '')}:${pair(dotted[4] ?? '', dotted[5] ?? '')}`;
  const [head = '', tail] = plain.split('::');
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'));
  const [before, after] = [groups(head), groups(tail ?? '')];
  const zeros = tail === undefined ? [] : new Array<string>(8 - before.length - after.length).fill('0');
  return [...before, ...zeros, ...after].map((group) => group.toLowerCase().padStart(4, '0')).join(':');
}

const anyAddress = fc.oneof(fc.ipV4(), fc.ipV6());
const canonicalIPs = anyAddress.map((text) => canonicalAddress(text) ?? '');

const report = (address: string, over: Partial<AddressReport> = {}): AddressReport => ({
  address,
  mac: '',
  interface: '',
  source: 'agent',
  ...over,
});

describe('canonical address', () => {
  it('is the same address, in a form that stays the same', () => {
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        const canonical = canonicalAddress(text) ?? '';
        expect(isIP(canonical)).not.toBe(0);
        expect(canonicalAddress(canonical)).toBe(canonical);
        if (canonical.includes(':')) expect(expandedIPv6(canonical)).toBe(expandedIPv6(text));
      }),
      { numRuns: 1000 },
    );
  });

  it('is an address exactly where node:net says so', () => {
    const almost = fc.string({ unit: fc.constantFrom('1', '0', 'f', ':', '.', '::', '25'), maxLength: 12 });
    fc.assert(
      fc.property(almost, (text) => {
        expect(canonicalAddress(text) !== undefined).toBe(isIP(text) !== 0);
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
    ['::2:3:4:5:6:7:8', '0:2:3:4:5:6:7:8'],
    ['::', '::'],
    ['1::', '1::'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:c000:201', '192.0.2.1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['fe80::1%eth0/64', 'fe80::1'],
    ['10.0.0.1/8', '10.0.0.1'],
  ])('%s is %s', (text, canonical) => {
    expect(canonicalAddress(text)).toBe(canonical);
  });

  it.each([
    '',
    ' 10.0.0.1',
    '10.0.0',
    '010.0.0.1',
    '10.0.0.1/33',
    '10.0.0.1/',
    '10.0.0.1/08',
    '1.2.3.4%eth0',
    '::1/129',
    ':::',
    'x',
    '1'.repeat(200),
  ])('%j is none', (text) => {
    expect(canonicalAddress(text)).toBeUndefined();
    expect(() => addressKey(text)).toThrow(TypeError);
    expect(() => addressScope(text)).toThrow(TypeError);
  });
});

describe('address scope', () => {
  it.each([
    ['169.254.1.1', 'link'],
    ['169.253.255.255', 'public'],
    ['fe80::1', 'link'],
    ['febf::1', 'link'],
    ['fec0::1', 'public'],
    ['10.0.0.1', 'private'],
    ['11.0.0.1', 'public'],
    ['172.15.255.255', 'public'],
    ['172.16.0.1', 'private'],
    ['172.31.255.255', 'private'],
    ['172.32.0.0', 'public'],
    ['192.168.122.5', 'private'],
    ['192.169.0.1', 'public'],
    ['100.63.255.255', 'public'],
    ['100.64.0.1', 'private'],
    ['100.127.255.255', 'private'],
    ['100.128.0.0', 'public'],
    ['fc00::1', 'private'],
    ['fdff::1', 'private'],
    ['2001:db8::1', 'public'],
    ['203.0.113.9', 'public'],
  ])('S2: %s is %s', (text, scope) => {
    expect(addressScope(text)).toBe(scope);
  });
});

describe('addresses of a VM', () => {
  it.each([
    '127.0.0.1',
    '127.255.255.254',
    '::1',
    '::ffff:127.0.0.1',
    '0.0.0.0',
    '0.1.2.3',
    '::',
    '224.0.0.1',
    '239.255.255.255',
    'ff02::1',
    '255.255.255.255',
    'nonsense',
    '',
  ])('S2: %s is never reported', (text) => {
    expect(canonicalAddresses([report(text)])).toEqual([]);
  });

  it('S2: IPv4 before IPv6, numerically, each with family, scope, MAC and interface', () => {
    const mac = '52-54-00-AB-CD-EF';
    const reports = ['fe80::1%eth0', '2001:db8::1/64', '192.168.122.10', '192.168.122.9', '8.8.8.8'];
    expect(canonicalAddresses(reports.map((text) => report(text, { mac, interface: 'eth0' })))).toEqual(
      [
        ['8.8.8.8', 'ipv4', 'public'],
        ['192.168.122.9', 'ipv4', 'private'],
        ['192.168.122.10', 'ipv4', 'private'],
        ['2001:db8::1', 'ipv6', 'public'],
        ['fe80::1', 'ipv6', 'link'],
      ].map(([address, family, scope]) => ({
        address,
        family,
        scope,
        mac: '52:54:00:ab:cd:ef',
        interface: 'eth0',
        source: 'agent',
      })),
    );
  });

  it('S2: the same address on several NICs stays on each; the same NIC and address are told once, by the nearest source', () => {
    const [one, two] = ['52:54:00:00:00:01', '52:54:00:00:00:02'];
    const found = canonicalAddresses([
      report('10.0.0.1', { mac: two, source: 'neighbour' }),
      report('10.0.0.1', { mac: one, source: 'provider' }),
      report('10.0.0.1', { mac: one.toUpperCase(), source: 'lease' }),
      report('::ffff:10.0.0.1', { mac: one, source: 'neighbour' }),
    ]);
    expect(found.map(({ mac, source }) => [mac, source])).toEqual([
      [one, 'lease'],
      [two, 'neighbour'],
    ]);
  });

  it('never shows the order of reports, keeps its own promises, and does not change on a second pass', () => {
    const anyReport = fc.record({
      address: fc.oneof(anyAddress, fc.constantFrom('10.0.0.1', '::ffff:10.0.0.1', 'fe80::1%a', '127.0.0.1', 'x')),
      mac: fc.constantFrom('', '52:54:00:00:00:01', '52-54-00-00-00-01', 'no mac'),
      interface: fc.constantFrom('', 'eth0', 'eth1', '\ud800', 'e'.repeat(300)),
      source: fc.constantFrom('agent' as const, 'lease' as const, 'neighbour' as const, 'provider' as const),
    });
    const lists = fc
      .array(anyReport, { maxLength: 12 })
      .chain((list) => fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })));
    fc.assert(
      fc.property(lists, ([list, shuffled]) => {
        const found = canonicalAddresses(list);
        expect(canonicalAddresses(shuffled)).toEqual(found);
        expect(canonicalAddresses(found)).toEqual(found);
        expect(firstUncanonical(found)).toBe(-1);
        for (const { interface: name } of found) expect(name.isWellFormed() && name.length <= 255).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it('are bounded, whatever a guest reports', () => {
    const many = Array.from({ length: maxAddresses + 10 }, (_, at) => report(`10.1.${at >> 8}.${at & 0xff}`));
    expect(canonicalAddresses(many)).toHaveLength(maxAddresses);
  });

  const good = canonicalAddresses(['10.0.0.1', '10.0.0.2', '2001:db8::1'].map((text) => report(text)));
  it.each([
    ['is no address', { address: 'x' }],
    ['is not in canonical form', { address: '2001:DB8::2', family: 'ipv6', scope: 'public' }],
    ['is IPv4 in disguise', { address: '::ffff:10.0.0.2' }],
    ['is a loopback address', { address: '127.0.0.1', scope: 'public' }],
    ['has another family', { family: 'ipv6' }],
    ['has another scope', { scope: 'public' }],
    ['has a MAC that is none', { mac: 'AA:BB:CC:DD:EE:FF' }],
    ['is out of order', { address: '9.0.0.1', scope: 'public' }],
    ['is there twice', { address: '10.0.0.1' }],
  ] as const)('a list whose second address %s is not canonical', (_, over) => {
    expect(firstUncanonical(good.map((address, at) => (at === 1 ? { ...address, ...over } : address)))).toBe(1);
  });
});

describe('address keys and networks', () => {
  it('keys sort as addresses do, IPv4 first, and tell all addresses apart', () => {
    const numeric = (text: string): bigint =>
      text.includes(':')
        ? (1n << 128n) + BigInt(`0x${expandedIPv6(text).replaceAll(':', '')}`)
        : text.split('.').reduce((sum, part) => sum * 256n + BigInt(part), 0n);
    fc.assert(
      fc.property(canonicalIPs, canonicalIPs, (a, b) => {
        const [left, right] = [addressKey(a), addressKey(b)];
        expect(left < right).toBe(numeric(a) < numeric(b));
        expect(left === right).toBe(a === b);
        expect(left).toMatch(/^(4[0-9a-f]{8}|6[0-9a-f]{32})$/);
      }),
      { numRuns: 500 },
    );
  });

  it('an address lies in a network when their first bits agree', () => {
    const bitsOf = (text: string): string =>
      Array.from(addressKey(text).slice(1), (digit) => Number.parseInt(digit, 16).toString(2).padStart(4, '0')).join(
        '',
      );
    const near = fc.tuple(canonicalIPs, canonicalIPs, fc.nat(128), fc.boolean());
    fc.assert(
      fc.property(near, ([network, other, length, self]) => {
        const wide = network.includes(':');
        const bits = wide ? length : length % 33;
        const cidr = parseCidr(`${network}/${bits}`);
        if (cidr === undefined) throw new Error(`${network}/${bits} is a network`);
        const address = self ? network : other;
        const inside =
          wide === address.includes(':') && bitsOf(network).slice(0, bits) === bitsOf(address).slice(0, bits);
        expect(inCidr(cidr, address)).toBe(inside);
        const key = addressKey(address);
        expect(key.length === cidr.from.length && cidr.from <= key && key <= cidr.to).toBe(inside);
        expect(bitsOf(cidr.network)).toBe(
          bitsOf(network)
            .slice(0, bits)
            .padEnd(wide ? 128 : 32, '0'),
        );
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ['10.1.2.3', '40a010203', '40a010203'],
    ['10.1.2.3/8', '40a000000', '40affffff'],
    ['0.0.0.0/0', '400000000', '4ffffffff'],
    ['::/0', `6${'0'.repeat(32)}`, `6${'f'.repeat(32)}`],
    ['fe80::/10', `6fe80${'0'.repeat(28)}`, `6febf${'f'.repeat(28)}`],
    ['::ffff:10.0.0.0/104', '40a000000', '40affffff'],
  ])('%s runs from %s to %s', (text, from, to) => {
    expect(cidrRange(text)).toEqual({ from, to });
  });

  it('an IPv4-mapped network wider than IPv4 is an IPv6 network', () => {
    expect(parseCidr('::ffff:10.0.0.0/90')).toMatchObject({ family: 'ipv6', prefixLength: 90, network: '::ffc0:0:0' });
  });

  it.each([
    '',
    '/',
    '/8',
    '10.0.0.0/',
    '10.0.0.0/33',
    '10.0.0.0/8/8',
    '10.0.0.0/-1',
    '10.0.0.0/08',
    '::/129',
    'fe80::1%eth0/64',
    '10.0.0/8',
  ])('%j is no network', (text) => {
    expect(parseCidr(text)).toBeUndefined();
    expect(cidrRange(text)).toBeUndefined();
  });

  it('what is no address lies in no network', () => {
    const cidr = parseCidr('0.0.0.0/0');
    expect(cidr !== undefined && inCidr(cidr, 'x')).toBe(false);
  });
});
