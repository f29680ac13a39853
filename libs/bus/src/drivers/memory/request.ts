import type { VedetteError } from '@vedette/runtime';
import type { Request } from '../../port.ts';
import type { Linked } from './linked-list.ts';
import type { MemoryServer } from './server.ts';

/** Whoever waits for the answer to a request; told once at most. */
export interface Asker {
  answered(reply: Uint8Array): void;
  failed(error: VedetteError): void;
}

/** One request at one server. */
export class MemoryRequest implements Request, Linked<MemoryRequest> {
  readonly subject: string;
  readonly payload: Uint8Array;
  readonly server: MemoryServer;
  /** Undefined for a cast, and once the asker was told or has given up. */
  asker: Asker | undefined;
  state: 'queued' | 'running' | 'ended' = 'queued';
  previous: MemoryRequest | undefined = undefined;
  next: MemoryRequest | undefined = undefined;
  /** Made when the handler first looks: many never do, and a controller costs more than the rest of a call. */
  #controller: AbortController | undefined;
  #cancelled: { readonly reason: unknown } | undefined;

  constructor(server: MemoryServer, subject: string, payload: Uint8Array, asker: Asker | undefined) {
    this.server = server;
    this.subject = subject;
    this.payload = payload;
    this.asker = asker;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#cancelled !== undefined) this.#controller.abort(this.#cancelled.reason);
    }
    return this.#controller.signal;
  }

  get cancelled(): boolean {
    return this.#cancelled !== undefined;
  }

  /** Nobody wants the answer any more: never begun if it waits, told by its signal if it runs. */
  cancel(reason: unknown): void {
    this.asker = undefined;
    if (this.state === 'queued') this.server.discard(this);
    if (this.state !== 'running') return;
    this.#cancelled = { reason };
    this.#controller?.abort(reason);
  }
}
