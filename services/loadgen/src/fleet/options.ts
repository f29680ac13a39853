import { VedetteError } from '@vedette/runtime';
import type { OptionValues } from '../harness/options.ts';
import { type LoadName, loads } from './spec.ts';

export const fleetOptions = {
  load: { type: 'text', among: Object.keys(loads), help: 'a reference load, instead of --hosts and --vms-per-host' },
  hosts: { type: 'number', from: 1, to: 100_000, help: 'simulated hosts; 25 unless given' },
  'vms-per-host': { type: 'number', from: 0, to: 10_000, help: 'seats for VMs on each; 40 unless given' },
  minutes: { type: 'number', default: 1, from: 0.02, to: 1_440, help: 'how long is measured, after the first contact' },
  'poll-only': { type: 'flag', help: 'agents neither hint nor send heart-beats' },
  interval: { type: 'number', default: 3, from: 0.1, to: 600, help: 'seconds between two polls of a host' },
  connections: { type: 'number', from: 1, to: 100_000, help: 'bus connections of the agents; one a host unless given' },
  'agent-processes': { type: 'number', default: 1, from: 1, to: 64, help: 'processes that the agents are spread over' },
  bus: { type: 'text', default: 'nats', among: ['nats', 'memory'], help: 'memory: everything in one process' },
  direct: { type: 'flag', help: 'no agents: the monitor reads the simulated hosts in its own process' },
  store: { type: 'text', default: 'sqlite', among: ['sqlite', 'memory'], help: "the updater's store" },
  churn: { type: 'number', default: 1, from: 0, to: 100, help: 'times the reference churn' },
  seed: { type: 'number', default: 1, from: 0, to: 4_294_967_295, help: 'the same seed gives the same fleet' },
  probes: { type: 'number', default: 50, from: 1, to: 10_000, help: 'bare probes a second beside the fleet' },
  settle: { type: 'number', default: 30, from: 1, to: 600, help: 'seconds the store may take to be right at the end' },
  'with-classic': {
    type: 'flag',
    help: 'the scheme of 2013 after it, with the same fleet, to compare bytes with (P2)',
  },
  profiles: { type: 'text', help: 'folder for a CPU profile of every process but the broker' },
  json: { type: 'text', help: 'file for the results' },
} as const;

export type FleetOptionValues = OptionValues<typeof fleetOptions>;

export interface FleetSize {
  readonly hosts: number;
  readonly vmsPerHost: number;
  readonly load: LoadName | undefined;
}

/** @throws VedetteError VDT_LOADGEN_USAGE when a load and other numbers are given */
export function sizeOf(options: Pick<FleetOptionValues, 'load' | 'hosts' | 'vms-per-host'>): FleetSize {
  const { load, hosts, 'vms-per-host': vmsPerHost } = options;
  if (load === undefined) return namedSize({ hosts: hosts ?? 25, vmsPerHost: vmsPerHost ?? 40 });
  if (hosts !== undefined || vmsPerHost !== undefined) {
    throw new VedetteError('VDT_LOADGEN_USAGE', {
      message: '--load says how many hosts and VMs there are: leave the others out',
    });
  }
  return { ...loads[load as LoadName], load: load as LoadName };
}

function namedSize(size: { readonly hosts: number; readonly vmsPerHost: number }): FleetSize {
  const named = Object.entries(loads).find(([, one]) => one.hosts === size.hosts && one.vmsPerHost === size.vmsPerHost);
  return { ...size, load: named?.[0] as LoadName | undefined };
}
