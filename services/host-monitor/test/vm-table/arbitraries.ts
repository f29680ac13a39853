import type { RuntimeRow } from '@vedette/fetcher';
import {
  type Address,
  type AddressesValue,
  canonicalAddresses,
  conditionNames,
  type StateValue,
  type VMState,
  vmStates,
} from '@vedette/model';
import fc from 'fast-check';
import { newEntry, type RegisterSet, type VMEntry } from '../../src/knowledge.ts';

/** Ids as they come: UUIDs, and what is none or almost one. */
export const vmIds = fc.oneof(
  { weight: 4, arbitrary: fc.uuid() },
  fc.uuid().map((id) => id.toUpperCase()),
  fc.constantFrom('a', 'one-vm', '00000000-0000-0000-0000-000000000000', 'g0000000-0000-0000-0000-000000000000'),
  fc.string({ minLength: 1, maxLength: 40, unit: 'binary' }),
);

/** Hashes as agents give them: mostly ours. */
export const hashes = fc.oneof(
  { weight: 6, arbitrary: fc.stringMatching(/^[0-9a-f]{16}$/) },
  fc.constantFrom('', '0000000000000000', 'ffffffffffffffff', 'ABCDEF0123456789'),
  fc.stringMatching(/^[0-9A-Za-z]{1,64}$/),
);

export const names = fc.oneof(
  { weight: 4, arbitrary: fc.stringMatching(/^instance-[0-9a-f]{8}$/) },
  fc.constant(''),
  fc.string({ maxLength: 30, unit: 'binary' }),
  fc.string({ maxLength: 4, unit: 'binary-ascii' }).map((part) => `${part}\ud800`),
  fc.constantFrom('x'.repeat(127), 'é'.repeat(64), 'x'.repeat(1024), '\u20ac'.repeat(1024)),
);

const macs = fc.oneof(
  fc.stringMatching(/^52:54:00(:[0-9a-f]{2}){3}$/),
  fc.constant('52:54:00:12:34:56'),
  fc.constantFrom('', '80:00:00:48:fe:80:00:00:00:00:00:00:f4:52:14:03:00:7b:cb:a1'),
);

const reports = fc.record({
  address: fc.oneof(
    fc.ipV4(),
    fc.ipV6(),
    fc.constantFrom('fe80::1', 'fe80::5054:ff:fe12:3456', '::ffff:10.1.2.3', '2001:db8::1'),
  ),
  mac: macs,
  interface: fc.constantFrom('eth0', 'eth1', '', 'Ethernet Instance 0', 'ens\u00e93'),
  source: fc.constantFrom<Address['source']>('agent', 'lease', 'neighbour', 'provider'),
});

export const addresses: fc.Arbitrary<AddressesValue> = fc.oneof(
  { weight: 8, arbitrary: fc.array(reports, { maxLength: 5 }).map(canonicalAddresses) },
  fc.array(reports, { minLength: 60, maxLength: 90 }).map(canonicalAddresses),
  // What no fetcher gives, and a record has to keep all the same.
  fc.constant<AddressesValue>([
    { address: 'not an address', family: 'ipv4', scope: 'public', mac: '', interface: '', source: 'agent' },
  ]),
);

const plain = { noNullPrototype: true } as const;
const wholes = fc.oneof(fc.nat({ max: 100 }), fc.maxSafeNat());
const versions = fc.record({ epoch: wholes, seq: wholes }, plain);
const states = fc.constantFrom<VMState>(...vmStates);
const reasons = fc.constantFrom('', 'crashed', 'shut down by its user');

export const stateValues: fc.Arbitrary<StateValue> = fc.record(
  {
    state: states,
    reason: reasons,
    raw: fc.record({ state: fc.constantFrom('5', 'VIR_DOMAIN_RUNNING'), reason: reasons }, plain),
    activation: versions,
    held: fc.boolean(),
    born: versions,
    lastPresent: states,
  },
  { requiredKeys: ['state', 'reason', 'raw', 'activation', 'held'], ...plain },
);

/** What is in two entries that are the same VM, written by us: the hashes of the register are those of its sections. */
const registers: fc.Arbitrary<RegisterSet> = fc.record(
  {
    state: stateValues,
    addresses,
    config: fc.record({ name: names, hashes: fc.record({ info: hashes, config: hashes }, plain) }, plain),
    guest: fc.record({ hash: hashes }, plain),
    conditions: fc.oneof(
      fc.subarray(conditionNames.toSorted()),
      fc.shuffledSubarray([...conditionNames], { minLength: 2 }),
    ),
  },
  { requiredKeys: [], ...plain },
);

const sections = fc.record(
  { info: hashes, config: hashes, guest: hashes, status: hashes },
  { requiredKeys: [], ...plain },
);

const unknown = fc.constant(Number.NaN);
const ratios = fc.oneof(unknown, fc.double({ noNaN: true, min: 0, max: 1_024 }));
const percents = fc.oneof(unknown, fc.double({ noNaN: true, min: 0, max: 200 }));
const tenYearsMs = 10 * 366 * 86_400_000;
const starts = fc.oneof(unknown, fc.double({ noNaN: true, min: -tenYearsMs, max: tenYearsMs }));

/** Entries that may rest: nothing is pending, and what was listed was taken in. */
export const restingEntries: fc.Arbitrary<VMEntry> = fc
  .record({
    vm: vmIds,
    published: registers,
    taken: sections,
    listedSections: fc.subarray(['info', 'config', 'guest', 'status'] as const),
    told: fc.boolean(),
    sameName: fc.boolean(),
    listedName: names,
    addressesFresh: fc.boolean(),
    rev: wholes,
    hintedDuring: fc.integer({ min: -1, max: 3 }),
    listedIn: fc.nat({ max: 3 }),
    cpuUser: ratios,
    cpuSystem: ratios,
    memoryPercent: percents,
    startedMs: starts,
  })
  .map(({ listedSections, told, sameName, ...kept }) => {
    const entry = { ...newEntry(kept.vm), ...kept };
    entry.listed = {};
    for (const name of listedSections) if (kept.taken[name] !== undefined) entry.listed[name] = kept.taken[name];
    const { config } = entry.published;
    if (config !== undefined && told) {
      const { info = '', config: other = '' } = kept.taken;
      entry.published.config = { ...config, hashes: { info, config: other } };
    }
    if (entry.published.config !== undefined && sameName) {
      entry.published.config = { ...entry.published.config, name: entry.listedName };
    }
    return entry;
  });

/** A row that says of a VM what is known. */
export function rowOf(entry: VMEntry, more: Partial<RuntimeRow> = {}): RuntimeRow {
  const { state, reason, raw } = entry.published.state ?? {
    state: 'running' as const,
    reason: '',
    raw: { state: '', reason: '' },
  };
  return { vm: entry.vm, state, reason, raw, hashes: { ...entry.taken }, rev: entry.rev, ...more };
}
