import { describe, expect, it } from 'vitest';
import {
  changeReason,
  firstUncanonical,
  type Sighting,
  truthDifference,
  type VMTruth,
  vmChangeReasons,
} from '../src/index.ts';
import { address, permutations, type SightingInput, sighting, truth, view } from './support/fleet.ts';

const a1 = address('10.0.0.1');
const a2 = address('10.0.0.2');
const b1 = address('192.0.2.1', { scope: 'public', source: 'provider' });
const world = { h1: view(), h2: view({ realm: 'r2' }), h3: view(), '@p': view(), '@q': view() };

const known = (over: Partial<VMTruth> = {}): VMTruth => ({
  state: 'running',
  detail: '',
  host: 'h1',
  realm: 'r1',
  conflict: [],
  name: 'web',
  addresses: [a1],
  conditions: [],
  ...over,
});

describe('R8: what belongs to the state', () => {
  const deciding = (input: SightingInput = {}): Sighting => sighting('h2', 'running', { term: 5, ...input });
  const previous = (input: SightingInput = {}): Sighting =>
    sighting('h1', 'stopped', { term: 3, addresses: [a1], name: 'old', ...input });

  it('comes from the deciding sighting', () => {
    expect(truth([previous(), deciding({ addresses: [a2], name: 'new' })], world)).toMatchObject({
      host: 'h2',
      realm: 'r2',
      addresses: [a2],
      name: 'new',
    });
  });

  it('what it has not set since its activation comes from the one before it, by term', () => {
    const older = sighting('h3', 'stopped', { term: 1, addresses: [a2], name: 'oldest' });
    const before = { addresses: [a2], addressesAt: 4, name: 'stale', nameAt: 4 };
    for (const mine of [deciding(), deciding(before)]) {
      expect(truth([older, previous(), mine], world)).toMatchObject({ state: 'running', addresses: [a1], name: 'old' });
    }
  });

  it('set at its activation counts as set since', () => {
    expect(truth([previous(), deciding({ addresses: [a2], addressesAt: 5 })], world).addresses).toEqual([a2]);
  });

  it('S3: an empty list that the deciding one has set is its word', () => {
    expect(truth([previous(), deciding({ addresses: [] })], world).addresses).toEqual([]);
  });

  it('where nobody has set it since, what was ever said is better than nothing', () => {
    expect(truth([deciding({ addresses: [a2], addressesAt: 4 })], world).addresses).toEqual([a2]);
  });

  it('addresses of providers that list the VM are added, each address once, in order', () => {
    const provider = sighting('@p', 'running', { term: 9, addresses: [a1, b1] });
    expect(truth([deciding({ addresses: [a2] }), provider], world).addresses).toEqual([a1, a2, b1]);
    expect(truth([deciding({ addresses: [a1] }), provider], world).addresses).toEqual([a1, b1]);
    expect(truth([provider], world)).toMatchObject({ state: 'running', addresses: [a1, b1] });
    expect(truth([provider], world).host).toBeUndefined();
  });

  it('addresses of a provider that lists the VM no more are not', () => {
    const provider = sighting('@p', 'absent', { addresses: [b1] });
    expect(truth([deciding({ addresses: [a2] }), provider], world).addresses).toEqual([a2]);
  });

  it("a provider's name stands back behind every hypervisor's", () => {
    const provider = sighting('@p', 'running', { term: 99, name: 'display name' });
    expect(truth([previous(), deciding(), provider], world).name).toBe('old');
    expect(truth([deciding(), provider], world).name).toBe('display name');
  });

  it('F11: is the same whatever the order of sightings, also where none decides, and stays canonical', () => {
    const sightings = [
      deciding(),
      previous(),
      sighting('@p', 'running', {
        term: 2,
        addresses: [b1, address('2001:db8::2', { family: 'ipv6', scope: 'public' })],
      }),
      sighting('@q', 'running', {
        term: 2,
        addresses: [address('8.8.8.8', { scope: 'public' }), { ...b1, mac: '52:54:00:00:00:01' }],
      }),
    ];
    for (const set of [
      sightings,
      sightings.slice(2),
      sightings.map((one) => ({ ...one, registers: { ...one.registers, state: undefined as never } })),
    ]) {
      const expected = truth(set, world);
      for (const order of permutations(set)) expect(truth(order, world)).toEqual(expected);
      expect(firstUncanonical(expected.addresses)).toBe(-1);
    }
  });
});

describe('what differs between two truths', () => {
  it('is everything when there was none', () => {
    expect(truthDifference(undefined, known())).toEqual({});
  });

  it('is given as former values', () => {
    expect(truthDifference(known(), known({ state: 'paused', addresses: [a1, a2], conditions: ['nic'] }))).toEqual({
      state: 'running',
      addresses: [a1],
      conditions: [],
    });
    const { host, ...homeless } = known();
    expect(truthDifference(homeless, known())).toEqual({});
    expect(truthDifference(known(), homeless)).toEqual({ host });
  });

  it.each<[string, Partial<VMTruth>]>([
    ['the detail alone', { detail: 'absent: waiting for h2' }],
    ['another source of an address', { addresses: [{ ...a1, source: 'lease' }] }],
    ['another interface of an address', { addresses: [{ ...a1, interface: 'eth1' }] }],
  ])('%s is nothing worth an event', (_, over) => {
    expect(truthDifference(known(), known(over))).toBeUndefined();
  });

  it('another MAC of an address is', () => {
    expect(truthDifference(known(), known({ addresses: [{ ...a1, mac: '52:54:00:00:00:01' }] }))).toEqual({
      addresses: [a1],
    });
  });
});

describe('the word for a change', () => {
  const unknown = (over: Partial<VMTruth> = {}) => known({ state: 'unknown', lastState: 'running', ...over });
  const gone = known({ state: 'gone', lastState: 'running' });
  const { host: _, ...onProvider } = known();

  it.each<[string, VMTruth | undefined, VMTruth]>([
    ['discovered', undefined, known()],
    ['discovered', undefined, gone],
    ['discovered', gone, known({ state: 'starting' })],
    ['discovered', gone, unknown()],
    ['gone', known(), gone],
    ['gone', unknown(), gone],
    ['split_brain', known(), known({ conflict: ['h1', 'h2'], host: 'h2' })],
    ['unknown', known(), unknown()],
    ['unknown', known({ state: 'stopped' }), unknown({ lastState: 'stopped' })],
    ['recovered', unknown(), known()],
    ['recovered', unknown(), known({ state: 'paused' })],
    ['recovered', unknown({ lastState: 'stopped' }), known({ state: 'stopped' })],
    ['migrated', known(), known({ host: 'h2' })],
    ['migrated', known({ state: 'migrating_out' }), known({ host: 'h2' })],
    ['migrated', unknown({ lastState: 'migrating_out' }), known({ host: 'h2' })],
    ['migrated', known({ state: 'migrating_in' }), known()],
    ['migrated', unknown({ lastState: 'migrating_in' }), known()],
    ['recovered', unknown({ lastState: 'migrating_in' }), known({ state: 'migrating_in' })],
    ['state', known(), known({ state: 'migrating_in', host: 'h2' })],
    ['state', known({ state: 'migrating_in' }), known({ host: 'h2' })],
    ['started', known({ state: 'stopped' }), known({ state: 'starting' })],
    ['started', known({ state: 'stopped' }), known({ host: 'h2' })],
    ['started', unknown({ lastState: 'stopped' }), known()],
    ['stopped', known(), known({ state: 'stopped' })],
    ['stopped', known(), known({ state: 'suspended' })],
    ['stopped', unknown(), known({ state: 'stopped' })],
    ['failed', known(), known({ state: 'failed' })],
    ['state', known(), known({ state: 'paused' })],
    ['state', known({ state: 'stopped' }), known({ state: 'failed' })],
    ['state', known({ conflict: ['h1', 'h2'] }), known()],
    ['state', onProvider, known()],
    ['state', known({ state: 'stopped' }), known({ state: 'stopped', host: 'h2' })],
    ['addresses', known(), known({ addresses: [a1, a2], conditions: ['nic'] })],
    ['addresses', gone, { ...gone, addresses: [] }],
    ['conditions', known(), known({ conditions: ['nic'], name: 'mail' })],
    ['config', known(), known({ name: 'mail' })],
  ])('%s', (reason, from, to) => {
    expect(changeReason(from, to)).toBe(reason);
    expect(vmChangeReasons).toContain(reason);
  });
});
