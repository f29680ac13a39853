import type { Workload } from './workload.ts';

/** Every workload, in the order of the help. */
export async function loadWorkloads(): Promise<readonly Workload[]> {
  const loaded = await Promise.all([
    import('./rpc/rpc.ts').then(({ rpcWorkload }) => rpcWorkload),
    import('./fleet/fleet.ts').then(({ fleetWorkload }) => fleetWorkload),
    import('./classic/classic.ts').then(({ classicWorkload }) => classicWorkload),
  ]);
  return loaded;
}
