import type { Clock } from '@vedette/runtime';
import type { Bus, BusCapabilities } from '../port.ts';

/** What a driver's test hands to the suite. */
export interface ConformanceTarget {
  /** What the driver is expected to declare; each declared capability is proved, each other one skipped visibly. */
  readonly capabilities: BusCapabilities;
  /** Makes a bus without any group, message or client; called once per test. */
  setup(): Promise<BusWorld>;
  /** The clock that the driver runs on; measures only whether something came long before its deadline. */
  readonly clock: Clock;
  /** Lets time pass on that clock: `advance` of a simulated one, `sleep` of a real one. */
  readonly wait: (ms: number) => Promise<void>;
  readonly limits: ConformanceLimits;
}

/** The bounds that `setup` configures; small ones keep a suite on real time short. */
export interface ConformanceLimits {
  readonly maxPayloadBytes: number;
  /** How long a delivery may stay unacknowledged; at least 20 times what a message takes from end to end. */
  readonly ackWaitMs: number;
  /** Deliveries before a message is set aside; read where `deadLetters` is declared. */
  readonly maxDeliveries: number;
  /** Messages that one durable group holds; undefined where the driver cannot bound it, which is skipped visibly. */
  readonly maxGroupMessages: number | undefined;
  /** Messages waiting for one volatile subscription; undefined where it cannot be reached from outside. */
  readonly maxVolatileMessages: number | undefined;
}

/** A bus of one test's own. */
export interface BusWorld extends AsyncDisposable {
  /** A new client; the suite closes it or leaves that to the end of the world. */
  connect(): Promise<Bus>;
  /** Cuts a client's connection as a crash or a cut cable would. Without it, what depends on it is skipped visibly. */
  readonly cut?: (bus: Bus) => Promise<void>;
  /** Lets that client connect again. */
  readonly heal?: (bus: Bus) => Promise<void>;
  /** The payloads set aside, in any order; required where `deadLetters` is declared. */
  deadLetters?(): Promise<readonly Uint8Array[]>;
  /** Restarts everything but the broker's storage; required where `persistent` or `positions` is declared. */
  restart?(): Promise<void>;
}
