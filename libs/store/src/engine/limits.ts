/** What a store keeps at most. What is beyond is dropped oldest first, in small steps, as part of later writes. */
export interface StoreLimits {
  /** History records of the whole store. */
  readonly historyRows: number;
  /** History records of one VM; a tenth more may stand until the next step. */
  readonly historyRowsPerVM: number;
  /** Fleet events; those not yet relayed are never dropped. */
  readonly fleetLogRows: number;
  /** VMs that are gone. */
  readonly goneVMs: number;
}

/** About 0.5 GiB of history, 0.2 GiB of log and 0.1 GiB of VMs that are gone, at the most. */
export const defaultLimits: StoreLimits = {
  historyRows: 1_000_000,
  historyRowsPerVM: 1_000,
  fleetLogRows: 200_000,
  goneVMs: 100_000,
};
