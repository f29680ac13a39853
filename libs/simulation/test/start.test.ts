import { SimulatedClock } from '@vedette/runtime/simulated-clock';
import { createFleet, simulationDriver } from '@vedette/simulation';
import { expect, it } from 'vitest';
import { bench, LONG, stateOf } from './bench.ts';

const NOT_AFTER = '2026-12-31T00:00:00Z';

it('L1: a VM that is down is started, once for an intent, over a restart of the agent too', async () => {
  const { clock, fleet, fetcher, vm, host, poll } = bench();
  fleet.script.add({ kind: 'state', atMs: 0, host, vm, state: 'stopped' });
  await clock.advance(10);
  expect(stateOf(await poll(), vm)).toBe('stopped');
  const request = { vm, intentId: 'i-1', notAfter: NOT_AFTER };
  expect(await fetcher.start(request, LONG)).toEqual({ outcome: 'started', detail: '' });
  await clock.advance(10);
  expect(stateOf(await poll(), vm)).toBe('running');
  fleet.script.add({ kind: 'state', atMs: clock.now(), host, vm, state: 'stopped' });
  fleet.script.add({ kind: 'restart', atMs: clock.now(), host });
  await clock.advance(10);
  expect(await fetcher.start(request, LONG)).toEqual({ outcome: 'started', detail: '' });
  expect(stateOf(await poll(), vm)).toBe('stopped');
  await fetcher.close();
});

it('L6: what is not down is not touched; what is not there, or too late, is told', async () => {
  const { fleet, fetcher, vm, host, clock } = bench();
  fleet.script.add({ kind: 'state', atMs: 0, host, vm, state: 'paused' });
  await clock.advance(10);
  const ask = (intentId: string, change: object) =>
    fetcher.start({ vm, intentId, notAfter: NOT_AFTER, ...change }, LONG);
  expect(await ask('i-1', {})).toMatchObject({ outcome: 'active' });
  expect(await ask('i-2', { vm: 'nobody' })).toMatchObject({ outcome: 'refused' });
  expect(await ask('i-3', { notAfter: '2025-12-31T00:00:00Z' })).toMatchObject({ outcome: 'expired' });
  await fetcher.close();
});

it('a host that starts nothing says so', async () => {
  const clock = new SimulatedClock();
  const fleet = createFleet({ seed: 23, hosts: 1, vmsPerHost: 1 });
  await using fetcher = simulationDriver({ fleet, clock, capabilities: { start: false } }).open(fleet.host(0));
  const asked = fetcher.start({ vm: fleet.vmId(0, 0), intentId: 'i', notAfter: NOT_AFTER }, LONG);
  await expect(asked).rejects.toMatchObject({ code: 'VDT_FETCHER_UNSUPPORTED' });
});
