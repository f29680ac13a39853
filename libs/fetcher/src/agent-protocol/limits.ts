import type { DoorLimits } from '@vedette/model';

/**
 * No reply and no hint is larger than this, in bytes: an agent answers the rest by pages and parts (S11). A quarter of
 * what brokers carry at most as they come, so that one reply holds a connection up for no longer than an event does.
 */
export const maxReplyBytes = 256 * 1024;

/** What is read at all, and how deep; a larger or deeper document is refused whole (N1). */
export const documentLimits: DoorLimits = Object.freeze({ maxBytes: 1024 * 1024, maxDepth: 32 });

/** VMs asked for in one question for sections. */
export const maxVmsAsked = 2_048;

/** Pages and parts of one answer that are read; beyond it the agent does not come to an end. */
export const maxPages = 1_024;

/** Between two heart-beats of a host. */
export const heartBeatIntervalMs = 3_000;
