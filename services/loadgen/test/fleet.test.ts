import { describe, expect, it } from 'vitest';
import { fleetWorkload } from '../src/fleet/fleet.ts';
import { expectAllTold, type FleetResults, smallFleet, smoke } from './smoke.ts';

describe('fleet', () => {
  it('tells every change of a fleet over the memory bus, and nothing else', async () => {
    const { report, failures } = await smoke(fleetWorkload, '--bus', 'memory', '--store', 'memory', ...smallFleet);
    expect(failures).toEqual([]);
    expectAllTold(report.results as FleetResults);
  }, 60_000);
});
