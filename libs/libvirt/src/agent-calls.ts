import { type Clock, Semaphore, VedetteError, withDeadline } from '@vedette/runtime';
import { agentDenied, type LibvirtConnection } from './connection.ts';
import type { GuestInfoType } from './constants.ts';
import type { Domain } from './domain.ts';
import './errors.ts';
import type { GuestInterface } from './procedures.ts';
import type { CallOptions } from './rpc.ts';
import type { TypedParams } from './typed-params.ts';

/** libvirtd works on 5 calls of one client at a time; one stays free for what is not an agent call. */
const IN_FLIGHT_MAX = 4;
/** Calls waiting for a place; more are refused. */
const WAITING_MAX = 1_024;
/** Domains whose response timeout is remembered as set; beyond that all are forgotten, and set again when next used. */
const REMEMBERED_MAX = 16_384;

export interface AgentCallsOptions {
  readonly clock: Clock;
  /** False refuses every call at once: libvirtd would, on a read-only connection. */
  readonly allowed: boolean;
  /** Opens the connection these calls have for themselves. */
  readonly connect: (signal: AbortSignal) => Promise<LibvirtConnection>;
  /** Deadline of a call that names none, its waiting for a place included; 10,000 unless said. */
  readonly timeoutMs?: number;
  /** How long libvirtd waits for one agent; 3 unless said. */
  readonly responseTimeoutS?: number;
}

/**
 * The calls that go through guest agents, kept away from all others: a connection of their own, opened when first
 * needed and again after it ended; at most 4 at a time; and before a domain's first call the time libvirtd waits for its
 * agent is bounded, because a hung agent would otherwise hold the domain's agent job for ever, also after we are gone.
 */
export class AgentCalls {
  readonly #options: AgentCallsOptions;
  readonly #timeoutMs: number;
  readonly #closing = new AbortController();
  readonly #places = new Semaphore({ permits: IN_FLIGHT_MAX, maxWaiting: WAITING_MAX });
  /** Per domain, the run of it (id) whose response timeout is set. */
  readonly #bounded = new Map<string, number>();
  #connection: Promise<LibvirtConnection> | undefined;

  constructor(options: AgentCallsOptions) {
    this.#options = options;
    this.#timeoutMs = options.timeoutMs ?? 10_000;
  }

  /** @throws what LibvirtConnection.interfaceAddresses and connectLibvirt throw, VDT_RUNTIME_TOO_MANY_WAITING (retryable) */
  interfaceAddresses(domain: Domain, options: CallOptions = {}): Promise<readonly GuestInterface[]> {
    return this.#run(domain, options, (connection, call) => connection.interfaceAddresses(domain, 'agent', call));
  }

  /** @throws as {@link interfaceAddresses} */
  guestInfo(domain: Domain, types: readonly GuestInfoType[], options: CallOptions = {}): Promise<TypedParams> {
    return this.#run(domain, options, (connection, call) => connection.guestInfo(domain, types, call));
  }

  /** Fails what waits or runs with VDT_LIBVIRT_CLOSED and ends the connection. Idempotent. */
  async close(): Promise<void> {
    this.#closing.abort(new VedetteError('VDT_LIBVIRT_CLOSED', { message: 'the connection was closed by its user' }));
    const connection = await this.#connection?.catch(() => undefined); // one that failed needs no closing
    await connection?.close();
  }

  #run<Result>(
    domain: Domain,
    options: CallOptions,
    call: (connection: LibvirtConnection, options: CallOptions) => Promise<Result>,
  ): Promise<Result> {
    if (!this.#options.allowed) return Promise.reject(agentDenied());
    const { timeoutMs = this.#timeoutMs, signal: own } = options;
    const signal = own === undefined ? this.#closing.signal : AbortSignal.any([own, this.#closing.signal]);
    const deadline = { what: `asking the guest agent of ${domain.name}`, timeoutMs, signal };
    return withDeadline(this.#options.clock, deadline, async (abort) => {
      using _place = await this.#places.acquire({ signal: abort });
      const connection = await this.#connected();
      await this.#bound(connection, domain, { signal: abort, timeoutMs });
      return await call(connection, { signal: abort, timeoutMs });
    });
  }

  /** One connection for all; whoever finds it ended opens the next. */
  #connected(): Promise<LibvirtConnection> {
    if (this.#connection === undefined) {
      const opening = this.#options.connect(this.#closing.signal);
      const forget = (): void => {
        if (this.#connection === opening) this.#connection = undefined;
      };
      this.#connection = opening;
      opening.then((connection) => void connection.closed.then(forget), forget);
    }
    return this.#connection;
  }

  async #bound(connection: LibvirtConnection, domain: Domain, options: CallOptions): Promise<void> {
    if (this.#bounded.get(domain.uuid) === domain.id) return;
    await connection.setAgentResponseTimeout(domain, this.#options.responseTimeoutS ?? 3, options);
    if (this.#bounded.size >= REMEMBERED_MAX) this.#bounded.clear();
    this.#bounded.set(domain.uuid, domain.id);
  }
}
