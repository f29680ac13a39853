/** How an updater works; every duration in milliseconds. */
export interface UpdaterConfig {
  /** Most events in one transaction. */
  readonly batchEvents: number;
  /** Deliveries taken from the bus and not yet acknowledged, at most: two batches keep the store busy. */
  readonly maxInFlight: number;
  /** Most fleet events in one publish. */
  readonly relayEvents: number;
  readonly publishTimeoutMs: number;
  /** First and longest wait before an attempt at a store or bus that refused is repeated. */
  readonly retryInitialMs: number;
  readonly retryMaxMs: number;
  /** A member not heard of for so long watches nobody (I12). */
  readonly failureMs: number;
  /** Between two looks at members and at VMs waiting for confirmation. */
  readonly sweepIntervalMs: number;
  /** Longest wait between two marks while nothing new waits for one. */
  readonly markIntervalMaxMs: number;
  /** Requests for documents in one second, over all observers. */
  readonly documentRequestsPerSecond: number;
  readonly requestTimeoutMs: number;
}

export const defaultUpdaterConfig: UpdaterConfig = {
  batchEvents: 1_000,
  maxInFlight: 2_000,
  relayEvents: 500,
  publishTimeoutMs: 5_000,
  retryInitialMs: 50,
  retryMaxMs: 5_000,
  failureMs: 10_000,
  sweepIntervalMs: 1_000,
  markIntervalMaxMs: 30_000,
  documentRequestsPerSecond: 50,
  requestTimeoutMs: 5_000,
};
