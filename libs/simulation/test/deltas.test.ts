import { SimulatedClock } from '@vedette/runtime/simulated-clock';
import { createFleet, simulationDriver } from '@vedette/simulation';
import { describe, expect, it } from 'vitest';
import { bench, LONG, listen, stateOf } from './bench.ts';

describe('deltas of the simulated agent', () => {
  it('name what changed and what left since the given rev, also twice', async () => {
    const { clock, fleet, vm, host, poll } = bench();
    const other = fleet.vmId(0, 1);
    const first = await poll();
    fleet.script.add(
      { kind: 'state', atMs: 1_000, host, vm, state: 'paused' },
      { kind: 'absent', atMs: 2_000, host, vm: other },
    );
    await clock.advance(3_000);
    for (let time = 0; time < 2; time++) {
      const delta = await poll(first);
      expect(delta).toMatchObject({ complete: false, agrees: true, left: [other] });
      expect(stateOf(delta, vm)).toBe('paused');
    }
    const latest = await poll(first);
    expect(await poll(latest)).toMatchObject({ complete: false, left: [], rows: [] });
  });

  it('a row is recorded anew when CPU moves beyond the dead band, with no hint', async () => {
    const clock = new SimulatedClock();
    const fleet = createFleet({ seed: 2, hosts: 1, vmsPerHost: 40, cpu: { sdPoints: 6 } });
    await using fetcher = simulationDriver({ fleet, clock }).open(fleet.host(0));
    const hints = listen(fetcher);
    let last = await fetcher.runtimeStats(LONG);
    let rows = 0;
    for (let polls = 0; polls < 50; polls++) {
      await clock.advance(3_000);
      last = await fetcher.runtimeStats({ ...LONG, since: last });
      rows += last.rows.length;
    }
    expect(rows).toBeGreaterThan(50);
    expect(rows).toBeLessThan((50 * 40) / 2);
    expect(hints).toEqual([]);
  });

  it('a poller that is too far behind gets a complete listing', async () => {
    const { clock, fleet, host, poll } = bench();
    for (let at = 0; at < 1_030; at++) {
      const vm = `passing-${at}`;
      fleet.script.add(
        { kind: 'state', atMs: 0, host, vm, state: 'running' },
        { kind: 'absent', atMs: 10 + at, host, vm },
      );
    }
    const first = await poll();
    await clock.advance(500);
    const second = await poll(first);
    expect(second).toMatchObject({ complete: false, left: { length: 491 } });
    await clock.advance(600);
    expect(await poll(second)).toMatchObject({ complete: false, left: { length: 539 } });
    expect((await poll(first)).complete).toBe(true);
  });
});
