import type { Bus, OutgoingMessage, PublishOutcome } from '@vedette/bus';
import { envelope, subjects } from '@vedette/model';
import type { Clock } from '@vedette/runtime';
import type { Logger } from '@vedette/telemetry';
import type { Blindness } from './sight.ts';

/** Events that may wait for the bus; beyond it the oldest are dropped, since the last one says how it is. */
const maxWaiting = 16;

export interface BlindTellerOptions {
  readonly member: string;
  readonly source: string;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly publishTimeoutMs: number;
  readonly signal: AbortSignal;
}

/**
 * Publishes MonitorBlind: when blindness begins, and when it is over.
 *
 * T1. Nothing is sent while the bus is away; what was over by the time it could be told is told once, with its end.
 * T2. An event in doubt is sent again unchanged before the next (I3), whenever {@link pump} is called.
 */
export class BlindTeller {
  readonly #options: BlindTellerOptions;
  readonly #waiting: Blindness[] = [];
  #inDoubt: OutgoingMessage | undefined;
  #publishing = false;

  constructor(options: BlindTellerOptions) {
    this.#options = options;
  }

  tell(blindness: Blindness): void {
    const last = this.#waiting.at(-1);
    if (last?.since === blindness.since) this.#waiting.pop();
    this.#waiting.push(blindness);
    if (this.#waiting.length > maxWaiting) this.#waiting.shift();
    this.pump();
  }

  /** Sends what waits, if the bus is there and nothing is on its way. */
  pump(): void {
    const { bus, publishTimeoutMs, signal } = this.#options;
    if (this.#publishing || !bus.connected || signal.aborted) return;
    this.#inDoubt ??= this.#next();
    if (this.#inDoubt === undefined) return;
    this.#publishing = true;
    bus.publish([this.#inDoubt], { timeoutMs: publishTimeoutMs, signal }).then(
      ([outcome]) => this.#published(outcome),
      (error: unknown) => this.#published({ status: 'refused', error: error as Error }),
    );
  }

  #published(outcome: PublishOutcome | undefined): void {
    this.#publishing = false;
    if (outcome === undefined || outcome.status === 'in_doubt') return; // the next pump
    if (outcome.status === 'refused') {
      this.#options.logger.error({ err: outcome.error }, 'MonitorBlind was refused; coverage says it all the same');
    }
    this.#inDoubt = undefined;
    this.pump();
  }

  #next(): OutgoingMessage | undefined {
    const blindness = this.#waiting.shift();
    if (blindness === undefined) return undefined;
    const { member, source, clock } = this.#options;
    const id = `${member}/blind/${blindness.since}${blindness.until === undefined ? '' : '/over'}`;
    const subject = subjects.blind(member);
    const event = envelope({
      name: 'MonitorBlind',
      id,
      source,
      subject,
      wallMs: clock.wallNow(),
      data: { member, ...blindness },
    });
    return { subject, id, payload: Buffer.from(JSON.stringify(event)) };
  }
}
