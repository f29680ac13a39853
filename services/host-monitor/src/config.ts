/** How a monitor watches; every duration in milliseconds. */
export interface MonitorConfig {
  /** Between two polls of a host that answers. */
  readonly pollIntervalMs: number;
  /** Between two heart-beats of a driver that declares them (docs/contracts.md, agent protocol). */
  readonly heartBeatMs: number;
  /**
   * While heart-beats prove a host's state it is polled every so many intervals only, and at least as often as samples
   * are told (`statsIntervalMs`), which are what polls bring. 1: heart-beats change nothing.
   */
  readonly stretchFactor: number;
  /**
   * Polls out of turn (a hint, a mark, heart-beats that stopped) that a monitor begins at once: so many together and so
   * many a second, or what its hosts' polls come to in 100 ms and in a second where that is more. Beyond it each host
   * waits for its own turn.
   */
  readonly atOncePolls: number;
  /** Whole listings (first ones, those of new runs of an agent, after a checksum differed) under way at once. */
  readonly wholeListings: number;
  /** A whole listing that takes longer no longer counts among them: a hung host holds nobody up (I6). */
  readonly wholeListingHoldMs: number;
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
  /** More than half of the hosts in sight failing at once counts against us (I2), where there are so many of them. */
  readonly blindMinHosts: number;
  /** How long nothing may speak for blindness any more before hosts are judged again. */
  readonly sightedAfterMs: number;
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
  heartBeatMs: 3_000,
  stretchFactor: 10,
  atOncePolls: 32,
  wholeListings: 64,
  wholeListingHoldMs: 500,
  pollTimeoutMs: 10_000,
  sectionTimeoutMs: 20_000,
  backoffMaxMs: 30_000,
  graceBaseMs: 60_000,
  gracePerVmMs: 500,
  graceMaxMs: 180_000,
  blindMinHosts: 10,
  sightedAfterMs: 6_000,
  coverageIntervalMs: 3_000,
  statsIntervalMs: 15_000,
  deviceStatsIntervalMs: 300_000,
  describeIntervalMs: 300_000,
  publishTimeoutMs: 5_000,
  batchEvents: 500,
  stateEventsPerSecond: 10,
  snapshotPartBytes: 256 * 1024,
};

/** Between two polls of a host whose heart-beats prove its state; see {@link MonitorConfig.stretchFactor}. */
export function stretchedIntervalMs(config: MonitorConfig): number {
  const { pollIntervalMs, stretchFactor, statsIntervalMs } = config;
  const wantedMs = pollIntervalMs * stretchFactor;
  return Math.max(pollIntervalMs, statsIntervalMs === 0 ? wantedMs : Math.min(wantedMs, statsIntervalMs));
}

/** How long a host with that many VMs may be silent before it is called non-responsive (docs/contracts.md). */
export function graceMs(config: MonitorConfig, vms: number): number {
  return Math.min(config.graceBaseMs + config.gracePerVmMs * vms, config.graceMaxMs);
}
