import type { MsgHdrs } from '@nats-io/transport-node';
import type { Requester } from './requester.ts';

/** Nanoseconds, in which JetStream counts time. */
export const nanos = (ms: number): number => Math.round(ms * 1e6);

/** Error codes of JetStream that this driver acts upon (nats-server, errors.json). */
export const apiCodes = {
  temporarilyUnavailable: 10_008,
  consumerNotFound: 10_014,
  notEnabledForAccount: 10_039,
  consumerNameInUse: 10_013,
  insufficientResources: 10_023,
  memoryExceeded: 10_028,
  insufficientStorage: 10_047,
  messageTooLarge: 10_054,
  streamNameInUse: 10_058,
  streamNotFound: 10_059,
  notEnabled: 10_076,
  storeFailed: 10_077,
  consumerExists: 10_148,
} as const;

/** What JetStream answered instead of doing it; never leaves this driver. */
export class ApiFault extends Error {
  /** Like the codes of HTTP. */
  readonly status: number;
  readonly code: number;

  constructor(error: ApiError) {
    super(`${error.description ?? 'no reason given'} (${error.err_code ?? error.code ?? 0})`);
    this.status = error.code ?? 500;
    this.code = error.err_code ?? 0;
  }

  static is(error: unknown, ...codes: readonly number[]): error is ApiFault {
    return error instanceof ApiFault && codes.includes(error.code);
  }
}

export interface ApiError {
  readonly code?: number;
  readonly err_code?: number;
  readonly description?: string;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** JetStream's own requests, over the connection's one inbox and on its clock. */
export class JetStreamApi {
  readonly #requester: Requester;
  readonly #timeoutMs: number;

  constructor(requester: Requester, timeoutMs = 5_000) {
    this.#requester = requester;
    this.#timeoutMs = timeoutMs;
  }

  /** @throws ApiFault; VedetteError VDT_BUS_NO_RESPONDERS, VDT_BUS_DEADLINE, VDT_BUS_DISCONNECTED */
  async ask<T>(verb: string, body?: object): Promise<T> {
    const request = encoder.encode(body === undefined ? '' : JSON.stringify(body));
    return readAnswer<T>(await this.#requester.api(`$JS.API.${verb}`, request, this.#timeoutMs));
  }

  /** Stores one message outside of the order of publishes. @throws as {@link ask} */
  async store(subject: string, payload: Uint8Array, headers: MsgHdrs): Promise<void> {
    readAnswer(await this.#requester.api(subject, payload, this.#timeoutMs, headers));
  }
}

/** @throws ApiFault */
export function readAnswer<T>(payload: Uint8Array): T {
  const answer = JSON.parse(decoder.decode(payload)) as T & { readonly error?: ApiError };
  if (answer.error !== undefined) throw new ApiFault(answer.error);
  return answer;
}
