import type { RuntimeRow } from '@vedette/fetcher';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { newEntry, type VMEntry } from '../../src/knowledge.ts';
import { HostVMs, VMTable } from '../../src/vm-table/index.ts';
import { restingEntries, rowOf, stateValues } from './arbitraries.ts';

const nowMs = 1_000_000;
const empty = { vms: 0, awake: 0, usedBlockBytes: 0, sayings: 0, texts: 0, odd: 0 };

/** As it wakes: figures have the digits then that are told of them. */
function woken(entry: VMEntry): VMEntry {
  return {
    ...entry,
    cpuUser: Math.round(entry.cpuUser * 10_000) / 10_000,
    cpuSystem: Math.round(entry.cpuSystem * 10_000) / 10_000,
    memoryPercent: Math.round(entry.memoryPercent * 100) / 100,
    startedMs: Math.round(entry.startedMs / 250) * 250 + 0, // no negative zero
  };
}

describe('a VM at rest', () => {
  it('wakes as it went to rest, whatever it was', () => {
    fc.assert(
      fc.property(restingEntries, (entry) => {
        const vms = new HostVMs(new VMTable());
        vms.set(entry.vm, structuredClone(entry)).rest(nowMs);
        expect([...vms.awake()]).toEqual([]);
        expect(vms.get(entry.vm)).toEqual(woken(entry));
      }),
      { numRuns: 500 },
    );
  });

  it('W3: is glanced at as the object would be', () => {
    fc.assert(
      fc.property(restingEntries, (entry) => {
        const vms = new HostVMs(new VMTable());
        vms.set(entry.vm, entry);
        const [awake] = vms.glances();
        vms.rest(nowMs);
        const { cpuUser, cpuSystem, memoryPercent, startedMs } = woken(entry);
        expect([...vms.glances()]).toEqual([{ ...awake, cpuUser, cpuSystem, memoryPercent, startedMs }]);
        expect([...vms.awake()]).toEqual([]);
      }),
    );
  });

  it('has nothing pending, in doubt, lacking or put off, and told nothing in this second', () => {
    const busy: ReadonlyArray<readonly [string, Partial<VMEntry>]> = [
      ['a', { pending: { conditions: { value: [], observedAt: '', via: 'poll' } } }],
      ['b', { sent: { conditions: [] } }],
      ['c', { listed: { guest: '0123456789abcdef' } }],
      ['d', { retries: { guest: { failures: 1, fromPoll: 2, listed: {} } } }],
      ['e', { documentsAsked: new Set(['config']) }],
      ['f', { windowStartMs: nowMs - 999, eventsInWindow: 1 }],
    ];
    const vms = new HostVMs(new VMTable());
    for (const [vm, parts] of busy) vms.set(vm, { ...newEntry(vm), ...parts });
    vms.set('idle', { ...newEntry('idle'), windowStartMs: nowMs - 1_000, eventsInWindow: 1, retries: {} });
    vms.rest(nowMs);
    expect([...vms.awake()].map(({ vm }) => vm)).toEqual(busy.map(([vm]) => vm));
    expect(vms.get('idle')).toEqual(newEntry('idle'));
  });

  it('W1: is the same object to everybody while it is awake', () => {
    const vms = new HostVMs(new VMTable());
    vms.set('a', newEntry('a')).rest(nowMs);
    const entry = vms.get('a') as VMEntry;
    entry.listedName = 'changed';
    expect(vms.get('a')).toBe(entry);
    expect([...vms.values()]).toEqual([entry]);
    expect([...vms.awake()][0]).toBe(entry);
    expect(vms.notListedIn(1)[0]).toBe(entry);
    vms.rest(nowMs);
    expect(vms.get('a')).not.toBe(entry);
    expect(vms.get('a')?.listedName).toBe('changed');
  });
});

describe('a row about a VM at rest', () => {
  const hash = '0123456789abcdef';
  const entry: VMEntry = {
    ...newEntry('a'),
    listedName: 'name',
    rev: 10,
    published: {
      state: {
        state: 'running',
        reason: 'booted',
        raw: { state: '1', reason: '1' },
        activation: { epoch: 1, seq: 1 },
        held: false,
      },
    },
    listed: { info: hash },
    taken: { info: hash, guest: hash },
  };
  const resting = (): HostVMs => {
    const vms = new HostVMs(new VMTable());
    vms.set('a', structuredClone(entry)).rest(nowMs);
    return vms;
  };
  const poll = { number: 7, polled: true };

  it('that says what is known leaves it at rest, with its figures, its revision and when it was listed', () => {
    const vms = resting();
    const row = rowOf(entry, { rev: 11, name: 'name', cpuUser: 0.5, cpuSystem: 0.25, memoryPercent: 40, elapsedS: 30 });
    expect(vms.takeUnchanged(row, poll, nowMs)).toBe(true);
    expect([...vms.awake()]).toEqual([]);
    expect(vms.get('a')).toEqual({
      ...entry,
      rev: 11,
      listedIn: 7,
      cpuUser: 0.5,
      cpuSystem: 0.25,
      memoryPercent: 40,
      startedMs: nowMs - 30_000,
      listed: { info: hash, guest: hash },
    });
  });

  it('that is older than what is known says nothing', () => {
    const vms = resting();
    expect(vms.takeUnchanged(rowOf(entry, { rev: 9, state: 'stopped' }), poll, nowMs)).toBe(true);
    expect(vms.get('a')).toEqual({ ...entry, listedIn: 7 });
  });

  it('A3: of a poll begun before a hint says nothing, where the driver has no revisions', () => {
    const vms = resting();
    vms.hinted('a', 7);
    const row = rowOf(entry, { rev: 0, state: 'stopped' });
    expect(vms.takeUnchanged(row, { number: 7, polled: false }, nowMs)).toBe(false);
    expect(vms.takeUnchanged(row, { number: 8, polled: true }, nowMs)).toBe(false);
    expect(vms.takeUnchanged(row, poll, nowMs)).toBe(true);
    expect(vms.get('a')).toEqual({ ...entry, listedIn: 7, hintedDuring: 7 });
  });

  it.each<readonly [string, Partial<RuntimeRow>]>([
    ['another state', { state: 'paused' }],
    ['another reason', { reason: 'restored' }],
    ['a state that nobody has mapped', { state: 'unknown' }],
    ['that it was defined anew', { recreated: true }],
    ['that it was defined anew, late', { recreated: true, rev: 9 }],
    ['another name', { name: 'names' }],
    ['a shorter name', { name: 'nam' }],
    ['other content', { hashes: { info: '0123456789abcdee' } }],
    ['content of a section that had none', { hashes: { status: hash } }],
    ['a hash of another kind', { hashes: { info: 'x' } }],
    ['no VM that is known', { vm: 'b' }],
  ])('that says %s wakes it, with nothing done', (_, more) => {
    const vms = resting();
    expect(vms.takeUnchanged(rowOf(entry, { rev: 11, cpuUser: 1, ...more }), poll, nowMs)).toBe(false);
    expect([...vms.awake()]).toEqual([]);
    expect(vms.get('a')).toEqual(entry);
  });

  it('is not taken in while it is awake: the object counts', () => {
    const vms = resting();
    vms.get('a');
    expect(vms.takeUnchanged(rowOf(entry), poll, nowMs)).toBe(false);
  });
});

// ---- Against a Map ---------------------------------------------------------------------------------------------

interface Model {
  readonly hosts: ReadonlyArray<{ readonly vms: HostVMs; readonly map: Map<string, VMEntry> }>;
  readonly table: VMTable;
}

type Step = (model: Model, host: number, pick: number) => void;

function picked(map: ReadonlyMap<string, VMEntry>, pick: number): VMEntry | undefined {
  return [...map.values()][map.size === 0 ? 0 : pick % map.size];
}

function put(entry: VMEntry): Step {
  return ({ hosts }, host) => {
    hosts[host]?.map.set(entry.vm, structuredClone(entry));
    hosts[host]?.vms.set(entry.vm, structuredClone(entry));
  };
}

const forget: Step = ({ hosts }, host, pick) => {
  const { vms, map } = hosts[host] as Model['hosts'][number];
  const vm = picked(map, pick)?.vm ?? 'nobody';
  expect(vms.delete(vm)).toBe(map.delete(vm));
};

const rest: Step = ({ hosts }, host) => {
  const { vms, map } = hosts[host] as Model['hosts'][number];
  vms.rest(nowMs);
  expect([...vms.awake()]).toEqual([]);
  for (const [vm, entry] of map) map.set(vm, woken(entry));
};

function changeState(state: VMEntry['published']['state'] & object): Step {
  return ({ hosts }, host, pick) => {
    const { vms, map } = hosts[host] as Model['hosts'][number];
    const entry = picked(map, pick);
    if (entry === undefined) return;
    entry.published.state = state;
    (vms.get(entry.vm) as VMEntry).published.state = state;
  };
}

function listAgain(number: number): Step {
  return ({ hosts }, host, pick) => {
    const { vms, map } = hosts[host] as Model['hosts'][number];
    const entry = picked(map, pick);
    if (entry?.published.state === undefined) return;
    const row = rowOf(entry, { memoryPercent: 50, cpuUser: 0.5 });
    if (!vms.takeUnchanged(row, { number, polled: false }, nowMs)) return;
    Object.assign(entry, { memoryPercent: 50, cpuUser: 0.5, cpuSystem: Number.NaN, startedMs: Number.NaN });
    entry.listed = { ...entry.taken };
    entry.listedIn = number;
  };
}

const newRun: Step = ({ hosts }, host) => {
  hosts[host]?.vms.forgetRevisions();
  for (const entry of hosts[host]?.map.values() ?? []) entry.rev = 0;
};

function hint(number: number): Step {
  return ({ hosts }, host, pick) => {
    const { vms, map } = hosts[host] as Model['hosts'][number];
    const entry = picked(map, pick);
    if (entry === undefined) return;
    entry.hintedDuring = number;
    vms.hinted(entry.vm, number);
  };
}

const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: restingEntries.map(put) },
  { weight: 3, arbitrary: fc.constant(forget) },
  { weight: 6, arbitrary: fc.constant(rest) },
  { weight: 4, arbitrary: stateValues.map(changeState) },
  { weight: 4, arbitrary: fc.nat({ max: 3 }).map(listAgain) },
  { weight: 1, arbitrary: fc.constant(newRun) },
  { weight: 1, arbitrary: fc.nat({ max: 3 }).map(hint) },
);

describe('the VMs of several hosts in one table', () => {
  it('are what as many Maps would be, in their order, and leave nothing behind', () => {
    const acts = fc.array(fc.tuple(steps, fc.nat({ max: 2 }), fc.nat()), { minLength: 20, maxLength: 120 });
    fc.assert(
      fc.property(acts, (taken) => {
        const table = new VMTable();
        const hosts = [0, 1, 2].map(() => ({ vms: new HostVMs(table), map: new Map<string, VMEntry>() }));
        for (const [step, host, pick] of taken) step({ table, hosts }, host, pick);
        for (const { vms, map } of hosts) {
          expect(vms.size).toBe(map.size);
          expect(vms.notListedIn(2).map(({ vm }) => vm)).toEqual(
            [...map.values()].filter(({ listedIn }) => listedIn !== 2).map(({ vm }) => vm),
          );
          expect([...vms.values()]).toEqual([...map.values()]);
        }
        for (const { vms } of hosts) vms.clear();
        expect(table.size).toMatchObject(empty);
        expect(hosts.map(({ vms }) => [...vms.values()])).toEqual([[], [], []]);
      }),
      { numRuns: 200 },
    );
  });

  it('grow to many and shrink again, each found all the while', () => {
    const table = new VMTable();
    const hosts = Array.from({ length: 50 }, () => new HostVMs(table));
    const id = (host: number, seat: number): string =>
      `00000000-0000-0000-0000-${String(host * 1000 + seat).padStart(12, '0')}`;
    const known = (): number =>
      hosts.reduce((sum, vms, host) => sum + seats.filter((at) => vms.get(id(host, at))).length, 0);
    const seats = Array.from({ length: 100 }, (_, at) => at);
    for (const at of seats) {
      for (const [host, vms] of hosts.entries()) vms.set(id(host, at), newEntry(id(host, at))).rest(nowMs);
    }
    expect([known(), table.size.vms]).toEqual([5_000, 5_000]);
    expect(hosts[0]?.get(id(1, 0))).toBeUndefined();
    for (const at of seats.slice(1)) for (const [host, vms] of hosts.entries()) vms.delete(id(host, at));
    expect([known(), table.size.vms]).toEqual([50, 50]);
    for (const vms of hosts) vms.clear();
    expect(table.size).toMatchObject(empty);
  });
});
