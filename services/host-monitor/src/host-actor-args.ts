import type { Bus } from '@vedette/bus';
import type { HostFetcher } from '@vedette/fetcher';
import type { Random } from '@vedette/runtime';
import type { Opening } from '@vedette/store';
import type { Logger } from '@vedette/telemetry';
import type { AtOnceBudget } from './at-once-budget.ts';
import type { MonitorConfig } from './config.ts';
import type { MonitorCounters } from './counters.ts';
import type { HostProof } from './host-proof.ts';
import type { ListingGate } from './listing-gate.ts';
import type { HostInSight, Sight } from './sight.ts';
import type { VMTable } from './vm-table/index.ts';

/** What one host actor is given: its host, the way there, and where it proves what it saw. */
export interface HostActorArgs {
  readonly host: { readonly id: string; readonly url: string };
  readonly fetcher: HostFetcher;
  readonly proof: HostProof;
  readonly inSight: HostInSight;
}

/** What all host actors of a monitor share. */
export interface HostActorDeps {
  readonly member: string;
  readonly bus: Bus;
  readonly open: (host: string) => Promise<Opening>;
  readonly config: MonitorConfig;
  readonly logger: Logger;
  readonly counters: MonitorCounters;
  readonly random: Random;
  readonly atOnce: AtOnceBudget;
  readonly gate: ListingGate;
  readonly sight: Sight;
  /** Where the VMs of all hosts are at rest. */
  readonly vms: VMTable;
  /** A mark was answered, or a host was proved for the first time: coverage may be told early. */
  readonly onProof: (proof: HostProof) => void;
}
