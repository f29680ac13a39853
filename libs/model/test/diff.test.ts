import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Address,
  type Condition,
  type ConfigValue,
  canonicalAddresses,
  conditionNames,
  diffAddresses,
  diffConditions,
  diffConfig,
  diffGuest,
  diffState,
  type StateValue,
  vmStates,
} from '../src/index.ts';
import { stateValue, version } from './support/fleet.ts';

const identity = ({ address, mac }: Address): string => `${address} ${mac}`;

const stateValues: fc.Arbitrary<StateValue> = fc.record({
  state: fc.constantFrom(...vmStates),
  reason: fc.constantFrom('user', 'ioerror', ''),
  raw: fc.record({ state: fc.constantFrom('1', '3'), reason: fc.constantFrom('0', '1') }),
  activation: fc.constantFrom(version(1), version(2)),
  held: fc.boolean(),
});
const bornValues = fc.tuple(stateValues, fc.constantFrom(undefined, version(1), version(2))).map(([value, born]) => ({
  ...value,
  ...(born === undefined ? {} : { born }),
}));

const addressLists = fc
  .array(
    fc.record({
      address: fc.constantFrom('10.0.0.1', '10.0.0.2', '192.0.2.1', '2001:db8::1', 'fe80::1'),
      mac: fc.constantFrom('', '52:54:00:00:00:01', '52:54:00:00:00:02'),
      interface: fc.constantFrom('eth0', 'eth1'),
      source: fc.constantFrom('agent' as const, 'lease' as const),
    }),
    { maxLength: 6 },
  )
  .map(canonicalAddresses);

const conditionSets = fc.subarray([...conditionNames]).map((set) => set.sort());

describe('state', () => {
  it('S1: another state is told with from and to', () => {
    const [held, seen] = [stateValue('running'), stateValue('paused', { reason: 'user' })];
    expect(diffState(held, seen)).toEqual({ from: 'running', to: 'paused', value: seen });
  });

  it('the first sight has no from', () => {
    expect(diffState(undefined, stateValue('running'))).toEqual({ to: 'running', value: stateValue('running') });
  });

  it('another reason in the same state is told', () => {
    const held = stateValue('paused_error', { reason: 'ioerror' });
    expect(diffState(held, { ...held, reason: 'crashed' })).toMatchObject({ from: 'paused_error', to: 'paused_error' });
  });

  it('another activation in the same state is told: the VM went down and came up between two polls', () => {
    const held = stateValue('running', { activation: version(1) });
    expect(diffState(held, { ...held, activation: version(7) })).toMatchObject({ from: 'running', to: 'running' });
  });

  it('M8: another birth in the same state is told; to say nothing of one neither differs nor wipes it', () => {
    const former = stateValue('running', { born: version(3) });
    const anew = stateValue('running', { born: version(7) });
    expect(diffState(stateValue('running'), former)).toMatchObject({ from: 'running', to: 'running', value: former });
    expect(diffState(former, anew)?.value).toEqual(anew);
    expect(diffState(former, stateValue('running'))).toBeUndefined();
    expect(diffState(former, stateValue('paused'))?.value).toEqual(stateValue('paused', { born: version(3) }));
  });

  it('S9: other raw values of the same state and reason are not told, nor how the former event travelled', () => {
    const held = stateValue('running', { reason: 'booted' });
    expect(diffState(held, { ...held, raw: { state: '2', reason: '0' }, held: true })).toBeUndefined();
  });

  it('an empty reason says nothing: running, blocked, running is no change', () => {
    const booted = stateValue('running', { reason: 'booted' });
    expect(diffState(booted, stateValue('running'))).toBeUndefined();
    expect(diffState(stateValue('running'), booted)).toMatchObject({ value: booted });
  });

  it('does not differ from itself, and otherwise gives what is seen', () => {
    fc.assert(
      fc.property(bornValues, bornValues, (held, seen) => {
        expect(diffState(held, held)).toBeUndefined();
        const difference = diffState(held, seen);
        const value = { ...('born' in held ? { born: held.born } : {}), ...seen };
        if (difference !== undefined) expect(difference).toEqual({ from: held.state, to: seen.state, value });
        else expect(held.state).toBe(seen.state);
      }),
    );
  });
});

describe('addresses', () => {
  it('S2: exactly the difference', () => {
    const [before, after] = [
      ['10.0.0.1', '10.0.0.2', 'fe80::1'],
      ['10.0.0.2', '10.0.0.3', 'fe80::1'],
    ].map((list) =>
      canonicalAddresses(list.map((address) => ({ address, mac: '', interface: '', source: 'agent' as const }))),
    );
    const difference = diffAddresses(before, after ?? []);
    expect(difference?.added.map(identity)).toEqual(['10.0.0.3 ']);
    expect(difference?.removed.map(identity)).toEqual(['10.0.0.1 ']);
  });

  it('S3: an empty list that was observed removes; the first empty list is worth telling too', () => {
    const held = canonicalAddresses([{ address: '10.0.0.1', mac: '', interface: '', source: 'agent' }]);
    expect(diffAddresses(held, [])).toEqual({ added: [], removed: held, value: [] });
    expect(diffAddresses(undefined, [])).toEqual({ added: [], removed: [], value: [] });
    expect(diffAddresses([], [])).toBeUndefined();
  });

  it('another source or interface alone is no change, and what is held stays beside a true one', () => {
    const report = { address: '10.0.0.1', mac: '', interface: 'eth0', source: 'lease' } as const;
    const held = canonicalAddresses([report]);
    const nearer = { ...report, interface: 'eth1', source: 'agent' } as const;
    expect(diffAddresses(held, canonicalAddresses([nearer]))).toBeUndefined();
    const more = canonicalAddresses([nearer, { ...nearer, address: '10.0.0.2' }]);
    expect(diffAddresses(held, more)?.value).toEqual([held[0], more[1]]);
  });

  it('the difference, applied to what was held, gives what to hold; that is what was seen', () => {
    fc.assert(
      fc.property(addressLists, addressLists, (held, seen) => {
        expect(diffAddresses(held, held)).toBeUndefined();
        const { added, removed, value } = diffAddresses(held, seen) ?? { added: [], removed: [], value: held };
        const gone = new Set(removed.map(identity));
        const applied = canonicalAddresses([...held.filter((address) => !gone.has(identity(address))), ...added]);
        expect(applied).toEqual(value);
        expect(value.map(identity)).toEqual(seen.map(identity));
        expect(added.filter((address) => held.some((before) => identity(before) === identity(address)))).toEqual([]);
        expect(removed.every((address) => held.includes(address))).toBe(true);
        expect(diffAddresses(value, seen)).toBeUndefined();
      }),
      { numRuns: 500 },
    );
  });
});

describe('config', () => {
  const config = (info: string, of: string, name = 'web'): ConfigValue => ({ name, hashes: { info, config: of } });

  it.each([
    ['info', config('a2', 'b'), ['info']],
    ['config', config('a', 'b2'), ['config']],
    ['both', config('a2', 'b2'), ['info', 'config']],
    ['the name alone', config('a', 'b', 'mail'), []],
  ])('tells that %s changed', (_, seen, sections) => {
    expect(diffConfig(config('a', 'b'), seen)).toEqual({ sections, value: seen });
  });

  it('S4: equal hashes and name are no change, with or without documents', () => {
    const documented = { ...config('a', 'b'), document: { info: {}, config: {} } };
    expect(diffConfig(documented, config('a', 'b'))).toBeUndefined();
    expect(diffConfig(config('a', 'b'), documented)).toBeUndefined();
  });

  it('what was not observed wipes nothing', () => {
    const held = { ...config('a', 'b'), document: { info: { at: 1 }, config: { of: 1 } } };
    expect(diffConfig(held, config('', '', ''))).toBeUndefined();
    const seen = { ...config('', 'b2', ''), document: { info: {}, config: { of: 2 } } };
    expect(diffConfig(held, seen)).toEqual({
      sections: ['config'],
      value: { name: 'web', hashes: { info: 'a', config: 'b2' }, document: { info: { at: 1 }, config: { of: 2 } } },
    });
  });

  it('a document never stands beside the hash of another', () => {
    const held = { ...config('a', 'b'), document: { info: {}, config: {} } };
    expect(diffConfig(held, config('a2', 'b'))?.value).toEqual(config('a2', 'b'));
    expect(diffConfig(config('a', 'b'), { ...config('', 'b2'), document: { info: {}, config: {} } })?.value).toEqual(
      config('a', 'b2'),
    );
  });

  it('the first sight is told unless nothing was observed', () => {
    expect(diffConfig(undefined, config('a', ''))).toEqual({ sections: ['info'], value: config('a', '') });
    expect(diffConfig(undefined, config('', '', ''))).toBeUndefined();
  });

  it('the difference, applied to what was held, differs from what was seen no more', () => {
    const hash = fc.constantFrom('', 'a', 'b');
    const configs = fc.record({ name: hash, hashes: fc.record({ info: hash, config: hash }) });
    fc.assert(
      fc.property(configs, configs, (held, seen) => {
        expect(diffConfig(held, held)).toBeUndefined();
        expect(diffConfig(diffConfig(held, seen)?.value ?? held, seen)).toBeUndefined();
      }),
    );
  });
});

describe('guest', () => {
  it('is told by its hash, the first time too; what was not observed wipes nothing', () => {
    expect(diffGuest(undefined, { hash: 'a' })).toEqual({ value: { hash: 'a' } });
    expect(diffGuest({ hash: 'a' }, { hash: 'b' })).toEqual({ value: { hash: 'b' } });
    expect(diffGuest({ hash: 'a' }, { hash: 'a' })).toBeUndefined();
    expect(diffGuest({ hash: 'a' }, { hash: '' })).toBeUndefined();
    expect(diffGuest(undefined, { hash: '' })).toBeUndefined();
  });
});

describe('conditions', () => {
  it('S12: raised and cleared once', () => {
    expect(diffConditions(undefined, ['io_error'])).toEqual({ raised: ['io_error'], cleared: [], value: ['io_error'] });
    expect(diffConditions(['io_error'], ['memory'])).toEqual({
      raised: ['memory'],
      cleared: ['io_error'],
      value: ['memory'],
    });
    expect(diffConditions(['io_error'], [])).toEqual({ raised: [], cleared: ['io_error'], value: [] });
    expect(diffConditions(undefined, [])).toBeUndefined();
  });

  it('the difference, applied to what was held, gives what was seen', () => {
    fc.assert(
      fc.property(conditionSets, conditionSets, (held, seen) => {
        expect(diffConditions(held, held)).toBeUndefined();
        const { raised, cleared, value } = diffConditions(held, seen) ?? { raised: [], cleared: [], value: held };
        const applied: Condition[] = [...held.filter((condition) => !cleared.includes(condition)), ...raised].sort();
        expect(applied).toEqual(value);
        expect(value).toEqual(seen);
      }),
    );
  });
});
