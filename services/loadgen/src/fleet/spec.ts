import { type Churn, createFleet, type Fleet, referenceChurn } from '@vedette/simulation';

/** A simulated fleet, in a form that can be sent to another process: the same numbers give the same fleet there. */
export interface FleetSpec {
  readonly seed: number;
  readonly hosts: number;
  readonly vmsPerHost: number;
  /** Times the reference churn of docs/performance.md. */
  readonly churn: number;
  /** When the fleet begins, in the time common to all processes (see shared-time.ts). */
  readonly originSharedMs: number;
}

/** The reference loads of docs/performance.md. */
export const loads = {
  S: { hosts: 250, vmsPerHost: 40 },
  M: { hosts: 2_500, vmsPerHost: 40 },
  L: { hosts: 10_000, vmsPerHost: 40 },
  XL: { hosts: 25_000, vmsPerHost: 40 },
  XXL: { hosts: 50_000, vmsPerHost: 40 },
} as const;
export type LoadName = keyof typeof loads;

const hostsPerRealm = 500;

export function fleetOf({ seed, hosts, vmsPerHost, churn: times }: FleetSpec): Fleet {
  const churn = Object.fromEntries(Object.entries(referenceChurn).map(([what, rate]) => [what, rate * times]));
  const realms = Math.max(1, Math.round(hosts / hostsPerRealm));
  return createFleet({ seed, hosts, vmsPerHost, realms, churn: churn as unknown as Churn });
}

/** The hosts of a role: from `from` up to, but without, `to`. */
export interface HostRange {
  readonly from: number;
  readonly to: number;
}

/** Cuts hosts into ranges of as near as possible the same length. */
export function splitHosts({ from, to }: HostRange, parts: number): readonly HostRange[] {
  const count = to - from;
  return Array.from({ length: Math.min(parts, count) }, (_, part) => ({
    from: from + Math.floor((part * count) / Math.min(parts, count)),
    to: from + Math.floor(((part + 1) * count) / Math.min(parts, count)),
  }));
}
