import { VedetteError } from '@vedette/runtime';
import '../../errors.ts';

/**
 * The bounds of a memory broker (I6), with what happens at each.
 */
export interface MemoryLimits {
  /** Largest payload of any message, request or reply; larger ones are refused with VDT_BUS_PAYLOAD_TOO_LARGE. */
  readonly maxPayloadBytes: number;
  /**
   * Messages that one durable group holds, waiting, handed out and delayed together. A publish that finds a group
   * full waits for room until its deadline; nothing is dropped.
   */
  readonly maxGroupMessages: number;
  /** The same in bytes of payload; an empty group takes any message. */
  readonly maxGroupBytes: number;
  /** Messages of publishes waiting for room, per connection; further ones are `in_doubt` at once with VDT_BUS_FULL. */
  readonly maxWaitingMessages: number;
  /** How long a delivery may stay without `ack`, `nak` or `extend` before it goes to another member. */
  readonly ackWaitMs: number;
  /** Deliveries of one message to one group, at most; what is not acknowledged then becomes a dead letter. */
  readonly maxDeliveries: number;
  /** Dead letters kept, oldest dropped first and counted. */
  readonly maxDeadLetters: number;
  /** At least so many of the latest message ids are remembered, and a repetition of one is stored once. */
  readonly dedupMessages: number;
  /** Messages kept for groups that begin at the beginning, oldest dropped first; at most `maxGroupMessages`. */
  readonly retainedMessages: number;
  /** The same in bytes of payload; at most `maxGroupBytes`. */
  readonly retainedBytes: number;
  /** Messages waiting for one volatile subscription; beyond it the oldest is dropped and counted. */
  readonly maxVolatileMessages: number;
}

const MiB = 1024 * 1024;

/**
 * Sized for one process that watches up to 100,000 VMs: first contact publishes some 40 MiB of snapshots at once
 * (100,000 x 400 B), which a group holds six times over; a state change of every VM at once is 100,000 messages. What
 * is in doubt is sent again within seconds, and 20,000 ids are that many seconds of 1,000 to 10,000 messages.
 */
export const defaultMemoryLimits: MemoryLimits = {
  maxPayloadBytes: 1 * MiB,
  maxGroupMessages: 100_000,
  maxGroupBytes: 256 * MiB,
  maxWaitingMessages: 100_000,
  ackWaitMs: 30_000,
  maxDeliveries: 10,
  maxDeadLetters: 1_000,
  dedupMessages: 20_000,
  retainedMessages: 10_000,
  retainedBytes: 64 * MiB,
  maxVolatileMessages: 1_024,
};

/**
 * Fills in the defaults. What is retained is cut to what one group can hold, since a new group is handed all of it.
 *
 * @throws VedetteError VDT_BUS_USAGE for a limit that is not a whole number of at least 1
 */
export function resolveLimits(given: Partial<MemoryLimits>): MemoryLimits {
  const all = { ...defaultMemoryLimits, ...given };
  const limits = {
    ...all,
    retainedMessages: Math.min(all.retainedMessages, all.maxGroupMessages),
    retainedBytes: Math.min(all.retainedBytes, all.maxGroupBytes),
  };
  for (const [name, value] of Object.entries(limits)) {
    if (Number.isSafeInteger(value) && value >= 1) continue;
    throw new VedetteError('VDT_BUS_USAGE', {
      message: `limit ${name} = ${value} is not a whole number of at least 1`,
    });
  }
  return limits;
}
