import type { RuntimeRow } from '@vedette/fetcher';
import { SetChecksum, type VMState } from '@vedette/model';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HostTable, type SourceListing } from '../src/table/host-table.ts';
import { LeftLog } from '../src/table/left-log.ts';
import { toldRow } from '../src/table/told-row.ts';

function newTable(leftLimit = 1_024): HostTable {
  return new HostTable({ deadBand: 5, leftLimit });
}

function row(vm: string, more: Partial<RuntimeRow> = {}): RuntimeRow {
  return { vm, state: 'running', reason: '', raw: { state: '1', reason: '1' }, hashes: {}, rev: 0, ...more };
}

function complete(rows: readonly RuntimeRow[], unreadable: readonly string[] = []): SourceListing {
  return { complete: true, rows, left: [], unreadable, agrees: true };
}

function listed(table: HostTable, listing: SourceListing, nowS = 0): readonly string[] {
  const { rows, left } = table.take(listing, table.beginReading(), nowS);
  return [...rows.map(({ vm }) => vm), ...left.map((vm) => `-${vm}`)];
}

describe('a row is recorded anew', () => {
  it('when its status, reason, name or a hash changes, and hints have it to tell', () => {
    const table = newTable();
    const changes: Array<Partial<RuntimeRow>> = [
      {},
      { state: 'paused' },
      { reason: 'by a person' },
      { raw: { state: '3', reason: '1' } },
      { name: 'web' },
      { hashes: { info: 'a' } },
      { hashes: { config: 'a' } },
      { hashes: { status: 'a' } },
      { hashes: { guest: 'a' } },
      { unproved: true },
      { state: 'stopped', unproved: false },
      { recreated: true },
    ];
    let now: Partial<RuntimeRow> = {};
    for (const change of changes) {
      const before = table.stateRev;
      now = { ...now, ...change };
      expect(listed(table, complete([row('a', now)])), JSON.stringify(change)).toEqual(['a']);
      expect(table.stateRev).toBeGreaterThan(before);
      expect(table.stateRev).toBe(table.rev);
    }
  });

  it('when CPU or memory leaves the dead band around what was recorded, which hints do not tell', () => {
    const table = newTable();
    listed(table, complete([row('a', { cpuUser: 0.5, memoryPercent: 50 })]));
    const { rev, stateRev } = table;
    listed(table, complete([row('a', { cpuUser: 0.54, memoryPercent: 54 })]));
    listed(table, complete([row('a', { cpuUser: 0.46, memoryPercent: 46 })]));
    expect(table.rev, 'within the band, however often it moves there').toBe(rev);
    listed(table, complete([row('a', { cpuUser: 0.56, memoryPercent: 50 })]));
    expect(table.rev).toBe(rev + 1);
    listed(table, complete([row('a', { cpuUser: 0.56, memoryPercent: 56 })]));
    expect(table.rev).toBe(rev + 2);
    expect(table.stateRev).toBe(stateRev);
  });

  it('not for figures of a time that is too short to mean something', () => {
    const table = newTable();
    listed(table, complete([row('a', { cpuUser: 0.1 })]));
    const { rev } = table;
    table.take(complete([row('a', { cpuUser: 2 })]), table.beginReading(), 0, false);
    expect(table.rev).toBe(rev);
  });

  it('when a figure appears or is no longer there, and when it was started again between two looks', () => {
    const table = newTable();
    listed(table, complete([row('a')]));
    const figures = [{ cpuUser: 0 }, {}, { memoryPercent: 1 }, {}, { elapsedS: 100 }];
    for (const [at, more] of figures.entries()) {
      listed(table, complete([row('a', more)]), 100);
      expect(table.rev).toBe(2 + at);
    }
    listed(table, complete([row('a', { elapsedS: 130 })]), 130);
    expect(table.rev, 'it only grew older').toBe(6);
    listed(table, complete([row('a', { elapsedS: 5 })]), 140);
    expect(table.rev).toBe(7);
  });

  it('not for what is said again, and not for a hash that is left out', () => {
    const table = newTable();
    const said = row('a', { name: 'web', hashes: { info: 'a', guest: 'g' }, cpuUser: 0.1 });
    listed(table, complete([said]));
    const { rev, checksum } = table;
    expect(listed(table, complete([said]))).toEqual([]);
    expect(listed(table, complete([row('a', { cpuUser: 0.1 })]))).toEqual([]);
    expect({ rev: table.rev, checksum: table.checksum }).toEqual({ rev, checksum });
    expect(table.get('a')?.guest).toBe('g');
  });
});

describe('a source that was restarted', () => {
  const down = { state: 'suspended', reason: 'saved', raw: { state: '5', reason: '5' } } as const;
  const forgotten = { state: 'stopped', reason: '', raw: { state: '5', reason: '0' }, forgotten: true } as const;

  it('S9: and forgot why a VM is down says nothing against what is known of it, unless it is another VM', () => {
    const table = newTable();
    listed(table, complete([row('a', down)]));
    expect(listed(table, complete([row('a', forgotten)]))).toEqual([]);
    expect(table.get('a')).toMatchObject(down);
    expect(listed(table, complete([row('a', { ...forgotten, recreated: true })]))).toEqual(['a']);
    expect(table.get('a')).toMatchObject(forgotten);
  });

  it('says so of one that was up before: it is down, however that came', () => {
    const table = newTable();
    listed(table, complete([row('a')]));
    expect(listed(table, complete([row('a', forgotten)]))).toEqual(['a']);
    expect(table.get('a')).toMatchObject({ state: 'stopped', forgotten: true });
  });

  it('and has not heard of a QEMU yet says nothing against one that does not respond, until it moves or answers', () => {
    const table = newTable();
    listed(table, complete([row('a', { state: 'not_responding', reason: 'monitor' })]));
    expect(listed(table, complete([row('a', { unproved: true })]))).toEqual([]);
    expect(table.get('a')?.state).toBe('not_responding');
    expect(listed(table, complete([row('a', { state: 'migrating_out', unproved: true })]))).toEqual(['a']);
    expect(listed(table, complete([row('a')]))).toEqual(['a']);
    expect(table.get('a')?.state).toBe('running');
  });
});

describe('who is there', () => {
  it('I2: what a complete listing lacks has left, unless it could not be read or was hinted meanwhile', () => {
    const table = newTable();
    listed(table, complete([row('a'), row('b'), row('c')]));
    expect(listed(table, complete([row('a')], ['b']))).toEqual(['-c']);
    expect(table.unreadable).toEqual(['b']);
    const reading = table.beginReading();
    table.takeHinted([row('d'), row('b', { state: 'paused' })], 0);
    expect(table.take(complete([row('a')]), reading, 0).left).toEqual([]);
    expect(table.get('b')?.state).toBe('paused');
    expect(listed(table, complete([row('a'), row('b')]))).toEqual(['b', '-d']);
  });

  it('I2: one that cannot be read is told as such and in no row; once it can, its row is recorded anew', () => {
    const table = newTable();
    listed(table, complete([row('a'), row('b')]));
    const { rev, checksum } = table;
    expect(listed(table, complete([row('a')], ['b', 'never met']))).toEqual([]);
    expect(table.unreadable).toEqual(['b', 'never met']);
    expect(table.rows().map(({ vm }) => vm)).toEqual(['a']);
    expect(table.checksum).not.toBe(checksum);
    const { stateRev } = table;
    expect(stateRev, 'no heart-beat goes on proving it').toBeGreaterThan(rev);
    listed(table, complete([row('a')], ['b', 'never met']));
    expect(table.stateRev, 'that is told once').toBe(stateRev);
    expect(listed(table, complete([row('a'), row('b')]))).toEqual(['b']);
    expect(table.delta(rev)?.rows.map(({ vm }) => vm)).toEqual(['b']);
    listed(table, complete([row('a')], ['b']));
    table.takeHinted([row('b')], 0);
    expect(table.unreadable, 'it told of itself').toEqual([]);
  });

  it('I2: what an incomplete listing lacks stays; its departures count only where it agrees', () => {
    const table = newTable();
    listed(table, complete([row('a'), row('b')]));
    const delta = { complete: false, rows: [], left: ['b'], unreadable: [] };
    expect(listed(table, { ...delta, agrees: false })).toEqual([]);
    expect(listed(table, { ...delta, agrees: true })).toEqual(['-b']);
  });

  it('S8: a reading that began before a hint says nothing against it', () => {
    const table = newTable();
    listed(table, complete([row('a')]));
    const reading = table.beginReading();
    table.takeHinted([row('a', { state: 'paused' })], 0);
    expect(table.take(complete([row('a')]), reading, 0).rows).toEqual([]);
    expect(table.get('a')?.state).toBe('paused');
    expect(listed(table, complete([row('a')]))).toEqual(['a']);
  });

  it('S8: a row that the source recorded before the one held is older, whenever it comes', () => {
    const table = newTable();
    listed(table, complete([row('a', { rev: 7, state: 'paused' })]));
    expect(listed(table, complete([row('a', { rev: 6 })]))).toEqual([]);
    table.forgetSourceRevs();
    expect(listed(table, complete([row('a', { rev: 1 })]))).toEqual(['a']);
  });
});

describe('deltas', () => {
  it('are refused where they would reach over a reset, over forgotten departures, or into the future', () => {
    const table = newTable(2);
    listed(table, complete([row('a'), row('b'), row('c'), row('d'), row('e')]));
    const { rev } = table;
    expect(table.delta(rev + 1)).toBeUndefined();
    expect(table.delta(rev)).toEqual({ rows: [], left: [] });
    listed(table, complete([]));
    expect(table.delta(rev), 'five left, at least two are remembered').toBeUndefined();
    table.reset();
    expect(table.delta(table.rev - 1)).toBeUndefined();
    expect(table.delta(table.rev)).toEqual({ rows: [], left: [] });
  });

  it('remember who left within a bound, however many do', () => {
    const log = new LeftLog(100);
    for (let rev = 1; rev <= 10_000; rev++) {
      log.add(`vm-${rev}`, rev);
      expect(log.size).toBeLessThanOrEqual(200);
    }
    expect(log.since(9_950)).toHaveLength(50);
    expect(log.since(9_000)).toBeUndefined();
  });

  it('tell name and hashes where they changed, and that a VM was defined anew to whoever knew it before', () => {
    const table = newTable();
    listed(table, complete([row('a', { name: 'web', hashes: { info: 'i' } })]));
    const first = table.rev;
    listed(table, complete([row('a', { name: 'web', hashes: { info: 'i' }, state: 'paused', recreated: true })]));
    const recorded = table.get('a');
    if (recorded === undefined) throw new Error('it is not there');
    const toKnowing = toldRow(recorded, first, false, 0);
    expect(toKnowing).toMatchObject({ state: 'paused', recreated: true, hashes: {} });
    expect(toKnowing).not.toHaveProperty('name');
    expect(toldRow(recorded, table.rev, false, 0)).not.toHaveProperty('recreated');
    const toStranger = toldRow(recorded, undefined, true, 0);
    expect(toStranger).toMatchObject({ name: 'web', hashes: { info: 'i' } });
    expect(toStranger).not.toHaveProperty('recreated');
  });

  it('applied to any earlier complete listing are the complete listing of now, and the checksum agrees', () => {
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 40 }), (happenings) => {
        const table = newTable(3);
        const earlier: Follower[] = [];
        for (const one of happenings) {
          earlier.push(new Follower(table));
          apply(table, one);
          const now = new Follower(table);
          expect(now.checksum()).toBe(table.checksum);
          for (const follower of earlier) {
            follower.poll(table);
            expect(follower.held()).toEqual(now.held());
          }
        }
      }),
    );
  });
});

const vms = ['a', 'b', 'c', 'd', 'e'];
const states: readonly VMState[] = ['running', 'paused', 'stopped'];
const someRow = fc.record({
  vm: fc.constantFrom(...vms),
  state: fc.constantFrom(...states),
  cpuUser: fc.constantFrom(0, 0.03, 0.5),
  guest: fc.constantFrom('x', 'y', undefined),
  recreated: fc.boolean(),
});
const happening = fc.oneof(
  fc.record({ kind: fc.constant('list' as const), rows: fc.array(someRow), unreadable: fc.subarray(vms) }),
  fc.record({ kind: fc.constant('partial' as const), rows: fc.array(someRow), left: fc.subarray(vms) }),
  fc.record({ kind: fc.constant('hint' as const), rows: fc.array(someRow, { maxLength: 2 }) }),
  fc.record({ kind: fc.constant('reset' as const) }),
);
type Happening = typeof happening extends fc.Arbitrary<infer T> ? T : never;

function apply(table: HostTable, one: Happening): void {
  if (one.kind === 'reset') {
    table.reset();
    return;
  }
  const rows = one.rows.map(({ vm, state, cpuUser, guest, recreated }) =>
    row(vm, { state, cpuUser, recreated, hashes: guest === undefined ? {} : { guest } }),
  );
  if (one.kind === 'hint') table.takeHinted(rows, 0);
  else if (one.kind === 'list') listed(table, complete(rows, one.unreadable));
  else listed(table, { complete: false, rows, left: one.left, unreadable: [], agrees: true });
}

/** A poller: what it holds, told by complete listings and deltas alone. */
class Follower {
  #rows = new Map<string, RuntimeRow>();
  #rev = -1;

  constructor(table: HostTable) {
    this.#listWhole(table);
  }

  poll(table: HostTable): void {
    const delta = table.delta(this.#rev);
    if (delta === undefined) {
      this.#listWhole(table);
      return;
    }
    for (const recorded of delta.rows) {
      const told: RuntimeRow = { ...toldRow(recorded, this.#rev, false, 0) };
      delete (told as { recreated?: boolean }).recreated; // said once: it is no part of what is so
      const before = this.#rows.get(told.vm);
      this.#rows.set(told.vm, { ...told, hashes: { ...before?.hashes, ...told.hashes } });
    }
    for (const vm of [...delta.left, ...table.unreadable]) this.#rows.delete(vm);
    this.#rev = table.rev;
    expect(this.checksum()).toBe(table.checksum);
  }

  held(): unknown {
    return Object.fromEntries([...this.#rows].toSorted(([a], [b]) => a.localeCompare(b)));
  }

  checksum(): string {
    const sum = new SetChecksum();
    for (const { vm, rev } of this.#rows.values()) sum.add(vm, rev);
    return sum.toString();
  }

  #listWhole(table: HostTable): void {
    this.#rows = new Map(table.rows().map((recorded) => [recorded.vm, toldRow(recorded, undefined, true, 0)]));
    this.#rev = table.rev;
  }
}
