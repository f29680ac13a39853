import { RemoteError } from '@vedette/libvirt';
import { VedetteError } from '@vedette/runtime';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ArpSource,
  givesWayMs,
  type NeighbourReport,
  neighbourReports,
  reportsMax,
} from '../../src/drivers/libvirt/neighbour-reports.ts';
import type { Neighbour, NeighbourTable } from '../../src/drivers/libvirt/neighbours.ts';

const mac = '52:54:00:aa:bb:cc';
const other = '52:54:00:00:00:02';

const entry = (address: string, over: Partial<Neighbour> = {}): Neighbour => ({
  address,
  mac,
  device: 'virbr0',
  worth: 'confirmed',
  confirmedS: 0,
  ...over,
});
const stale = (address: string, confirmedS: number): Neighbour => entry(address, { worth: 'stale', confirmedS });
const failed = (address: string, device = 'virbr0'): Neighbour =>
  entry(address, { mac: '', worth: 'failed', device, confirmedS: undefined });
const table = (...entries: readonly Neighbour[]): NeighbourTable => ({ entries, ipv6: true });

/** Readings one after the other, each a minute after the one before. */
function afterReadings(...tables: readonly (NeighbourTable | undefined)[]): readonly NeighbourReport[] {
  return tables.reduce<readonly NeighbourReport[]>(
    (before, now, at) => neighbourReports({ table: now, macs: [mac], before, nowMs: 1_000_000 + at * 60_000 }),
    [],
  );
}

const addressesAfter = (...tables: readonly (NeighbourTable | undefined)[]): readonly string[] =>
  afterReadings(...tables).map(({ address }) => address);

describe('one reading', () => {
  it('tells the addresses of the MACs of the domain, of no other', () => {
    expect(afterReadings(table(entry('10.0.0.2'), entry('10.0.0.3', { mac: other }), entry('fe80::2')))).toMatchObject([
      { address: '10.0.0.2', mac, interface: '', source: 'neighbour' },
      { address: 'fe80::2', mac, interface: '', source: 'neighbour' },
    ]);
  });

  it('an entry that is stale counts: so is every guest that is idle', () => {
    expect(addressesAfter(table(stale('10.0.0.2', 86_400)))).toEqual(['10.0.0.2']);
  });

  it('a failed one does not', () => {
    expect(addressesAfter(table(failed('10.0.0.2')))).toEqual([]);
  });
});

describe('C1: what has been seen stays', () => {
  it.each([
    ['when the table cannot be read', undefined],
    ['when its entry was collected', table()],
    ['when only others have entries', table(entry('10.0.0.9', { mac: other }))],
    ['when an address of another family is confirmed', table(entry('fe80::2'))],
    ['when the same address fails on another link of the host', table(failed('10.0.0.2', 'virbr9'))],
    ['when another MAC has it on another link', table(entry('10.0.0.2', { mac: other, device: 'virbr9' }))],
    ['when another MAC has had it, and is stale', table({ ...stale('10.0.0.2', 900), mac: other })],
  ])('%s', (_, now) => {
    expect(addressesAfter(table(entry('10.0.0.2')), now)).toContain('10.0.0.2');
  });
});

describe('C2: it goes', () => {
  it('when it was asked in vain', () => {
    expect(addressesAfter(table(entry('10.0.0.2')), table(failed('10.0.0.2')))).toEqual([]);
  });

  it('when another MAC has it, confirmed: the address went to another guest', () => {
    expect(addressesAfter(table(entry('10.0.0.2')), table(entry('10.0.0.2', { mac: other })))).toEqual([]);
  });

  it('when the domain has no such MAC any more', () => {
    const before = afterReadings(table(entry('10.0.0.2')));
    expect(neighbourReports({ table: table(), macs: [other], before, nowMs: 2_000_000 })).toEqual([]);
  });
});

describe('C3: a guest that changed its address', () => {
  const moved = table(stale('10.0.0.2', 60), entry('10.0.0.3'));

  it('is known by both for a while', () => {
    expect(addressesAfter(table(entry('10.0.0.2')), moved)).toEqual(['10.0.0.2', '10.0.0.3']);
  });

  it('and after that by the new one, whether the old one is stale or collected', () => {
    const minutes = Array.from({ length: givesWayMs / 60_000 + 1 }, (_, at) => at + 2);
    const stays = minutes.map((minute) => table(stale('10.0.0.2', minute * 60), entry('10.0.0.3')));
    expect(addressesAfter(moved, ...stays.slice(0, -2))).toEqual(['10.0.0.2', '10.0.0.3']);
    expect(addressesAfter(moved, ...stays)).toEqual(['10.0.0.3']);
    const collected = minutes.map(() => table(entry('10.0.0.3')));
    expect(addressesAfter(moved, ...collected)).toEqual(['10.0.0.3']);
  });

  it('keeps the old one while the new one is not confirmed', () => {
    const minutes = new Array<NeighbourTable>(30).fill(table(stale('10.0.0.3', 60)));
    expect(addressesAfter(table(entry('10.0.0.2')), ...minutes)).toEqual(['10.0.0.2', '10.0.0.3']);
  });

  it('one that has both, in use, keeps them', () => {
    const readings = Array.from({ length: 60 }, (_, at) =>
      at % 2 === 0 ? table(entry('10.0.0.2'), stale('10.0.0.3', 60)) : table(stale('10.0.0.2', 60), entry('10.0.0.3')),
    );
    expect(addressesAfter(...readings)).toEqual(['10.0.0.2', '10.0.0.3']);
  });

  it('its link-local address stays beside a global one that is confirmed', () => {
    const minutes = new Array<NeighbourTable>(30).fill(table(entry('2001:db8::2')));
    expect(addressesAfter(table(entry('fe80::2')), ...minutes)).toEqual(['2001:db8::2', 'fe80::2']);
  });

  it('where no ages are told, the time is taken from the readings', () => {
    const arp = (...addresses: readonly string[]): NeighbourTable =>
      table(...addresses.map((address) => entry(address, { confirmedS: undefined })));
    const minutes = new Array<NeighbourTable>(givesWayMs / 60_000 + 1).fill(arp('10.0.0.3'));
    expect(addressesAfter(arp('10.0.0.2'), arp('10.0.0.3'))).toEqual(['10.0.0.2', '10.0.0.3']);
    expect(addressesAfter(arp('10.0.0.2'), ...minutes)).toEqual(['10.0.0.3']);
  });
});

it('C4: of an endless number the ones confirmed last are kept', () => {
  const many = Array.from({ length: 500 }, (_, at) => entry(`10.0.${at >> 8}.${at & 255}`, { confirmedS: 500 - at }));
  const reports = afterReadings(table(...many));
  expect(reports).toHaveLength(reportsMax);
  expect(reports.map(({ address }) => address)).toContain('10.0.1.243');
});

it('the order of the entries does not show', () => {
  const entries = fc.array(
    fc.record({
      address: fc.constantFrom('10.0.0.2', '10.0.0.3', 'fe80::2', '2001:db8::2'),
      mac: fc.constantFrom(mac, other),
      device: fc.constantFrom('virbr0', 'virbr1'),
      worth: fc.constantFrom('confirmed' as const, 'stale' as const),
      confirmedS: fc.option(fc.nat(2_000), { nil: undefined }),
    }),
    { maxLength: 8 },
  );
  // As the kernel keeps them: one entry per address and link.
  const unique = entries.map((all) => [...new Map(all.map((one) => [`${one.address} ${one.device}`, one])).values()]);
  fc.assert(
    fc.property(unique, unique, (first, second) => {
      const straight = afterReadings(table(...first), table(...second));
      expect(afterReadings(table(...first.toReversed()), table(...second.toReversed()))).toEqual(straight);
    }),
  );
});

describe('whether libvirt’s own source `arp` is worth asking', () => {
  const remote = (code: number, message: string): VedetteError =>
    new VedetteError('VDT_LIBVIRT_REFUSED', { message, cause: new RemoteError(code, 0, 2, message) });

  it('is not known before it was tried', () => {
    expect(new ArpSource().works).toBeUndefined();
  });

  it('it is when it answered once', () => {
    const source = new ArpSource();
    source.answered();
    expect(source.works).toBe(true);
  });

  it('trap: "wrong nlmsg len" is remembered for the host, until there is a new connection', () => {
    const source = new ArpSource();
    source.failed(remote(1, 'internal error: wrong nlmsg len'));
    expect(source.works).toBe(false);
    source.reset();
    expect(source.works).toBeUndefined();
  });

  it.each([
    ['a lost connection', new VedetteError('VDT_LIBVIRT_CLOSED')],
    ['a deadline', new VedetteError('VDT_RUNTIME_DEADLINE')],
    ['a domain that is gone', remote(42, 'no domain')],
    ['a domain that is off', remote(55, 'domain is not running')],
  ])('I2: %s says nothing about it', (_, error) => {
    const source = new ArpSource();
    source.failed(error);
    expect(source.works).toBeUndefined();
  });
});
