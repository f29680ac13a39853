/**
 * The bus: durable events with acknowledgement and groups, volatile messages, and RPC (architecture.md, Bus). This
 * file is the contract; conformance/ proves it of every driver, drivers/memory is the reference.
 *
 * B1. At least once: a durable message whose publish was acknowledged reaches every durable group that existed
 *     then, until the group acknowledges it. Consumers therefore expect repetition, and order only per publisher
 *     and only between messages that were not redelivered.
 * B2. An acknowledged publish is one the driver will not lose by itself; what a driver's process or disk can lose is
 *     declared in {@link BusCapabilities}.
 * B3. Every queue is bounded; what happens at the bound is stated where the bound is set (I6).
 * B4. Every call carries a deadline and can be cancelled; nobody waits for ever on a dead broker.
 * B5. Subjects are those of `@vedette/model` (at most 200 bytes); a wrong one is refused at the call.
 *
 * Every call of a connection that was closed fails at once with VDT_BUS_CLOSED. Options outside what is stated here
 * (a time-out that is not a finite number, a bound below 1) are refused with VDT_BUS_USAGE. An aborted signal rejects
 * with its own reason, unless said otherwise.
 */

/** What a driver promises beyond B1-B5. The conformance suite proves each declared one. */
export interface BusCapabilities {
  /** Deliveries carry growing stream positions that survive restarts of every process. */
  readonly positions: boolean;
  /** Messages outlive the process that published them. */
  readonly persistent: boolean;
  /** A new durable group may start from the beginning of what is retained. */
  readonly replay: boolean;
  /** A publish repeated with the same message id within a window is stored once. */
  readonly dedup: boolean;
  /** A call to a subject that nobody serves fails at once. */
  readonly noResponders: boolean;
  /** `nak` honours its delay. */
  readonly delayedNak: boolean;
  /** A message that was delivered too often is set aside and counted. */
  readonly deadLetters: boolean;
}

export interface OutgoingMessage {
  readonly subject: string;
  /** Names the message for ever; where `dedup` is declared, a repetition is stored once. */
  readonly id: string;
  /**
   * The bytes to send. A driver may hand over this very array, to consumers too, and keep it as long as it keeps the
   * message: never modify them once they were given to the bus. The same holds for every payload below.
   */
  readonly payload: Uint8Array;
}

/**
 * What became of one message of a publish. `in_doubt`: it may or may not be stored (connection lost, time-out, a
 * durable group without room): send the same bytes again under the same id.
 */
export type PublishOutcome =
  | { readonly status: 'stored' }
  | { readonly status: 'in_doubt'; readonly error: Error }
  /** Never stored, and never will be in this form (too large, not permitted): do not repeat it. */
  | { readonly status: 'refused'; readonly error: Error };

export interface CallOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

export interface Delivery {
  readonly subject: string;
  /** Valid until the delivery is acknowledged; copy what is kept, modify nothing: others may be reading it too. */
  readonly payload: Uint8Array;
  /** Position in the stream; undefined where the driver declares no `positions`. */
  readonly position: number | undefined;
  /** How often this message has been delivered to this group, this time included. */
  readonly attempt: number;
  /**
   * Done with it: it is not delivered to this group again. Idempotent. Too late (the message went to another member
   * after the acknowledgement wait, or the connection was lost meanwhile) it may do nothing.
   */
  ack(): void;
  /** Not done: deliver it again, after `delayMs` where `delayedNak` is declared. Does nothing after `ack` or `nak`. */
  nak(delayMs?: number): void;
  /**
   * Still at work on it: the driver's acknowledgement wait starts anew, without counting as an attempt. Whoever must
   * hold deliveries for long (its store is away) calls this, lest good messages end as dead letters.
   */
  extend(): void;
}

export interface ConsumeOptions {
  /** Durable name, one subject token: members of one group share its messages, each message goes to one of them. */
  readonly group: string;
  /** At least one. The same for every member of a group; others are refused with VDT_BUS_GROUP_PATTERNS. */
  readonly patterns: readonly string[];
  /** Deliveries handed out and not yet acknowledged, at most; at the bound the driver waits. */
  readonly maxInFlight: number;
  /** Where a group that does not exist yet begins; `new` unless `replay` is declared. */
  readonly from?: 'beginning' | 'new';
  /** Aborting it closes the consumer. */
  readonly signal?: AbortSignal;
}

/** A running durable consumer; closing it leaves the group and its unacknowledged messages to other members. */
export interface Consumer extends AsyncDisposable {
  /**
   * The next deliveries, at least one and at most `max`, as soon as there are any; undefined once closed. Goes on
   * waiting while the connection is lost. One call at a time; a second one is refused with VDT_BUS_USAGE.
   */
  next(max: number): Promise<readonly Delivery[] | undefined>;
  close(): Promise<void>;
}

export type VolatileHandler = (subject: string, payload: Uint8Array) => void;

/** A running subscription or server. */
export interface Subscription extends AsyncDisposable {
  /**
   * Accepts nothing more and waits for handlers that are running and requests already queued, at most for
   * `timeoutMs` (5 s unless given); then their signals abort and their callers are told. Idempotent.
   */
  close(options?: CallOptions): Promise<void>;
}

export interface SubscribeOptions {
  readonly patterns: readonly string[];
  /** Called in order, one message at a time; must return quickly. An exception is counted and logged, never fatal. */
  readonly handler: VolatileHandler;
}

export interface Request {
  readonly subject: string;
  readonly payload: Uint8Array;
  /**
   * Aborts when the caller's deadline has passed or the caller has given up: stop working. For a cast, only when the
   * server is closed by force.
   */
  readonly signal: AbortSignal;
}

export interface ServeOptions {
  readonly pattern: string;
  /**
   * Servers of one group share the requests of their pattern: `call` and `cast` reach one of them, `fanOut` all.
   * Without a group every server gets every request.
   */
  readonly group?: string;
  /** Handlers running at once, at most; requests beyond it wait in a queue of `maxQueued`, further ones are refused. */
  readonly concurrency: number;
  readonly maxQueued: number;
  /**
   * The reply. What is thrown here reaches the caller as VDT_BUS_REMOTE: a VedetteError with its code (`remoteCode`),
   * message and retryable flag, anything else with its message, not retryable.
   */
  readonly handler: (request: Request) => Promise<Uint8Array> | Uint8Array;
}

/** Counters of one bus client, born at zero. */
export interface BusCounters {
  readonly published: number;
  readonly publishFailed: number;
  readonly delivered: number;
  readonly acknowledged: number;
  readonly redelivered: number;
  readonly deadLettered: number;
  readonly volatileSent: number;
  readonly volatileDelivered: number;
  /**
   * Volatile messages of this client's subscriptions dropped because a queue was full (policy: oldest first), and of
   * its own dropped because it was not connected.
   */
  readonly volatileDropped: number;
  readonly calls: number;
  readonly callsFailed: number;
  /** Exceptions that no caller could be told of: of volatile handlers, and of handlers serving a cast. */
  readonly handlerErrors: number;
}

/** One connection to a bus. Whoever made it closes it. */
export interface Bus extends AsyncDisposable {
  readonly capabilities: BusCapabilities;
  readonly counters: BusCounters;
  /**
   * Whether the broker can be reached, as far as this client knows. Drivers reconnect by themselves, consumers,
   * subscriptions and servers included; what fails while this is false is our fault and nobody else's (I2).
   */
  readonly connected: boolean;

  /**
   * Stores messages for every durable group whose patterns match, in the order given, and delivers them to volatile
   * subscribers too. Resolves when each has an outcome, at the latest after `timeoutMs`; never rejects for what
   * happened to a message. The calls of one connection are stored in their order, waited for or not.
   *
   * A durable group without room holds the message back until it has some (back-pressure, nothing is dropped); at
   * the deadline it and those behind it are `in_doubt` with VDT_BUS_FULL. Other errors of `in_doubt`:
   * VDT_BUS_DEADLINE, VDT_BUS_DISCONNECTED (at once while the connection is lost), VDT_BUS_UNAVAILABLE (the broker
   * answers that it cannot store now), VDT_BUS_CANCELLED when the signal aborts meanwhile, VDT_BUS_CLOSED. Errors of
   * `refused`: VDT_BUS_PAYLOAD_TOO_LARGE, VDT_BUS_REFUSED.
   *
   * @throws VedetteError VDT_BUS_SUBJECT for a subject that cannot be published to; nothing is sent then
   */
  publish(messages: readonly OutgoingMessage[], options: CallOptions): Promise<readonly PublishOutcome[]>;

  /**
   * Sends to whoever is subscribed now; no acknowledgement, may be dropped. Never blocks. For subjects of its own: a
   * driver may keep what is sent to a subject that durable groups follow.
   *
   * @throws VedetteError VDT_BUS_SUBJECT, VDT_BUS_PAYLOAD_TOO_LARGE, VDT_BUS_CLOSED
   */
  send(subject: string, payload: Uint8Array): void;

  /**
   * Takes part in a durable group, creating it if it does not exist. The group, and what it has not acknowledged,
   * outlives its members.
   *
   * @throws VedetteError VDT_BUS_SUBJECT, VDT_BUS_GROUP_PATTERNS, VDT_BUS_DISCONNECTED; of drivers with a broker also
   *   VDT_BUS_UNAVAILABLE (retryable), VDT_BUS_STORAGE, VDT_BUS_REFUSED
   */
  consume(options: ConsumeOptions): Promise<Consumer>;

  /** Follows subjects without durability: what is published or sent from now on, while connected. */
  subscribe(options: SubscribeOptions): Promise<Subscription>;

  /**
   * Asks one server and returns its reply. Where several groups, or servers without one, match the subject, one of
   * each gets the request, and the first answer counts. A request whose deadline passes while it waits at the server
   * is never begun.
   *
   * @throws VedetteError VDT_BUS_NO_RESPONDERS (at once where declared), VDT_BUS_DEADLINE, VDT_BUS_DISCONNECTED,
   *   VDT_BUS_BUSY (all retryable), VDT_BUS_SUBJECT, VDT_BUS_PAYLOAD_TOO_LARGE, or the server's own error as
   *   VDT_BUS_REMOTE (class RemoteError)
   */
  call(subject: string, payload: Uint8Array, options: CallOptions): Promise<Uint8Array>;

  /**
   * Hands a request to one server without waiting for a reply; same errors as {@link call} up to the hand-over, and
   * `timeoutMs` bounds just that: the server then handles it however long it waited.
   */
  cast(subject: string, payload: Uint8Array, options: CallOptions): Promise<void>;

  /**
   * Asks every server, members of groups too, and yields replies as they come until the deadline, until `expected`
   * servers have answered, or until all have where the driver knows how many there are. The request goes out when the
   * iteration begins; leaving the iteration cancels what still runs. A server that fails or is busy has answered but
   * yields nothing, and counts in `callsFailed`. Nobody there: ends without a reply.
   */
  fanOut(
    subject: string,
    payload: Uint8Array,
    options: CallOptions & { readonly expected?: number },
  ): AsyncIterable<Uint8Array>;

  serve(options: ServeOptions): Promise<Subscription>;

  /**
   * Begins nothing more; calls that wait for a reply fail at once with VDT_BUS_CLOSED. Drains within `timeoutMs` (5 s
   * unless given; an aborted signal ends it too): publishes settle, handlers and queued requests end. Then closes
   * whatever is left: publishes become `in_doubt`, unacknowledged deliveries go to other members. Idempotent; never
   * rejects.
   */
  close(options?: CallOptions): Promise<void>;
}
