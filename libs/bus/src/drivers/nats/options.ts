import { type Clock, VedetteError } from '@vedette/runtime';
import '../../errors.ts';

/** Who this client is to the broker. */
export type NatsAuth =
  | { readonly user: string; readonly password: string }
  | { readonly token: string }
  /** The seed itself, `SU...`. */
  | { readonly nkeySeed: string }
  /** A file as `nsc` writes it; read again at every connection, so that it can be replaced while running. */
  | { readonly credsFile: string };

/** PEM files. The broker's certificate is always verified, by its name too. */
export interface NatsTls {
  /** Authorities to trust instead of the system's. */
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
}

/**
 * The stream that holds durable messages, and the one that holds dead letters. Made when missing, changed to this when
 * it can be.
 */
export interface NatsStreamOptions {
  /** The dead letters are in `<name>-DEAD`. */
  readonly name: string;
  /** What is durable; a publish to anything else is refused. */
  readonly subjects: readonly string[];
  /** 3 in a cluster of three or more: then the loss of one server, its disk included, loses nothing. */
  readonly replicas: number;
  /** `memory` is lost with the broker's process (unless replicated). */
  readonly storage: 'file' | 'memory';
  /**
   * `limits`: a message stays until it is too old or the stream too large, read or not; new groups may begin with the
   * beginning, and a group that lags behind the limits misses what was removed. `interest`: it stays until every group
   * has acknowledged it, there is no replay, and a full stream holds publishers back (VDT_BUS_FULL).
   */
  readonly retention: 'limits' | 'interest';
  /** 0: no bound. */
  readonly maxAgeMs: number;
  /** The broker reserves so much of its store; -1: no bound. */
  readonly maxBytes: number;
  /** How long a message id is remembered: longer than whatever a publisher keeps sending in doubt. */
  readonly dedupWindowMs: number;
  /** For nats-server 2.12 and later: `async` acknowledges before the disk has it. Unset: as the broker does by itself. */
  readonly persistMode?: 'default' | 'async';
  readonly deadLetterMaxAgeMs: number;
  readonly deadLetterMaxBytes: number;
  /** False: somebody else makes and changes the streams; that they are there is checked all the same. */
  readonly manage: boolean;
}

const hourMs = 3_600_000;
const MiB = 1024 * 1024;

/** What observers, updaters and launchers publish for keeps (contracts.md, Events); the rest of the bus is volatile. */
export const durableSubjects: readonly string[] = [
  'vedette.v1.vm.>',
  'vedette.v1.host.>',
  'vedette.v1.realm.>',
  'vedette.v1.monitor.blind.>',
  'vedette.v1.launch.>',
  'vedette.v1.fleet.>',
];

export const defaultNatsStream: NatsStreamOptions = {
  name: 'VEDETTE',
  subjects: durableSubjects,
  replicas: 1,
  storage: 'file',
  retention: 'limits',
  maxAgeMs: 72 * hourMs,
  maxBytes: 1_024 * MiB,
  dedupWindowMs: 120_000,
  deadLetterMaxAgeMs: 30 * 24 * hourMs,
  deadLetterMaxBytes: 64 * MiB,
  manage: true,
};

/** The bounds of a connection (I6), with what happens at each. */
export interface NatsLimits {
  /** Largest payload; the broker's own limit less 4 KiB for headers where that is less. Larger ones are refused. */
  readonly maxPayloadBytes: number;
  /** Messages sent to the stream and not yet acknowledged by it; further ones wait their turn. */
  readonly maxPendingAcks: number;
  /** The same in bytes of payload; one message is always let through. */
  readonly maxPendingBytes: number;
  /** Messages waiting their turn; a publish that would be beyond it is `in_doubt` at once with VDT_BUS_FULL. */
  readonly maxWaitingMessages: number;
  /** How long a delivery may stay without `ack`, `nak` or `extend` before it goes to another member. */
  readonly ackWaitMs: number;
  /** Deliveries of one message to one group; what is not acknowledged then becomes a dead letter. */
  readonly maxDeliveries: number;
  /** Deliveries that one group has out, all members and delayed ones together; at the bound the broker waits. */
  readonly maxAckPending: number;
  /** Bytes that one consumer asks for ahead of `next`. */
  readonly maxPrefetchBytes: number;
  /** Messages waiting for one volatile subscription; beyond it the oldest is dropped and counted. */
  readonly maxVolatileMessages: number;
}

export const defaultNatsLimits: NatsLimits = {
  maxPayloadBytes: 64 * MiB,
  maxPendingAcks: 1_024,
  maxPendingBytes: 8 * MiB,
  maxWaitingMessages: 100_000,
  ackWaitMs: 30_000,
  maxDeliveries: 10,
  maxAckPending: 65_536,
  maxPrefetchBytes: 16 * MiB,
  maxVolatileMessages: 1_024,
};

export interface NatsOptions {
  /** `nats://host:port`, `tls://...`; several are tried in random order, and others of their cluster are learnt. */
  readonly servers: readonly string[];
  readonly clock: Clock;
  /** Shown by the broker's monitoring. */
  readonly name: string;
  readonly auth?: NatsAuth;
  readonly tls?: NatsTls;
  /** How long the first connection is tried for, its checks and the streams included; 10 s unless said. */
  readonly connectTimeoutMs?: number;
  /** Ends {@link connectTimeoutMs} early. */
  readonly signal?: AbortSignal;
  /** Between two tries to connect again, with a tenth to all of it as jitter; 500 unless said. */
  readonly reconnectWaitMs?: number;
  /** How often a silent connection is asked for a sign of life; lost after two without. 10 s unless said. */
  readonly pingIntervalMs?: number;
  /** False: only {@link servers} are connected to, whatever the cluster says of its members. */
  readonly discoverServers?: boolean;
  /** In front of reply subjects, for permissions; `_INBOX` unless said. */
  readonly inboxPrefix?: string;
  readonly limits?: Partial<NatsLimits>;
  /** False: this client neither publishes nor consumes (agents); it then needs no JetStream and no right to it. */
  readonly stream?: Partial<NatsStreamOptions> | false;
  /** Where to log what `handlerErrors` counts; it must not throw. */
  readonly onHandlerError?: (error: unknown, subject: string) => void;
  /**
   * Where to log what happens to the connection and the broker outside of any call: lost and found again, refusals,
   * dead letters that could not be stored yet. It must not throw.
   */
  readonly onTrouble?: (error: VedetteError) => void;
}

/** @throws VedetteError VDT_BUS_USAGE for a limit that is not a whole number of at least 1 */
export function resolveNatsLimits(given: Partial<NatsLimits> = {}): NatsLimits {
  const limits = { ...defaultNatsLimits, ...given };
  for (const [name, value] of Object.entries(limits)) {
    if (Number.isSafeInteger(value) && value >= 1) continue;
    throw new VedetteError('VDT_BUS_USAGE', {
      message: `limit ${name} = ${value} is not a whole number of at least 1`,
    });
  }
  return limits;
}

/** @throws VedetteError VDT_BUS_USAGE */
export function resolveNatsStream(given: Partial<NatsStreamOptions> = {}): NatsStreamOptions {
  const stream = { ...defaultNatsStream, ...given };
  const wrong =
    (!/^[A-Za-z0-9_-]{1,200}$/.test(stream.name) && 'name') ||
    (stream.subjects.length === 0 && 'subjects') ||
    (!(stream.replicas >= 1 && stream.replicas <= 5) && 'replicas') ||
    (!(stream.dedupWindowMs >= 100) && 'dedupWindowMs') ||
    (stream.maxAgeMs > 0 && stream.dedupWindowMs > stream.maxAgeMs && 'dedupWindowMs');
  if (wrong === false) return stream;
  throw new VedetteError('VDT_BUS_USAGE', { message: `stream.${wrong} ${String(stream[wrong])} is not allowed` });
}
