import type { Bus } from '@vedette/bus';

/** Where a run's bus is, in a form that can be sent to another process. */
export type WireAddress = { readonly kind: 'nats'; readonly url: string };

export interface ConnectOptions {
  /** Neither publishes nor consumes for keeps, as agents: such a client needs no streams. */
  readonly volatileOnly?: boolean;
  /** Volatile messages that may wait for one subscription; the driver's own bound unless given. */
  readonly maxVolatileMessages?: number;
}

/**
 * What a role speaks over: the bus library, and beside it the barest client of the same broker, for probes and for what
 * the library is measured against.
 */
export interface Wires {
  readonly kind: 'memory' | 'nats';
  connect(name: string, options?: ConnectOptions): Promise<Bus>;
  raw(name: string): Promise<RawWire>;
  /** Closes every connection made by it. Idempotent. */
  close(): Promise<void>;
}

export type RawHandler = (payload: Uint8Array, reply: (payload: Uint8Array) => void) => void;

/** One bare connection. */
export interface RawWire {
  publish(subject: string, payload: Uint8Array): void;
  subscribe(subject: string, handler: RawHandler): void;
  /** The bare way to ask: an inbox of its own and a map of what is pending; no server, no deadline of each call. */
  requester(): RawRequester;
  /** Resolves when the broker has seen everything before. */
  flush(): Promise<void>;
}

export interface RawRequester {
  /** `answered` is called once, or never: what was lost stays pending and counts as lost. */
  request(subject: string, payload: Uint8Array, answered: (payload: Uint8Array) => void): void;
  readonly pending: number;
}
