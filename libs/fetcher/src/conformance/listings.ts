import { isIdentifier, vmStates } from '@vedette/model';
import { expect, it } from 'vitest';
import { LONG, type Subject } from './subject.ts';
import { saying } from './under-test.ts';

/** What a listing says (H1, H3). */
export function listings(subject: Subject): void {
  it('are complete: every VM that is there, once, in the state that it is in', async () => {
    await using fetcher = subject.open();
    const listing = await subject.on.settle(fetcher.runtimeStats(LONG));
    expect(listing).toMatchObject({ complete: true, agrees: true, left: [], unreadable: [] });
    expect(listing.hostUuid).not.toBe('');
    expect(listing.boot).not.toBe('');
    const truth = await subject.on.truth();
    expect(listing.rows).toHaveLength(truth.size);
    expect(new Map(listing.rows.map(({ vm, state }) => [vm, state]))).toEqual(truth);
  });

  it('have sane rows', async () => {
    await using fetcher = subject.open();
    await subject.on.settle(fetcher.runtimeStats(LONG));
    const { rows, rev } = await subject.on.settle(fetcher.runtimeStats(LONG));
    for (const row of rows) {
      expect(row.vm).toSatisfy(isIdentifier);
      expect(vmStates).toContain(row.state);
      expect(['absent', 'gone']).not.toContain(row.state);
      expect(row.raw).toEqual({ state: expect.any(String), reason: expect.any(String) });
      for (const share of [row.cpuSystem, row.cpuUser, row.elapsedS]) expect(share ?? 0).toBeGreaterThanOrEqual(0);
      expect(row.memoryPercent ?? 0).toBeGreaterThanOrEqual(0);
      expect(row.memoryPercent ?? 0).toBeLessThanOrEqual(100);
      for (const hash of Object.values(row.hashes)) expect(hash).toMatch(/^([0-9a-f]{16})?$/);
      expect(row.rev).toBeLessThanOrEqual(rev);
    }
  });

  it('H3: polling changes nothing, however many poll', async () => {
    await using one = subject.open();
    await using other = subject.open();
    const first = await subject.on.settle(one.runtimeStats(LONG));
    const others = await subject.on.settle(other.runtimeStats(LONG));
    const second = await subject.on.settle(one.runtimeStats(LONG));
    for (const { hostUuid, boot, rows } of [others, second]) {
      expect({ hostUuid, boot }).toEqual({ hostUuid: first.hostUuid, boot: first.boot });
      expect(rows.map(saying)).toEqual(first.rows.map(saying));
    }
  });

  it('answer a since with a delta where that is declared, else completely', async () => {
    await using fetcher = subject.open();
    const { boot, rev, rows } = await subject.on.settle(fetcher.runtimeStats(LONG));
    const since = { boot, rev };
    const quiet = await subject.on.settle(fetcher.runtimeStats({ ...LONG, since }));
    expect(quiet.complete).toBe(!fetcher.capabilities.delta);
    expect(quiet.agrees).toBe(true);
    const { vm, state } = await subject.on.changeState();
    const changed = await subject.on.settle(fetcher.runtimeStats({ ...LONG, since }));
    expect(changed.rows.find((row) => row.vm === vm)?.state).toBe(state);
    if (!changed.complete) expect(changed.rows.length).toBeLessThan(rows.length);
    const unknownBoot = await subject.on.settle(fetcher.runtimeStats({ ...LONG, since: { boot: 'unheard of', rev } }));
    expect(unknownBoot.complete).toBe(true);
  });
}
