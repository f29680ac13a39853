import { type ClassicRun, runClassic } from '../classic/run.ts';
import { readOptions } from '../harness/options.ts';
import type { Workload, WorkloadContext } from '../workload.ts';
import { type FleetOptionValues, fleetOptions } from './options.ts';
import { reportFleet } from './report.ts';
import { type FleetRun, runFleet } from './run.ts';

/**
 * A simulated fleet with churn through the whole system: agents, broker, monitor, updater, store and a subscriber, each
 * in a process of its own (P2, P3, P4, P5, P9). What should have been told is known, so what was not, is found.
 */
export const fleetWorkload: Workload = {
  name: 'fleet',
  summary: 'simulated agents through the whole system: bytes, processor shares, latency, memory, loss (P2-P5, P9)',
  options: fleetOptions,
  run: async (argv, context) => {
    const options = readOptions(fleetOptions, argv);
    const run = await runFleet(options, context);
    return reportFleet(options, run, options['with-classic'] ? await classicBeside(options, run, context) : undefined);
  },
};

const CLASSIC_INTERVAL_S = 15;

/** Whole cycles, two at least. */
function classicBeside(options: FleetOptionValues, run: FleetRun, context: WorkloadContext): Promise<ClassicRun> {
  const { bus, churn, seed, load, hosts, 'vms-per-host': vmsPerHost } = options;
  const cycles = Math.max(2, Math.round((60 * options.minutes) / CLASSIC_INTERVAL_S));
  context.tell('the classic scheme, with the same fleet');
  return runClassic(
    {
      ...{ bus, churn, seed, load, hosts, 'vms-per-host': vmsPerHost, interval: CLASSIC_INTERVAL_S },
      connections: Math.max(1, run.agentConnections),
      profiles: undefined,
      minutes: (cycles * CLASSIC_INTERVAL_S) / 60,
    },
    context,
  );
}
