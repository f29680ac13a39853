import { describe, expect, it } from 'vitest';
import { fleetWorkload } from '../src/fleet/fleet.ts';
import { expectAllTold, type FleetResults, needsNats, smallFleet, smoke } from './smoke.ts';

describe('fleet', () => {
  it('tells every change of agents on a real NATS, each part in a process of its own, with bytes and shares', async (ctx) => {
    await needsNats(ctx);
    const { report, failures } = await smoke(fleetWorkload, ...smallFleet);
    expect(failures).toEqual([]);
    const results = report.results as FleetResults;
    expectAllTold(results);
    const { processes } = results.run.cost;
    expect(processes.map(({ name }) => name)).toEqual(['broker', 'updater', 'watcher', 'agents', 'monitor']);
    for (const { cpuMs } of processes) expect(cpuMs).toBeGreaterThan(0);
    expect(results.run.agentConnections).toBe(8);
    expect(results.bytesPerVmMinute).toBeGreaterThan(0);
    expect(report.verdicts.map(({ figure }) => figure)).toContain('P4');
  }, 120_000);
});
