import { describe, expect, it } from 'vitest';
import { fleetWorkload } from '../src/fleet/fleet.ts';
import { rpcWorkload } from '../src/rpc/rpc.ts';
import { expectAllTold, type FleetResults, needsNats, smallFleet, smoke } from './smoke.ts';

describe('fleet, in its other forms', () => {
  it("tells every change without agents between, the simulation being the monitor's own", async (ctx) => {
    await needsNats(ctx);
    const { report, failures } = await smoke(fleetWorkload, '--direct', ...smallFleet);
    expect(failures).toEqual([]);
    const results = report.results as FleetResults;
    expectAllTold(results);
    expect(results.bytesPerVmMinute).toBeNull();
  }, 120_000);

  it('tells what a poll can see when agents are only polled, over the connections asked for', async (ctx) => {
    await needsNats(ctx);
    const { report, failures } = await smoke(fleetWorkload, '--poll-only', '--connections', '2', ...smallFleet);
    expect(failures).toEqual([]);
    const results = report.results as FleetResults;
    expectAllTold(results);
    expect(results.run.counted.hints).toBe(0);
    expect(results.run.agentConnections).toBe(2);
    expect(report.verdicts.map(({ figure }) => figure)).toContain('P5');
  }, 120_000);

  it('compares its bytes with those of the classic scheme in the same run', async (ctx) => {
    await needsNats(ctx);
    const { report, failures } = await smoke(fleetWorkload, '--agent-processes', '2', '--with-classic', ...smallFleet);
    expect(failures).toEqual([]);
    const results = report.results as FleetResults;
    expectAllTold(results);
    const agents = results.run.cost.processes.filter(({ name }) => name.startsWith('agents'));
    expect(agents.map(({ name }) => name)).toEqual(['agents 1', 'agents 2']);
    expect(results.monitorLiveBytesPerVm).not.toBeNull();
    expect(report.verdicts.map(({ figure }) => figure)).toContain('P2');
  }, 240_000);
});

describe('rpc --paced', () => {
  it('measures what a poll costs the monitor beside bare polls of the same bytes', async (ctx) => {
    await needsNats(ctx);
    const { report, failures } = await smoke(rpcWorkload, '--paced', '20', '--seconds', '4');
    expect(failures).toEqual([]);
    const run = report.results as {
      polls: number;
      bareShareOfMonitor: number;
      replyBytes: Record<'monitor' | 'bare', number>;
    };
    expect(run.polls).toBeGreaterThan(40);
    expect(run.bareShareOfMonitor).toBeGreaterThan(0);
    expect(run.replyBytes.monitor / run.replyBytes.bare).toBeGreaterThan(0.5);
    expect(run.replyBytes.monitor / run.replyBytes.bare).toBeLessThan(2);
  }, 120_000);
});
