import { readFileSync } from 'node:fs';
import type { GuestInterface } from '@vedette/libvirt';
import { type AddressReport, firstUncanonical } from '@vedette/model';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { agentReport, interfaceReports, mergeGuestDetails } from '../../src/drivers/libvirt/guest-details.ts';

/** Of a real guest. */
const recorded = JSON.parse(readFileSync(new URL('./fixtures/libvirt-9.0.0.json', import.meta.url), 'utf8')) as {
  readonly agent: readonly GuestInterface[];
  readonly leases: readonly GuestInterface[];
  readonly guestInfo: Readonly<Record<string, string>>;
};
const guestInfo = new Map(Object.entries(recorded.guestInfo));
const mac = '52:54:00:2a:2a:d4';

function nic(name: string, ...addresses: readonly string[]): GuestInterface {
  return {
    name,
    mac,
    addresses: addresses.map((address) => ({
      family: address.includes(':') ? 'ipv6' : 'ipv4',
      address,
      prefixLength: 24,
    })),
  };
}

function neighbours(...addresses: readonly string[]): readonly AddressReport[] {
  return addresses.map((address) => ({ address, mac, interface: '', source: 'neighbour' }));
}

const agentSaid = (...addresses: readonly string[]) => agentReport([nic('eth0', ...addresses)], new Map());

describe('E1: the agent', () => {
  it('S2: tells addresses with their scope, the OS, the name and the kernel; never loopback', () => {
    expect(mergeGuestDetails({ agent: agentReport(recorded.agent, guestInfo) })).toEqual({
      addresses: [
        { address: '192.168.122.8', family: 'ipv4', scope: 'private', mac, interface: 'eth0', source: 'agent' },
      ],
      os: 'Debian GNU/Linux 12 (bookworm)',
      hostname: 'full',
      apps: ['kernel-6.1.0-56-cloud-amd64'],
    });
  });

  it('S2: the scopes of what a guest with several NICs says', () => {
    const interfaces = [
      { ...nic('lo', '127.0.0.1', '::1'), mac: '00:00:00:00:00:00' },
      nic('eth0', '192.168.122.8', 'fe80::5054:ff:fe2a:2ad4%eth0', '2001:db8::8', 'fd00::8'),
      { ...nic('eth1', '203.0.113.9', '169.254.7.7'), mac: '52:54:00:00:00:02' },
    ];
    const { addresses = [] } = mergeGuestDetails({ agent: agentReport(interfaces, new Map()) }) ?? {};
    expect(addresses.map((one) => `${one.address} ${one.scope} ${one.interface}`)).toEqual([
      '169.254.7.7 link eth1',
      '192.168.122.8 private eth0',
      '203.0.113.9 public eth1',
      '2001:db8::8 public eth0',
      'fd00::8 private eth0',
      'fe80::5054:ff:fe2a:2ad4 link eth0',
    ]);
  });

  it('is the whole truth: a lease and a neighbour that it does not name are not there', () => {
    const merged = mergeGuestDetails({
      agent: agentSaid('192.168.122.9'),
      leases: [nic('vnet0', '192.168.122.8')],
      neighbours: neighbours('192.168.122.7'),
    });
    expect(merged?.addresses).toMatchObject([{ address: '192.168.122.9', source: 'agent' }]);
  });

  it('wins over the same address from a lease', () => {
    const merged = mergeGuestDetails({ agent: agentReport(recorded.agent, guestInfo), leases: recorded.leases });
    expect(merged?.addresses).toMatchObject([{ address: '192.168.122.8', source: 'agent', interface: 'eth0' }]);
  });

  it('that says there is no address is believed', () => {
    const merged = mergeGuestDetails({ agent: agentReport([], new Map()), leases: recorded.leases });
    expect(merged?.addresses).toEqual([]);
  });
});

describe('E2: without addresses from the agent', () => {
  it('they come from the leases; the host’s end of the cable is not told', () => {
    expect(mergeGuestDetails({ leases: recorded.leases })).toEqual({
      addresses: [{ address: '192.168.122.8', family: 'ipv4', scope: 'private', mac, interface: '', source: 'lease' }],
      os: '',
      hostname: '',
      apps: [],
    });
  });

  it('neighbours add what the leases do not know; of both, the lease is named', () => {
    const merged = mergeGuestDetails({
      leases: [nic('vnet0', '192.168.122.8')],
      neighbours: neighbours('192.168.122.8', 'fe80::5054:ff:fe2a:2ad4'),
    });
    expect(merged?.addresses.map(({ address, source }) => `${address} ${source}`)).toEqual([
      '192.168.122.8 lease',
      'fe80::5054:ff:fe2a:2ad4 neighbour',
    ]);
  });

  it('a lease without a MAC gives way to the neighbour entry of the same address that has one', () => {
    const merged = mergeGuestDetails({
      leases: [{ ...nic('vnet0', 'FD00:0::8'), mac: undefined }],
      neighbours: neighbours('fd00::8'),
    });
    expect(merged?.addresses).toMatchObject([{ address: 'fd00::8', mac, source: 'neighbour' }]);
  });

  it('what the agent said of the guest stands, though it was not had for addresses', () => {
    const merged = mergeGuestDetails({ agent: agentReport(undefined, guestInfo), leases: recorded.leases });
    expect(merged).toMatchObject({ hostname: 'full', addresses: [{ source: 'lease' }] });
  });
});

it('E3: where nobody has told anything nothing is known; somebody who tells of nothing is another matter', () => {
  expect(mergeGuestDetails({})).toBeUndefined();
  expect(mergeGuestDetails({ agent: undefined, leases: undefined, neighbours: undefined })).toBeUndefined();
  expect(mergeGuestDetails({ neighbours: [] })).toMatchObject({ addresses: [] });
});

describe('E4: order', () => {
  const texts = fc.constantFrom('10.0.0.1', '10.0.0.2', 'fe80::1', 'fe80:0:0::1', '2001:DB8::1', '127.0.0.1', 'x');
  const nics = fc.array(
    fc.record({
      name: fc.constantFrom('eth0', 'eth1', 'vnet0'),
      mac: fc.constantFrom(mac, mac.toUpperCase(), '52:54:00:00:00:02', undefined),
      addresses: fc.array(
        texts.map((address) => ({ family: 'ipv4' as const, address, prefixLength: 24 })),
        { maxLength: 4 },
      ),
    }),
    { maxLength: 4 },
  );
  const shuffle = <T>(items: readonly T[], seed: number): readonly T[] =>
    items
      .map((item, at) => ({ item, key: Math.imul(at + 1, seed | 1) >>> 0 }))
      .sort((a, b) => a.key - b.key)
      .map(({ item }) => item);

  it('of what a source reports does not show, and the result is canonical', () => {
    fc.assert(
      fc.property(fc.option(nics), nics, nics, fc.integer(), (agent, leases, arp, seed) => {
        const merged = (order: <T>(items: readonly T[]) => readonly T[]) =>
          mergeGuestDetails({
            agent: agent === null ? undefined : agentReport(order(agent), guestInfo),
            leases: order(leases),
            neighbours: order(interfaceReports(arp, 'neighbour')),
          });
        const straight = merged((items) => items);
        expect(merged((items) => shuffle(items, seed))).toEqual(straight);
        expect(firstUncanonical(straight?.addresses ?? [])).toBe(-1);
        expect(straight?.addresses.some(({ address }) => address.startsWith('127.'))).toBe(false);
        const sources = new Set(straight?.addresses.map(({ source }) => source));
        expect(agent !== null && (sources.has('lease') || sources.has('neighbour'))).toBe(false);
      }),
    );
  });

  it('an address that several sources report stands once, whichever they are', () => {
    fc.assert(
      fc.property(nics, nics, (leases, arp) => {
        const { addresses = [] } = mergeGuestDetails({ leases, neighbours: interfaceReports(arp, 'neighbour') }) ?? {};
        const places = addresses.map((one) => `${one.address} ${one.mac}`);
        expect(new Set(places).size).toBe(places.length);
        const bare = addresses.filter((one) => one.mac === '').map(({ address }) => address);
        for (const address of bare) expect(addresses.filter((one) => one.address === address)).toHaveLength(1);
      }),
    );
  });
});

describe('what a guest says of itself', () => {
  it.each([
    [{ 'os.pretty-name': 'Debian 12', 'os.name': 'Debian' }, 'Debian 12'],
    [{ 'os.name': 'Microsoft Windows', 'os.id': 'mswindows' }, 'Microsoft Windows'],
    [{ 'os.pretty-name': '  ', 'os.id': 'alpine' }, 'alpine'],
    [{ 'os.pretty-name': 12 }, ''],
    [{}, ''],
  ])('the OS of %j is %j', (info, os) => {
    expect(agentReport([], new Map(Object.entries(info))).os).toBe(os);
  });

  it('applications are the kernel and the agent, as VDSM lists them, where they are known', () => {
    const report = agentReport([], guestInfo, '7.2.0');
    expect(mergeGuestDetails({ agent: report })?.apps).toEqual([
      'kernel-6.1.0-56-cloud-amd64',
      'qemu-guest-agent-7.2.0',
    ]);
    expect(mergeGuestDetails({ agent: agentReport([], new Map(), '7.2.0') })?.apps).toEqual(['qemu-guest-agent-7.2.0']);
  });

  it('is cut to what a register holds, and never half a character', () => {
    const { hostname } = agentReport([], new Map([['hostname', `${'x'.repeat(1023)}😀`]]));
    expect(hostname).toHaveLength(1024);
    expect(hostname.isWellFormed()).toBe(true);
  });
});
