import type { DomainStats } from '@vedette/libvirt';
import { beforeEach, describe, expect, it } from 'vitest';
import { DomainTable } from '../../src/drivers/libvirt/domain-table.ts';

const uuid = '0d1f6a7e-3a52-4cf4-a5ab-2cbb4f5c1b11';
const off: DomainStats = {
  domain: { name: 'guest', uuid, id: -1 },
  params: new Map([
    ['state.state', 5],
    ['state.reason', 0],
  ]),
};

describe('M8: removed and defined anew', () => {
  let table: DomainTable;
  const lists = (stats: readonly DomainStats[], atMs: number) => table.take(stats, atMs, atMs + 5).present;
  /** Whether a listing tells of another domain; it is said once. */
  const isAnew = (atMs: number): boolean | undefined => {
    const [entry] = lists([off], atMs);
    const anew = entry?.recreated;
    if (entry !== undefined) entry.returned = false; // a row told it
    return anew;
  };

  beforeEach(() => {
    table = new DomainTable(() => undefined);
    expect(isAnew(0)).toBe(false);
  });

  it('is another domain, where a listing lacked it or an event told of its removal', () => {
    lists([], 100);
    expect([isAnew(200), isAnew(300)]).toEqual([true, false]);
    table.undefined(uuid, 20_000);
    expect([isAnew(20_100), isAnew(20_200)]).toEqual([true, false]);
  });

  it('T2: a listing asked for before the removal does not bring it back', () => {
    table.undefined(uuid, 100);
    expect(lists([off], 90)).toEqual([]);
    expect(isAnew(200)).toBe(true);
  });

  it('T3: the event of a removal that a listing has found says nothing new, however late it comes', () => {
    for (const lateMs of [150, 9_000]) {
      const fromMs = lateMs * 10;
      lists([], fromMs + 100);
      expect(isAnew(fromMs + 120)).toBe(true);
      table.undefined(uuid, fromMs + 100 + lateMs);
      expect(isAnew(fromMs + 200 + lateMs)).toBe(false);
    }
  });

  it('T3: a second removal is one', () => {
    lists([], 100);
    expect(isAnew(120)).toBe(true);
    table.undefined(uuid, 150); // of the first
    table.undefined(uuid, 200);
    expect(isAnew(300)).toBe(true);
  });
});
