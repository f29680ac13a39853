import type { Msg } from '@nats-io/transport-node';
import { nanos } from './jetstream.ts';
import type { Link } from './link.ts';

const expiresMs = 30_000;
const encoder = new TextEncoder();

export interface PullOptions {
  readonly link: Link;
  readonly nextSubject: string;
  readonly inbox: string;
  readonly maxBytes: number;
}

/**
 * What a consumer has asked the broker for and not yet got. Requests wait at the broker until they are filled or
 * expire; their answers tell how much of them is left open.
 */
export class PullRequests {
  /** How often the broker says that a request still waits there. */
  static readonly heartbeatMs = 2_500;
  readonly #options: PullOptions;
  #open = 0;
  #askedMs = 0;
  #heardMs = 0;
  #receivedSinceAsked = 0;

  constructor(options: PullOptions) {
    this.#options = options;
  }

  /**
   * Asks for as many that `wanted` are on their way; small top-ups wait until they are worth a request.
   *
   * @param full what a full supply is
   */
  ask(wanted: number, full: number): void {
    const { link, nextSubject, inbox, maxBytes } = this.#options;
    const batch = wanted - this.#open;
    if (batch <= 0 || (this.#open > 0 && batch * 2 < full)) return;
    const request = {
      batch,
      expires: nanos(expiresMs),
      idle_heartbeat: nanos(PullRequests.heartbeatMs),
      // At least two of the largest: one that does not fit in would never come.
      max_bytes: Math.max(maxBytes, link.maxPayloadBytes * 2),
    };
    this.#askedMs = link.clock.now();
    if (this.#open === 0) this.#heardMs = this.#askedMs;
    this.#open += batch;
    this.#receivedSinceAsked = 0;
    link.publish(nextSubject, encoder.encode(JSON.stringify(request)), { reply: inbox });
  }

  /** A message came. */
  onMessage(): void {
    this.#heardMs = this.#options.link.clock.now();
    this.#receivedSinceAsked++;
    if (this.#open > 0) this.#open--;
  }

  /** `again`: ask anew; `gone`: look whether there is still a group; `wait`: nothing to do now. */
  onStatus(message: Msg): 'again' | 'gone' | 'wait' {
    const { headers } = message;
    const nowMs = this.#options.link.clock.now();
    this.#heardMs = nowMs;
    if (headers === undefined || headers.code === 100) return 'wait';
    const left = Number.parseInt(headers.get('Nats-Pending-Messages'), 10);
    this.#open = left >= 0 ? Math.max(0, this.#open - left) : 0;
    const { code, description } = headers;
    if (code === 503 || /deleted/i.test(description)) {
      this.#open = 0;
      return 'gone';
    }
    // One that is answered at once, again and again, must not become a storm; the consumer's tick asks later.
    return this.#receivedSinceAsked > 0 || nowMs - this.#askedMs >= 100 ? 'again' : 'wait';
  }

  /** Requests are open of which nothing was heard for too long: the broker has lost them. */
  get silent(): boolean {
    return this.#open > 0 && this.#options.link.clock.now() - this.#heardMs > PullRequests.heartbeatMs * 2.5;
  }

  /** Nothing is open any more. */
  reset(): void {
    this.#open = 0;
  }
}
