import { SimulatedClock } from '@vedette/runtime/simulated-clock';
import { createFleet, simulationDriver } from '@vedette/simulation';
import { describe, expect, it } from 'vitest';

const options = { timeoutMs: 1_000 };

/** The CPU loads of a VM at every poll, in points of percent. */
async function loadsOf(seed: number, burstyShare: number, polls: number): Promise<number[][]> {
  const clock = new SimulatedClock();
  const fleet = createFleet({ seed, hosts: 1, vmsPerHost: 40, cpu: { burstyShare } });
  const fetcher = simulationDriver({ fleet, clock }).open({ id: 'h', url: fleet.host(0).url });
  const loads = Array.from({ length: 40 }, (): number[] => []);
  for (let poll = 0; poll < polls; poll++) {
    const { rows } = await fetcher.runtimeStats(options);
    for (const [at, { cpuUser = 0, cpuSystem = 0 }] of rows.entries()) loads[at]?.push(100 * (cpuUser + cpuSystem));
    await clock.advance(3_000);
  }
  return loads;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function covariance(a: readonly number[], b: readonly number[]): number {
  return mean(a.map((value, at) => (value - mean(a)) * ((b[at] ?? 0) - mean(b))));
}

describe('CPU load', () => {
  it('walks as AR(1): about 3 points wide, each poll close to the one before', async () => {
    const loads = (await loadsOf(1, 0, 800)).filter((values) => mean(values) > 12); // not cut off at zero
    expect(loads.length).toBeGreaterThan(5);
    const deviations = loads.map((values) => Math.sqrt(covariance(values, values)));
    expect(mean(deviations)).toBeGreaterThan(2.7);
    expect(mean(deviations)).toBeLessThan(3.3);
    const lag = (by: number): number =>
      mean(loads.map((values) => covariance(values.slice(by), values.slice(0, -by)) / covariance(values, values)));
    expect(lag(1)).toBeGreaterThan(0.75);
    expect(lag(1)).toBeLessThan(0.85);
    expect(lag(2)).toBeGreaterThan(0.58);
    expect(lag(2)).toBeLessThan(0.7);
    expect(Math.abs(lag(30))).toBeLessThan(0.1);
  });

  it('has bursts in the share of VMs asked for', async () => {
    const loads = await loadsOf(2, 0.25, 200);
    const bursty = loads.filter((values) => Math.max(...values) - mean(values) > 30);
    expect(bursty.length).toBeGreaterThan(4);
    expect(bursty.length).toBeLessThan(18);
  });

  it('is measured of VMs that are up, and of no other', async () => {
    const clock = new SimulatedClock();
    const fleet = createFleet({ seed: 3, hosts: 1, vmsPerHost: 40, stoppedShare: 0.5 });
    const { rows } = await simulationDriver({ fleet, clock })
      .open({ id: 'h', url: fleet.host(0).url })
      .runtimeStats(options);
    for (const row of rows) {
      const up = row.state === 'running';
      expect(
        [row.cpuUser, row.cpuSystem, row.memoryPercent, row.elapsedS].every((value) => (value !== undefined) === up),
      ).toBe(true);
      if (!up) continue;
      expect(row.memoryPercent).toBeGreaterThan(0);
      expect(row.memoryPercent).toBeLessThan(100);
      expect(row.elapsedS).toBeGreaterThanOrEqual(0);
    }
  });
});
