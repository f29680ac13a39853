import { Metrics } from '@vedette/telemetry';
import { expect, it } from 'vitest';
import { exposeMonitorMetrics } from '../src/index.ts';
import { WatchedFleet } from './support/watched-fleet.ts';

/** The value of a series without labels. */
async function figure(metrics: Metrics, name: string): Promise<number> {
  const text = await metrics.render();
  const line = text.split('\n').find((one) => one.startsWith(`${name} `));
  return Number(line?.slice(name.length + 1) ?? Number.NaN);
}

it('shows hosts that are polled rarely, blindness, and what waits for a whole listing', async () => {
  await using watched = await WatchedFleet.begin({ hosts: 20, monitor: { wholeListings: 4, atOncePolls: 2 } });
  const metrics = new Metrics();
  const scope = exposeMonitorMetrics(metrics, watched.monitor);
  const read = (name: string) => figure(metrics, `vedette_monitor_${name}`);
  await watched.pass(60_000);
  expect([await read('hosts'), await read('vms'), await read('hosts_stretched')]).toEqual([20, 40, 20]);
  expect([await read('blind'), await read('blindnesses_total')]).toEqual([0, 0]);
  expect(await read('heart_beats_total')).toBeGreaterThan(300);
  const atMs = watched.nowMs;
  for (const host of watched.hosts) {
    watched.fleet.script.add({ kind: 'fault', atMs, host, fault: { kind: 'hang' } });
    watched.driver.silent.add(host);
  }
  await watched.pass(60_000);
  expect([await read('blind'), await read('blindnesses_total')]).toEqual([1, 1]);
  expect(await read('blind_failures_total')).toBeGreaterThan(0);
  expect(await read('hosts_stretched')).toBe(0);
  expect(await read('heart_beats_missed_total')).toBeGreaterThan(0); // the others' polls failed before that
  expect(await read('polls_put_off_total')).toBeGreaterThan(0);
  await watched.stopMonitor();
  await watched.startMonitor();
  scope.close();
  exposeMonitorMetrics(metrics, watched.monitor);
  await watched.pass(0);
  expect([await read('whole_listings'), await read('whole_listings_waiting')]).toEqual([4, 16]);
});
