import { recreate } from '@vedette/simulation';
import { describe, expect, it } from 'vitest';
import { bench, LONG, listen, settleOn } from './bench.ts';

describe('a VM created anew under its UUID', () => {
  it.each([
    ['a complete listing', { delta: false, push: false }],
    ['a difference', { delta: true, push: false }],
  ])('M8: is said so once, in %s, and to each reader', async (_, capabilities) => {
    const { clock, fleet, fetcher, vm, host, poll } = bench({ capabilities });
    let last = await poll();
    fleet.script.add(recreate({ host, vm, atMs: clock.now() + 10 }));
    await clock.advance(1_000);
    const recreated: string[][] = [];
    for (let turn = 0; turn < 3; turn++) {
      last = await poll(last);
      recreated.push(last.rows.filter((row) => row.recreated).map((row) => row.vm));
    }
    expect(recreated).toEqual([[vm], [], []]);
    expect(last.rows.find((row) => row.vm === vm)?.state ?? 'running').toBe('running');
    await fetcher.close();
  });

  it('M8: is said once among hints and polls, also to a reader that missed the hints', async () => {
    const { clock, fleet, fetcher, vm, host, poll } = bench();
    const hints = listen(fetcher);
    await poll();
    await clock.advance(10);
    fleet.script.add(recreate({ host, vm, atMs: clock.now() }));
    await clock.advance(10);
    const hinted = hints.flatMap((hint) => (hint.kind === 'rows' ? hint.rows : [])).filter((row) => row.recreated);
    expect(hinted.map((row) => row.vm)).toEqual([vm]);
    expect((await poll()).rows.some((row) => row.recreated)).toBe(false);
    fleet.script.add({ kind: 'fault', atMs: clock.now(), host, fault: { kind: 'hints', how: 'lost' } });
    fleet.script.add(recreate({ host, vm, atMs: clock.now(), state: 'stopped' }));
    await clock.advance(10);
    expect((await poll()).rows.filter((row) => row.recreated)).toMatchObject([{ vm, state: 'stopped' }]);
    await fetcher.close();
  });

  it('M8: what happened before a reader came is not said to it', async () => {
    const { clock, fleet, vm, host, fetcher } = bench();
    await fetcher.close();
    fleet.script.add(recreate({ host, vm, atMs: clock.now() }));
    await clock.advance(10);
    const later = bench();
    later.fleet.script.add(recreate({ host, vm, atMs: -1 }));
    expect((await later.poll()).rows.some((row) => row.recreated)).toBe(false);
    await later.fetcher.close();
  });
});

describe('what is sampled', () => {
  it('S12: the status of a VM has its conditions', async () => {
    const { clock, fleet, fetcher, vm, poll } = bench();
    await poll();
    fleet.script.add({ kind: 'conditions', atMs: clock.now(), vm, conditions: ['io_error', 'nic'] });
    const status = await settleOn(clock, fetcher.status([vm], LONG));
    expect(status.get(vm)).toMatchObject({ observed: 'ok', content: { conditions: ['io_error', 'nic'] } });
    await fetcher.close();
  });

  it('devices are those of VMs that are up, and their counters grow', async () => {
    const { clock, fleet, fetcher, vm, host, poll } = bench();
    await poll();
    const first = await settleOn(clock, fetcher.deviceStats(LONG));
    await clock.advance(60_000);
    const other = fleet.vmId(0, 1);
    fleet.script.add({ kind: 'state', atMs: clock.now(), host, vm: other, state: 'stopped' });
    const second = await settleOn(clock, fetcher.deviceStats(LONG));
    expect([first.has(other), second.has(other)]).toEqual([true, false]);
    const [before, after] = [first.get(vm), second.get(vm)];
    expect(after?.cpuTimeS).toBeGreaterThan(before?.cpuTimeS ?? Number.POSITIVE_INFINITY);
    expect(after?.disks[0]?.readBytes).toBeGreaterThanOrEqual(before?.disks[0]?.readBytes ?? Number.POSITIVE_INFINITY);
    expect(after?.vcpus).toHaveLength(after?.currentVcpus ?? -1);
    await fetcher.close();
  });

  it('a host has shares of its processors from the second sample on', async () => {
    const { clock, fetcher, poll } = bench();
    await poll();
    const first = await settleOn(clock, fetcher.hostStats(LONG));
    expect(Object.keys(first).toSorted()).toEqual(['cpuCount', 'memoryFreeMiB', 'memoryMiB']);
    const { cpuUser = 0, cpuSystem = 0, cpuIdle = 0, cpuIoWait = 0 } = await settleOn(clock, fetcher.hostStats(LONG));
    expect(cpuUser).toBeGreaterThan(0);
    expect(cpuUser + cpuSystem + cpuIdle + cpuIoWait).toBeCloseTo(1, 9);
    await fetcher.close();
  });
});
