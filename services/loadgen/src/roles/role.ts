import type { Clock } from '@vedette/runtime';
import type { SocketMeter } from '../harness/sockets.ts';
import type { Wires } from '../wires/wires.ts';

/**
 * A role is one part of a run (the agents, a monitor, the server of a request...), written so that it runs in a process
 * of its own, where its processor time can be told apart, or beside the others in one process. What passes between the
 * run and its roles must survive a structured clone.
 */
export interface Role {
  /** What the run can ask of it, by name. */
  readonly calls: Readonly<Record<string, (args: never) => unknown>>;
  /** Ends whatever it started. */
  stop(): Promise<void>;
}

export interface RoleContext {
  readonly clock: Clock;
  readonly wires: Wires;
  /** Counts the sockets of the process; nothing but this role opens any where it has a process of its own. */
  readonly sockets: SocketMeter;
  /** Something that the person who runs it should know, in one line. */
  readonly tell: (line: string) => void;
}

/** Starts a role; ready when it resolves. */
export type RoleStart<S> = (settings: S, context: RoleContext) => Promise<Role>;

/** A role as the run sees it, wherever it runs. */
export interface RoleHandle extends AsyncDisposable {
  readonly name: string;
  readonly pid: number;
  /** @throws VedetteError VDT_LOADGEN_ROLE when the role fails, VDT_LOADGEN_PROCESS when its process has ended */
  ask<T>(call: string, args?: unknown, options?: { readonly timeoutMs?: number }): Promise<T>;
  /** Idempotent. */
  stop(): Promise<void>;
}

/** See the call `usage` of every role. */
export interface RoleUsage {
  readonly heapUsedMiB: number;
  readonly rssMiB: number;
  readonly sockets: number;
  readonly received: number;
  readonly sent: number;
}
