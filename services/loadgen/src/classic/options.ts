import { fleetOptions } from '../fleet/options.ts';

const {
  load,
  hosts,
  'vms-per-host': vmsPerHost,
  minutes,
  connections,
  bus,
  churn,
  seed,
  profiles,
  json,
} = fleetOptions;

export const classicOptions = {
  ...{ load, hosts, 'vms-per-host': vmsPerHost, minutes, connections, bus, churn, seed, profiles, json },
  interval: { type: 'number', default: 15, from: 0.1, to: 600, help: 'seconds between two cycles of a host' },
} as const;
