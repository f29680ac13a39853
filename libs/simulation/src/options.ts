/** How often things happen by themselves, per VM and minute of simulated time; 0 is never. */
export interface Churn {
  /**
   * Changes of a VM's state in all: power-offs, suspensions and saves with their ways back, and the reboots and
   * crashes below. Migrations, creations and removals come on top.
   */
  readonly stateChangesPerMinute: number;
  readonly addressChangesPerMinute: number;
  /** Live migrations, to the partner host and back. */
  readonly migrationsPerMinute: number;
  readonly crashesPerMinute: number;
  readonly rebootsPerMinute: number;
  readonly configChangesPerMinute: number;
  /** VMs created, and as many removed. */
  readonly creationsPerMinute: number;
}

/** Nothing happens but what a script says. */
export const calmChurn: Churn = {
  stateChangesPerMinute: 0,
  addressChangesPerMinute: 0,
  migrationsPerMinute: 0,
  crashesPerMinute: 0,
  rebootsPerMinute: 0,
  configChangesPerMinute: 0,
  creationsPerMinute: 0,
};

/** The reference load of docs/performance.md: 1 % of VMs change state and 0.2 % address per minute. */
export const referenceChurn: Churn = {
  stateChangesPerMinute: 0.01,
  addressChangesPerMinute: 0.002,
  migrationsPerMinute: 0.0005,
  crashesPerMinute: 0.0001,
  rebootsPerMinute: 0.0005,
  configChangesPerMinute: 0.0002,
  creationsPerMinute: 0.0002,
};

export interface FleetOptions {
  /** Same seed, same options: the same fleet, on any machine. A whole number, taken modulo 2^32. */
  readonly seed: number;
  readonly hosts: number;
  /** Seats for VMs on each host. Those that creations and removals go through are empty some of the time. */
  readonly vmsPerHost: number;
  /** Default 1. Realms hold as near as possible the same number of neighbouring hosts. */
  readonly realms?: number;
  /** What is left out does not happen; without it nothing does ({@link calmChurn}). */
  readonly churn?: Partial<Churn>;
  /** Share of the VMs that stand switched off, but for a run now and then. Default 0. */
  readonly stoppedShare?: number;
  readonly cpu?: {
    /** Standard deviation of a VM's CPU load, in points of percent of one CPU. Default 3. */
    readonly sdPoints?: number;
    /** Share of VMs with bursts. Default 0.05. */
    readonly burstyShare?: number;
  };
}

export interface ResolvedFleetOptions {
  readonly seed: number;
  readonly hosts: number;
  readonly vmsPerHost: number;
  readonly realms: number;
  readonly churn: Churn;
  readonly stoppedShare: number;
  readonly cpu: { readonly sdPoints: number; readonly burstyShare: number };
}

/** @throws RangeError for a number that no fleet can have */
export function resolveOptions(options: FleetOptions): ResolvedFleetOptions {
  const { seed, hosts, vmsPerHost, realms = 1, stoppedShare = 0, cpu = {} } = options;
  requireWhole('seed', seed, 0, 2 ** 32 - 1);
  requireWhole('hosts', hosts, 1, 1_000_000);
  requireWhole('vmsPerHost', vmsPerHost, 0, 10_000);
  requireWhole('realms', realms, 1, hosts);
  const churn = { ...calmChurn, ...options.churn };
  for (const [name, rate] of Object.entries(churn)) requireBetween(name, rate, 0, 60);
  const { sdPoints = 3, burstyShare = 0.05 } = cpu;
  requireBetween('stoppedShare', stoppedShare, 0, 1);
  requireBetween('cpu.burstyShare', burstyShare, 0, 1);
  requireBetween('cpu.sdPoints', sdPoints, 0, 100);
  return { seed, hosts, vmsPerHost, realms, churn, stoppedShare, cpu: { sdPoints, burstyShare } };
}

function requireWhole(name: string, value: number, from: number, to: number): void {
  if (!Number.isSafeInteger(value)) throw new RangeError(`${name} ${value} is not a whole number`);
  requireBetween(name, value, from, to);
}

function requireBetween(name: string, value: number, from: number, to: number): void {
  if (!(value >= from && value <= to)) throw new RangeError(`${name} ${value} is not between ${from} and ${to}`);
}
