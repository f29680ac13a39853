import type { Version } from '@vedette/model';

/** What the rest of the monitor reads of an actor, without asking it. */
export interface HostProof {
  readonly host: string;
  /** Monotonic ms of the last good answer, or of a later heart-beat; undefined before the first answer of this run. */
  provedMs: number | undefined;
  /** The highest mark answered, with the version everything seen before was told at. */
  echoed: { readonly mark: number; readonly version: Version } | undefined;
  /** The highest mark heard: it outlives the actor, whose next run answers it. */
  heardMark: number;
  vms: number;
  /** Heart-beats prove its state, so that it is polled rarely. */
  stretched: boolean;
  snapshotTold: boolean;
}
