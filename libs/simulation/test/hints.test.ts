import { SimulatedClock } from '@vedette/runtime/simulated-clock';
import { createFleet, referenceChurn, simulationDriver } from '@vedette/simulation';
import { describe, expect, it } from 'vitest';
import { bench, listen, stateOf, told } from './bench.ts';

describe('hints of the simulated agent', () => {
  it('come at the instant of the change, with one timer a host however many VMs and changes', async () => {
    const clock = new SimulatedClock();
    const fleet = createFleet({
      seed: 1,
      hosts: 1,
      vmsPerHost: 40,
      churn: { ...referenceChurn, stateChangesPerMinute: 0.2, creationsPerMinute: 0 },
    });
    await using fetcher = simulationDriver({ fleet, clock }).open(fleet.host(0));
    const hints = listen(fetcher);
    await clock.advance(0);
    let seen = new Map(
      fleet
        .host(0)
        .at(0)
        .map(({ identity, state }) => [identity.vm, state]),
    );
    for (let minute = 0; minute < 30; minute++) {
      await clock.advance(60_000);
      expect(clock.pendingTimers).toBe(1);
    }
    for (const hint of hints)
      if (hint.kind === 'rows') seen = new Map([...seen, ...hint.rows.map((row) => [row.vm, row.state] as const)]);
    expect(hints.length).toBeGreaterThan(100);
    const now = fleet.host(0).at(clock.now());
    expect(seen).toEqual(new Map(now.map(({ identity, state }) => [identity.vm, state])));
    await fetcher.close();
    await clock.advance(0);
    expect(clock.pendingTimers).toBe(0);
  });

  it('a VM that leaves asks for a poll', async () => {
    const { clock, fleet, fetcher, vm, host } = bench();
    const hints = listen(fetcher);
    fleet.script.add({ kind: 'absent', atMs: 500, host, vm });
    await clock.advance(600);
    expect(hints).toEqual([{ kind: 'poll', reason: `no longer there: ${vm}` }]);
  });

  it('what changes while the host cannot be reached is not told; its return asks for a poll', async () => {
    const { clock, fleet, fetcher, vm, host, poll } = bench();
    const hints = listen(fetcher);
    fleet.script.add(
      { kind: 'fault', atMs: 1_000, untilMs: 5_000, host, fault: { kind: 'refuse' } },
      { kind: 'state', atMs: 2_000, host, vm, state: 'paused' },
      { kind: 'state', atMs: 6_000, host, vm, state: 'running' },
    );
    await clock.advance(4_000);
    expect(hints).toEqual([]);
    await clock.advance(1_000);
    expect(told(hints, vm)).toEqual(['poll']);
    expect(stateOf(await poll(), vm)).toBe('paused');
    await clock.advance(1_000);
    expect(told(hints, vm)).toEqual(['poll', 'running']);
  });

  it('an entry added for now is told at once, one added for the past with it', async () => {
    const { clock, fleet, fetcher, vm, host } = bench();
    const hints = listen(fetcher);
    await clock.advance(1_000);
    fleet.script.add({ kind: 'state', atMs: 1_000, host, vm, state: 'paused' });
    await clock.advance(0);
    expect(told(hints, vm)).toEqual(['paused']);
  });

  it.each([
    ['lost', ['stopped', 'poll']],
    ['duplicated', ['paused', 'running', 'stopped']],
    ['reordered', ['running', 'poll', 'stopped']],
    ['late', ['paused', 'running', 'stopped']],
  ] as const)('%s: %j is what the reader is told', async (how, expected) => {
    const { clock, fleet, fetcher, vm, host } = bench();
    const hints = listen(fetcher);
    await clock.advance(0);
    fleet.script.add(
      { kind: 'fault', atMs: 0, untilMs: 2_500, host, fault: { kind: 'hints', how, delayMs: 100 } },
      { kind: 'state', atMs: 1_000, host, vm, state: 'paused' },
      { kind: 'state', atMs: 2_000, host, vm, state: 'running' },
      { kind: 'state', atMs: 3_000, host, vm, state: 'stopped' },
    );
    await clock.advance(2_050);
    if (how === 'late') expect(told(hints, vm)).toEqual(['paused']);
    await clock.advance(2_000);
    expect(told(hints, vm)).toEqual(expected);
  });

  it('a hint that arrives after a poll has told as much is dropped', async () => {
    const { clock, fleet, fetcher, vm, host, poll } = bench();
    const hints = listen(fetcher);
    await clock.advance(0);
    fleet.script.add(
      { kind: 'fault', atMs: 0, untilMs: 1_500, host, fault: { kind: 'hints', how: 'late', delayMs: 2_000 } },
      { kind: 'state', atMs: 1_000, host, vm, state: 'paused' },
      { kind: 'state', atMs: 2_000, host, vm, state: 'running' },
    );
    await clock.advance(2_500);
    expect(stateOf(await poll(), vm)).toBe('running');
    await clock.advance(1_000);
    expect(told(hints, vm), 'the hint that overtook the late one, and the gap it shows').toEqual(['running', 'poll']);
  });

  it('S9: an agent that restarts has another boot, the same content, and asks for a poll', async () => {
    const { clock, fleet, fetcher, host, poll } = bench();
    const hints = listen(fetcher);
    const before = await poll();
    fleet.script.add({ kind: 'restart', atMs: 1_000, host });
    await clock.advance(1_000);
    const after = await poll(before);
    expect(after.boot).not.toBe(before.boot);
    expect(after.complete).toBe(true);
    expect(after.rows.map(({ vm, state, hashes }) => ({ vm, state, hashes }))).toEqual(
      before.rows.map(({ vm, state, hashes }) => ({ vm, state, hashes })),
    );
    expect(hints.map(({ kind }) => kind)).toEqual(['poll']);
  });
});
