/** How a monitor watches; every duration in milliseconds. */
export interface MonitorConfig {
  /** Between two polls of a host that answers. */
  readonly pollIntervalMs: number;
  /** What one listing may take. */
  readonly pollTimeoutMs: number;
  /** What one fetch of sections may take; it runs beside the polls. */
  readonly sectionTimeoutMs: number;
  /** Longest wait between two attempts at a host that does not answer. */
  readonly backoffMaxMs: number;
  /** A host is non-responsive after more than two failed attempts and a silence of `grace` (see {@link graceMs}). */
  readonly graceBaseMs: number;
  readonly gracePerVmMs: number;
  readonly graceMaxMs: number;
  readonly coverageIntervalMs: number;
  /** Between two samples of a host and its VMs, told to whoever listens; 0: none are taken. */
  readonly statsIntervalMs: number;
  /** Between two samples of devices, which are told with the others; 0: none are taken. */
  readonly deviceStatsIntervalMs: number;
  /** Between two questions whether the host is fit, and what it can; 0: only of each new run of its agent. */
  readonly describeIntervalMs: number;
  /** What one publish may take before it counts as in doubt. */
  readonly publishTimeoutMs: number;
  /** Most events in one publish. */
  readonly batchEvents: number;
  /** Most state events of one VM in one second; further changes are coalesced until it is over (S7). */
  readonly stateEventsPerSecond: number;
  /** Largest part of a snapshot, in bytes of JSON. */
  readonly snapshotPartBytes: number;
}

export const defaultMonitorConfig: MonitorConfig = {
  pollIntervalMs: 3_000,
  pollTimeoutMs: 10_000,
  sectionTimeoutMs: 20_000,
  backoffMaxMs: 30_000,
  graceBaseMs: 60_000,
  gracePerVmMs: 500,
  graceMaxMs: 180_000,
  coverageIntervalMs: 3_000,
  statsIntervalMs: 15_000,
  deviceStatsIntervalMs: 300_000,
  describeIntervalMs: 300_000,
  publishTimeoutMs: 5_000,
  batchEvents: 500,
  stateEventsPerSecond: 10,
  snapshotPartBytes: 256 * 1024,
};

/** How long a host with that many VMs may be silent before it is called non-responsive (docs/contracts.md). */
export function graceMs(config: MonitorConfig, vms: number): number {
  return Math.min(config.graceBaseMs + config.gracePerVmMs * vms, config.graceMaxMs);
}
