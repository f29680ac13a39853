import { type Clock, VedetteError } from '@vedette/runtime';
import type { Bus } from '../../port.ts';
import { MemoryConnection } from './connection.ts';
import { Exchange } from './exchange.ts';
import type { ScriptedFaults } from './faults.ts';
import type { DeadLetter, GroupState } from './group.ts';
import { type MemoryLimits, resolveLimits } from './limits.ts';
import { Switchboard } from './switchboard.ts';

export interface MemoryBrokerOptions {
  readonly clock: Clock;
  /** Defaults: `defaultMemoryLimits`. */
  readonly limits?: Partial<MemoryLimits>;
}

export interface ConnectOptions {
  /** Who it is, for {@link MemoryBroker.disconnect} and scripted faults; several connections may share a name. */
  readonly name: string;
  /** Where to log what `handlerErrors` counts; it must not throw. */
  readonly onHandlerError?: (error: unknown, subject: string) => void;
}

/**
 * A bus within one process: the reference driver, and the embedded default.
 *
 * - A message is stored, or a request queued, within the call where there is room; who consumes it always runs in a
 *   later microtask, one for however many messages have come. Nothing here waits for I/O or a turn of the event loop,
 *   so it works on a simulated clock, and a consumer that never waits for anything else keeps the process to itself.
 * - Payloads are handed over without copying: publisher, groups and subscribers share one array.
 * - What a group holds is lost with the process and with nothing else (capability `persistent` is false).
 */
export class MemoryBroker implements AsyncDisposable {
  /** Scripted faults, for tests. */
  readonly faults: ScriptedFaults = { publish: undefined };
  readonly #clock: Clock;
  readonly #limits: MemoryLimits;
  readonly #exchange: Exchange;
  readonly #switchboard = new Switchboard();
  readonly #connections = new Set<MemoryConnection>();

  constructor(options: MemoryBrokerOptions) {
    this.#clock = options.clock;
    this.#limits = resolveLimits(options.limits ?? {});
    this.#exchange = new Exchange(this.#clock, this.#limits);
  }

  get limits(): MemoryLimits {
    return this.#limits;
  }

  /** Messages set aside, oldest first: the latest `maxDeadLetters` of them. */
  get deadLetters(): readonly DeadLetter[] {
    return this.#exchange.deadLetters;
  }

  /** Dead letters that had to make room for later ones. */
  get deadLettersDropped(): number {
    return this.#exchange.deadLettersDropped;
  }

  /** Every durable group, with members or without, in the order of creation. */
  get groups(): readonly GroupState[] {
    return this.#exchange.groupStates();
  }

  /** A new connection, which whoever asked for it closes. */
  connect(options: ConnectOptions): Bus {
    const connection = new MemoryConnection({
      name: options.name,
      clock: this.#clock,
      limits: this.#limits,
      exchange: this.#exchange,
      switchboard: this.#switchboard,
      faults: this.faults,
      onHandlerError: options.onHandlerError ?? (() => undefined),
      onClosed: (closed) => this.#connections.delete(closed),
    });
    this.#connections.add(connection);
    return connection;
  }

  /**
   * Forgets a durable group and what it holds, so that it holds no publisher back any more; false if there is none.
   *
   * @throws VedetteError VDT_BUS_USAGE while the group has members
   */
  removeGroup(name: string): boolean {
    return this.#exchange.removeGroup(name);
  }

  /**
   * Cuts the connections of that name: calls and publishes under way fail, deliveries go to other members, servers
   * and subscriptions are gone until {@link reconnect}. What happens to others is what a crash of that client would do.
   *
   * @throws VedetteError VDT_BUS_USAGE when nobody has that name
   */
  disconnect(name: string): void {
    for (const connection of this.#named(name)) connection.disconnect();
  }

  /** Gives the connections of that name their connection back. @throws VedetteError VDT_BUS_USAGE as `disconnect` */
  reconnect(name: string): void {
    for (const connection of this.#named(name)) connection.reconnect();
  }

  /** Closes every connection (each drains as its own `close` does) and drops all groups. Idempotent. */
  async close(): Promise<void> {
    await Promise.all([...this.#connections].map((connection) => connection.close()));
    for (const { name } of this.groups) this.removeGroup(name);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #named(name: string): MemoryConnection[] {
    const named = [...this.#connections].filter((connection) => connection.name === name);
    if (named.length > 0) return named;
    throw new VedetteError('VDT_BUS_USAGE', { message: `no connection is named ${name}` });
  }
}

/** Makes a broker; whoever made it closes it. @throws VedetteError VDT_BUS_USAGE for a limit below 1 */
export function createMemoryBroker(options: MemoryBrokerOptions): MemoryBroker {
  return new MemoryBroker(options);
}
