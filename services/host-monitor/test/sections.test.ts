import { describe, expect, it } from 'vitest';
import { newEntry } from '../src/knowledge.ts';
import { hasAll, putOff, wantsSections } from '../src/sections.ts';

describe('which sections are asked for', () => {
  it('S4: what was taken in is not asked for again; another hash is, of its own group only', () => {
    const entry = newEntry('v');
    entry.listed = { info: 'i', config: 'c', guest: 'g', status: 's' };
    entry.taken = { ...entry.listed };
    expect(hasAll(entry)).toBe(true);
    entry.listed.status = 't';
    expect(hasAll(entry)).toBe(false);
    expect((['config', 'guest', 'status'] as const).map((group) => wantsSections(entry, group, 1))).toEqual([
      false,
      false,
      true,
    ]);
  });

  it('what cannot be had is put off by 1, 2, 4, 8, 16, 20, 20 polls; another hash of the group is asked for at once', () => {
    const entry = newEntry('v');
    entry.listed = { guest: 'g', status: 's' };
    const waits: number[] = [];
    let poll = 1;
    for (let turn = 0; turn < 7; turn++) {
      putOff(entry, 'guest', { ...entry.listed }, poll);
      const asked = poll;
      while (!wantsSections(entry, 'guest', poll)) poll++;
      waits.push(poll - asked);
    }
    expect(waits).toEqual([1, 2, 4, 8, 16, 20, 20]);
    putOff(entry, 'guest', { ...entry.listed }, poll);
    expect(wantsSections(entry, 'guest', poll)).toBe(false);
    expect(wantsSections(entry, 'status', poll)).toBe(true);
    entry.listed.status = 't';
    expect(wantsSections(entry, 'guest', poll)).toBe(false);
    entry.listed.guest = 'h';
    expect(wantsSections(entry, 'guest', poll)).toBe(true);
  });
});
