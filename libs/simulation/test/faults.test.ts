import { abortMigration, migrate, simulationDriver } from '@vedette/simulation';
import { describe, expect, it } from 'vitest';
import { bench, LONG, settleOn, stateOf } from './bench.ts';

describe('faults of a simulated host', () => {
  it.each([
    ['refuse', 'VDT_FETCHER_REFUSED'],
    ['reset', 'VDT_FETCHER_RESET'],
    ['tls', 'VDT_FETCHER_TLS'],
    ['auth', 'VDT_FETCHER_AUTH'],
    ['hang', 'VDT_FETCHER_TIMEOUT'],
    ['half-reply', 'VDT_FETCHER_PARTIAL'],
    ['not-json', 'VDT_FETCHER_MALFORMED'],
    ['wrong-schema', 'VDT_FETCHER_MALFORMED'],
    ['oversized', 'VDT_FETCHER_TOO_LARGE'],
  ] as const)('N1: %s is %s from its beginning to its end', async (kind, code) => {
    const { clock, fleet, fetcher, host, poll } = bench({ latencyMs: 10 });
    fleet.script.add({ kind: 'fault', atMs: 1_000, untilMs: 60_000, host, fault: { kind } });
    await poll();
    await clock.advance(2_000);
    await expect(poll()).rejects.toMatchObject({ code });
    await expect(settleOn(clock, fetcher.describe(LONG))).rejects.toMatchObject({ code });
    await clock.advance(60_000);
    await poll();
  });

  it('only the calls that are named meet it', async () => {
    const { clock, fleet, fetcher, vm, host, poll } = bench();
    fleet.script.add({ kind: 'fault', atMs: 0, host, fault: { kind: 'hang', only: ['guestDetails'] } });
    await poll();
    await expect(settleOn(clock, fetcher.guestDetails([vm], LONG))).rejects.toMatchObject({
      code: 'VDT_FETCHER_TIMEOUT',
    });
  });

  it('S8: a slow answer tells what was true when it was asked for', async () => {
    const { clock, fleet, fetcher, vm, host } = bench();
    fleet.script.add(
      { kind: 'fault', atMs: 0, untilMs: 100, host, fault: { kind: 'slow', delayMs: 2_000 } },
      { kind: 'state', atMs: 1_000, host, vm, state: 'paused' },
    );
    const late = fetcher.runtimeStats(LONG);
    await clock.advance(1_500);
    const early = await fetcher.runtimeStats(LONG);
    expect(stateOf(early, vm)).toBe('paused');
    const answered = await settleOn(clock, late);
    expect(stateOf(answered, vm)).toBe('running');
    expect(answered.rev).toBeLessThan(early.rev);
  });

  it('N1: another host answers, or a stranger, in listing and sections', async () => {
    const { clock, fleet, fetcher, vm, host, poll } = bench();
    fleet.script.add({ kind: 'fault', atMs: 0, untilMs: 10, host, fault: { kind: 'foreign', as: fleet.host(1).id } });
    fleet.script.add({ kind: 'fault', atMs: 10, untilMs: 20, host, fault: { kind: 'foreign' } });
    const other = await poll();
    expect(other.hostUuid).toBe(fleet.host(1).hostUuid);
    expect(other.rows).toHaveLength(3);
    expect((await fetcher.config([vm], LONG)).has(vm)).toBe(false);
    expect((await fetcher.describe(LONG)).hostUuid).toBe(other.hostUuid);
    await clock.advance(10);
    const stranger = await poll();
    expect(stranger).toMatchObject({ complete: true, rows: [] });
    expect([fleet.host(0).hostUuid, fleet.host(1).hostUuid]).not.toContain(stranger.hostUuid);
    await clock.advance(10);
    expect((await poll()).hostUuid).toBe(fleet.host(0).hostUuid);
  });

  it('N1: two agents answer in turn', async () => {
    const { fleet, host, poll } = bench();
    fleet.script.add({ kind: 'fault', atMs: 0, host, fault: { kind: 'two-agents' } });
    const replies = [await poll(), await poll(), await poll(), await poll()];
    expect(replies.map(({ rows }) => rows.length)).toEqual([3, 0, 3, 0]);
    expect(new Set(replies.map(({ hostUuid }) => hostUuid)).size).toBe(1);
    const [a, b, c, d] = replies.map(({ boot }) => boot);
    expect([a === c, b === d, a === b]).toEqual([true, true, false]);
  });

  it.each([
    ['unreadable', { complete: true, unreadable: 1 }],
    ['incomplete', { complete: false, unreadable: 0 }],
    ['complete', { complete: true, unreadable: 0 }],
  ] as const)('N2: a partial listing, %s', async (how, expected) => {
    const { fleet, vm, host, poll } = bench();
    fleet.script.add({ kind: 'fault', atMs: 0, host, fault: { kind: 'partial', how, vms: [vm] } });
    const listing = await poll();
    expect(listing.rows).toHaveLength(2);
    expect({ complete: listing.complete, unreadable: listing.unreadable.length }).toEqual(expected);
  });

  it('a delta that disagrees, and a host that calls itself unfit', async () => {
    const { fleet, fetcher, host, poll } = bench();
    fleet.script.add({ kind: 'fault', atMs: 0, host, fault: { kind: 'disagree' } });
    fleet.script.add({ kind: 'fault', atMs: 0, host, fault: { kind: 'unfit', reason: 'no KVM' } });
    const complete = await poll();
    expect(complete.agrees).toBe(true);
    expect((await poll(complete)).agrees).toBe(false);
    expect((await fetcher.describe(LONG)).unfit).toBe('no KVM');
  });

  it('N7: a hung host delays no other', async () => {
    const { clock, fleet, host } = bench();
    const driver = simulationDriver({ fleet, clock });
    fleet.script.add({ kind: 'fault', atMs: 0, host, fault: { kind: 'hang' } });
    const hung = driver.open(fleet.host(0)).runtimeStats(LONG);
    expect((await driver.open(fleet.host(1)).runtimeStats(LONG)).rows).toHaveLength(3);
    await expect(settleOn(clock, hung)).rejects.toMatchObject({ code: 'VDT_FETCHER_TIMEOUT' });
  });
});

describe('scripted migrations at the driver', () => {
  async function seen(entries: 'migrate' | 'abort', options: { sourceLagMs?: number; arrivesAfterMs?: number }) {
    const { clock, fleet, vm } = bench();
    const [from, to] = [fleet.host(0), fleet.host(1)];
    const driver = simulationDriver({ fleet, clock });
    const fetchers = [driver.open(from), driver.open(to)] as const;
    const build = entries === 'migrate' ? migrate : abortMigration;
    fleet.script.add(build({ vm, from: from.id, to: to.id, atMs: 1_000, ...options }));
    const pairs: string[] = [];
    for (let at = 0; at < 120; at++) {
      const [here, there] = await Promise.all(fetchers.map((fetcher) => fetcher.runtimeStats(LONG)));
      const pair = [here, there].map((stats) => (stats === undefined ? '' : (stateOf(stats, vm) ?? '-'))).join(' ');
      if (pairs.at(-1) !== pair) pairs.push(pair);
      await clock.advance(100);
    }
    return pairs;
  }

  it('M1: every order of what the two hosts say', async () => {
    expect(await seen('migrate', {})).toEqual([
      'running -',
      'migrating_out migrating_in',
      'migrating_out running',
      'migrated_away running',
      '- running',
    ]);
    expect(await seen('migrate', { sourceLagMs: -500, arrivesAfterMs: 500 })).toEqual([
      'running -',
      'migrating_out -',
      'migrating_out migrating_in',
      'migrated_away migrating_in',
      'migrated_away running',
      '- running',
    ]);
  });

  it('M2: aborted, it stays', async () => {
    expect(await seen('abort', {})).toEqual(['running -', 'migrating_out migrating_in', 'running -']);
  });
});
