import { conditionNames, vmStates } from '@vedette/model';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeId, encodeId } from '../src/drivers/sqlite/codec.ts';
import { encodeVM, StoredVM } from '../src/drivers/sqlite/vm-codec.ts';
import type { StoredSighting, VMEntry } from '../src/engine/records.ts';

const count = fc.nat();
const version = fc.record({ epoch: count, seq: count });
const state = fc.constantFrom(...vmStates);
const words = fc.string({ maxLength: 12, unit: 'grapheme' });

function register<T>(value: fc.Arbitrary<T>) {
  return fc.record({ version, value });
}

const addresses = fc
  .array(
    fc.record({
      address: fc.oneof(fc.ipV4(), fc.constant('fd00::1')),
      family: fc.constant('ipv4' as const),
      scope: fc.constantFrom('public' as const, 'private' as const, 'link' as const),
      mac: words,
      interface: words,
      source: fc.constantFrom('agent' as const, 'lease' as const, 'neighbour' as const, 'provider' as const),
    }),
    { maxLength: 3 },
  )
  .map((all) =>
    all.map((one) => ({ ...one, family: one.address.includes(':') ? ('ipv6' as const) : ('ipv4' as const) })),
  );
const conditions = fc.subarray([...conditionNames]);

const registers = fc.record(
  {
    state: register(
      fc.record(
        {
          state,
          reason: words,
          raw: fc.record({ state: words, reason: words }),
          activation: version,
          held: fc.boolean(),
          lastPresent: state,
          born: version,
        },
        { requiredKeys: ['state', 'reason', 'raw', 'activation', 'held'] },
      ),
    ),
    addresses: register(addresses),
    config: register(fc.record({ name: words, hashes: fc.record({ info: words, config: words }) })),
    guest: register(fc.record({ hash: words })),
    conditions: register(conditions),
  },
  { requiredKeys: [] },
);

const sighting: fc.Arbitrary<Omit<StoredSighting, 'observer'>> = fc.record(
  {
    registers,
    activation: version,
    term: count,
    committedMark: count,
    lackedMark: fc.option(count, { nil: undefined }),
    configHeld: fc.boolean(),
    guestHeld: fc.boolean(),
    born: version,
  },
  {
    requiredKeys: ['registers', 'activation', 'term', 'committedMark', 'lackedMark', 'configHeld', 'guestHeld'],
  },
);

const truth = fc.record(
  {
    state,
    lastState: state,
    detail: words,
    conflict: fc.array(words),
    realm: words,
    name: words,
    addresses,
    conditions,
  },
  { requiredKeys: ['state', 'detail', 'conflict', 'name', 'addresses', 'conditions'] },
);

const plainState = {
  state: 'absent' as const,
  reason: '',
  raw: { state: '', reason: '' },
  activation: { epoch: 1, seq: 1 },
  held: false,
};
const plainSighting: StoredSighting = {
  observer: 'h1',
  registers: {},
  activation: { epoch: 1, seq: 1 },
  term: 1,
  committedMark: 0,
  lackedMark: undefined,
  configHeld: false,
  guestHeld: false,
};
const plainEntry: VMEntry = {
  number: 1,
  id: 'v',
  vmVersion: 1,
  incarnation: 1,
  everRan: false,
  ended: false,
  forgotten: false,
  truth: undefined,
  decider: undefined,
  firstSeenMs: 0,
  lastChangedMs: 0,
  historyRows: 0,
  sightings: new Map(),
};
const plainMore = { flags: new Map(), numbers: new Map([['h1', 1]]), lastHistory: 0 };

const observers = ['h1', '@p'];
const numbers = new Map(observers.map((id, at) => [id, at + 1]));

test('a VM comes back from its row as it was written', () => {
  fc.assert(
    fc.property(
      fc.array(sighting, { minLength: 1, maxLength: 2 }),
      fc.option(truth, { nil: undefined }),
      fc.record({ vmVersion: count, incarnation: count, firstSeenMs: count, lastChangedMs: count, historyRows: count }),
      fc.record({ everRan: fc.boolean(), ended: fc.boolean(), forgotten: fc.boolean() }),
      count,
      fc.array(fc.record({ present: fc.boolean(), shared: fc.boolean() }), { minLength: 2, maxLength: 2 }),
      (all, told, counts, flags, lastHistory, presence) => {
        const sightings = new Map(
          all.map((one, at) => [observers[at] ?? '', { ...one, observer: observers[at] ?? '' }]),
        );
        const decider = told === undefined ? undefined : 'h1';
        const entryTruth = told && { ...told, host: 'h1' };
        const entry: VMEntry = { number: 1, id: 'v', ...counts, ...flags, truth: entryTruth, decider, sightings };
        const seen = new Map(observers.map((id, at) => [id, presence[at] ?? { present: false, shared: false }]));
        const columns = encodeVM(entry, { flags: seen, numbers, lastHistory });
        const stored = new StoredVM(columns);
        const back = stored.sightings.map((array) => stored.sighting(array, observers[array[0] - 1] ?? ''));
        expect(back).toEqual([...sightings.values()]);
        expect(stored.sightings.map(([, bits]) => bits)).toEqual(
          [...sightings.keys()].map((id) => (seen.get(id)?.present ? 1 : 0) + (seen.get(id)?.shared ? 2 : 0)),
        );
        expect(stored.truth(decider, back[0])).toEqual(entryTruth);
        const { vmVersion, incarnation, firstSeenMs, lastChangedMs, historyRows, everRan, ended, forgotten } = stored;
        expect({ vmVersion, incarnation, firstSeenMs, lastChangedMs, historyRows }).toEqual(counts);
        expect({ everRan, ended, forgotten }).toEqual(flags);
        expect(stored.lastHistory).toBe(lastHistory);
      },
    ),
  );
});

test('M8: what an older release wrote without births is read as it was', () => {
  const state = { version: { epoch: 1, seq: 2 }, value: { ...plainState, lastPresent: 'running' as const } };
  const one = { ...plainSighting, registers: { state }, born: { epoch: 1, seq: 2 } };
  const columns = encodeVM({ ...plainEntry, sightings: new Map([['h1', one]]) }, plainMore);
  const data = JSON.parse(columns.data) as unknown[][][][];
  const [array] = data[10] ?? [];
  expect(array?.splice(13)).toEqual([1, 2]);
  const stored = new StoredVM({ ...columns, data: JSON.stringify(data) });
  const { born: dropped, ...older } = one;
  expect(dropped).toBeDefined();
  expect(stored.sightings.map((each) => stored.sighting(each, 'h1'))).toEqual([older]);
});

test('D2: identifiers come back as they were; UUIDs in their one form take 16 bytes', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uuid(),
        fc.uuid().map((id) => id.toUpperCase()),
        fc.string(),
        fc.string({ unit: 'grapheme' }),
      ),
      (id) => {
        expect(decodeId(encodeId(id))).toBe(id);
      },
    ),
  );
  expect(encodeId('0f8fad5b-d9cb-469f-a165-70867728950e')).toHaveLength(16);
  for (const other of [
    '0f8fad5b-d9cb-469f-a165-70867728950g',
    '0f8fad5bd9cb-469f-a165-70867728950e-',
    `${'-'.repeat(36)}`,
  ]) {
    expect(encodeId(other)).toBe(other);
  }
});
