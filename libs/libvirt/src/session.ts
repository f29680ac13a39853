import { Backoff, type Random, RealClock, VedetteError } from '@vedette/runtime';
import { AgentCalls } from './agent-calls.ts';
import { addressOf, type ConnectOptions, connectLibvirt } from './connect.ts';
import type { LibvirtConnection } from './connection.ts';
import './errors.ts';
import { EventStream, type EventsLost } from './event-stream.ts';
import type { DomainEvent, DomainEventType } from './events.ts';

export interface SessionOptions extends Omit<ConnectOptions, 'signal'> {
  /**
   * Waits between attempts to connect: doubled from 250 to 10,000 unless said, less up to half at random; at least 60,000
   * after the host refused us, or we it.
   */
  readonly backoff?: { readonly initialMs: number; readonly maxMs: number };
  readonly random?: Random;
  /** Events kept for a reader that does not keep up; 1,024 unless said. */
  readonly eventLimit?: number;
  /** How long libvirtd waits for one guest agent; 3 unless said. */
  readonly agentResponseTimeoutS?: number;
}

const defaultBackoff = { initialMs: 250, maxMs: 10_000 };
/** A connection that held for so many of the first waits was a good one. */
const heldFactor = 8;

/**
 * The least wait after we were not let in, or did not trust the host: no attempt can mend that, and who knocks too often
 * is locked out (fail2ban).
 */
const REFUSED_WAIT_MS = 60_000;
const refusedCodes: readonly string[] = ['VDT_LIBVIRT_AUTH', 'VDT_LIBVIRT_HOST_IDENTITY'];

/** What the owner of a session follows. */
export type SessionEvent =
  | DomainEvent
  /**
   * Connected, and registered for events: list now. `again` is false the first time. `missingEvents` is there when this
   * libvirtd does not know some types of events: none of those will come.
   */
  | { readonly type: 'connected'; readonly again: boolean; readonly missingEvents?: readonly DomainEventType[] }
  /** The connection ended, or could not be made; once per outage. */
  | { readonly type: 'disconnected'; readonly error: VedetteError };

/**
 * Keeps a libvirtd connected: one connection for listings, statistics and events, made again whenever it ends, and
 * another for guest agents (see {@link AgentCalls}), so that no guest can delay what does not depend on it.
 *
 * - S1 Who lists at each `connected` and each `lost` knows all there is: what happened while there was no connection, and
 *   what was dropped, is in that listing; everything else comes as an event.
 * - S2 Nothing here waits for a libvirtd that is away: {@link connection} fails at once with the reason, also while it
 *   is tried again, however long that takes. Only the very first attempt is waited for.
 * - S3 After {@link close} there is no timer, no socket, no ssh and no further event.
 */
export class LibvirtSession implements AsyncDisposable {
  /** Calls through guest agents; each is refused with VDT_LIBVIRT_DENIED where {@link agentAllowed} is false. */
  readonly agent: AgentCalls;
  /** Whether guest agents may be asked: not on a read-only connection. */
  readonly agentAllowed: boolean;
  readonly #options: SessionOptions & { readonly clock: NonNullable<ConnectOptions['clock']> };
  readonly #closing = new AbortController();
  readonly #events: EventStream<SessionEvent>;
  readonly #running: Promise<void>;
  /** The attempt or connection of this moment; between attempts, the last one, which failed. */
  #attempt: Promise<LibvirtConnection>;
  /** What callers get: the connection, or the last failure. */
  #current: Promise<LibvirtConnection>;
  #connectedAtMs: number | undefined;
  #connectedBefore = false;
  #outageTold = false;

  /**
   * Starts connecting at once. Whoever made it closes it.
   *
   * @throws VedetteError VDT_LIBVIRT_ADDRESS
   */
  constructor(options: SessionOptions = {}) {
    const clock = options.clock ?? new RealClock();
    this.#options = { ...options, clock };
    this.agentAllowed = !addressOf(options).readOnly;
    this.#events = new EventStream<SessionEvent>(options.eventLimit ?? 1_024);
    this.agent = new AgentCalls({
      clock,
      allowed: this.agentAllowed,
      connect: (signal) => connectLibvirt({ ...this.#options, signal }),
      ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
      ...(options.agentResponseTimeoutS === undefined ? {} : { responseTimeoutS: options.agentResponseTimeoutS }),
    });
    this.#attempt = watched(this.#connect());
    this.#current = this.#attempt;
    this.#running = this.#run();
  }

  /**
   * The connection of this moment. The first attempt is waited for; after a failure that is thrown at once, until there
   * is a connection again. Not to be kept: ask again for every round of calls, and never close it.
   *
   * @throws what {@link connectLibvirt} throws
   */
  connection(): Promise<LibvirtConnection> {
    return this.#current;
  }

  /** For one reader; ends when the session is closed. */
  events(): AsyncGenerator<SessionEvent | EventsLost, void, undefined> {
    return this.#events[Symbol.asyncIterator]();
  }

  /** Events dropped so far because nobody read them in time. */
  get droppedEvents(): number {
    return this.#events.dropped;
  }

  /** Idempotent. Pending calls fail with VDT_LIBVIRT_CLOSED. */
  async close(): Promise<void> {
    this.#closing.abort(new VedetteError('VDT_LIBVIRT_CLOSED', { message: 'the session was closed by its user' }));
    const connection = await this.#attempt.catch(() => undefined); // one that failed needs no closing
    await Promise.all([connection?.close(), this.agent.close(), this.#running]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #connect(): Promise<LibvirtConnection> {
    const connection = await connectLibvirt({ ...this.#options, signal: this.#closing.signal });
    try {
      await connection.listen((event) => this.#events.push(event), { signal: this.#closing.signal });
      return connection;
    } catch (error) {
      await connection.close();
      throw error;
    }
  }

  async #run(): Promise<void> {
    const { clock, backoff: waits = defaultBackoff, random = Math.random } = this.#options;
    const { signal } = this.#closing;
    const backoff = new Backoff(waits, random);
    for (;;) {
      const error = await this.#attempt.then((connection) => this.#follow(connection), asVedetteError);
      if (signal.aborted) break;
      this.#current = watched(Promise.reject(error));
      this.#tellOutage(error);
      const heldMs = this.#connectedAtMs === undefined ? 0 : clock.now() - this.#connectedAtMs;
      this.#connectedAtMs = undefined;
      // It served for a while: this is new trouble, such as a daemon that is restarted twice in a minute.
      if (heldMs > waits.initialMs * heldFactor) backoff.reset();
      const waitMs = Math.max(backoff.nextDelayMs(), refusedCodes.includes(error.code) ? REFUSED_WAIT_MS : 0);
      await clock.sleep(waitMs, { signal }).catch(() => undefined); // aborted: seen below
      if (signal.aborted) break;
      this.#attempt = watched(this.#connect());
    }
    this.#events.end();
  }

  /** Resolves with the reason when the connection has ended. */
  #follow(connection: LibvirtConnection): Promise<VedetteError> {
    const { missingEvents } = connection;
    const missing = missingEvents.length === 0 ? {} : { missingEvents };
    this.#events.push({ type: 'connected', again: this.#connectedBefore, ...missing });
    this.#connectedBefore = true;
    this.#connectedAtMs = this.#options.clock.now();
    this.#current = this.#attempt;
    this.#outageTold = false;
    return connection.closed;
  }

  #tellOutage(error: VedetteError): void {
    if (this.#outageTold) return;
    this.#outageTold = true;
    this.#events.push({ type: 'disconnected', error });
  }
}

/** The same promise, whose failure is looked at later: until then it is not an unhandled one. */
function watched<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

function asVedetteError(error: unknown): VedetteError {
  return VedetteError.is(error) ? error : new VedetteError('VDT_LIBVIRT_UNREACHABLE', { cause: error });
}
