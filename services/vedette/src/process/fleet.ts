import type { HostDriver } from '@vedette/fetcher';
import type { Clock } from '@vedette/runtime';
import { type Churn, createFleet, simulationDriver } from '@vedette/simulation';
import type { WatchedHost } from '../config/load.ts';
import type { FleetSize } from './fleet-size.ts';

/** Livelier than a real fleet, so that something can be seen: about two events a second of 1,000 VMs. */
const demoChurn: Churn = {
  stateChangesPerMinute: 0.03,
  addressChangesPerMinute: 0.01,
  migrationsPerMinute: 0.01,
  crashesPerMinute: 0.001,
  rebootsPerMinute: 0.004,
  configChangesPerMinute: 0.001,
  creationsPerMinute: 0.002,
};

const hostsPerRealm = 12;
const stoppedShare = 0.04;
const latencyMs = 2;

/** The hosts of a simulated fleet that begins now, and what reaches them. */
export function simulatedFleet(
  { hosts, vmsPerHost }: FleetSize,
  seed: number,
  clock: Clock,
): { readonly hosts: readonly WatchedHost[]; readonly driver: HostDriver } {
  const realms = Math.max(1, Math.round(hosts / hostsPerRealm));
  const fleet = createFleet({ seed, hosts, vmsPerHost, realms, churn: demoChurn, stoppedShare });
  return {
    hosts: fleet.hostIds().map((id) => {
      const { name, realm, url } = fleet.host(id);
      return { id, name, realm, url };
    }),
    driver: simulationDriver({ fleet, clock, latencyMs, originMs: clock.now() }),
  };
}
