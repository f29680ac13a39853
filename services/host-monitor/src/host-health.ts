import type { HostState, Via } from '@vedette/model';
import { graceMs, type MonitorConfig } from './config.ts';

/** What a HostStateChanged says beyond its version. */
export interface HostHealthChange {
  readonly from: HostState | undefined;
  readonly to: HostState;
  readonly reason: string;
  readonly vms: number;
  readonly observedAt: string;
  readonly via: Via;
  readonly hostUuid?: string;
  readonly capabilities?: Readonly<Record<string, unknown>>;
}

/**
 * The state of one host as its monitor judges it; pure, fed with outcomes and monotonic times.
 *
 * H1. `up` at the first good answer; `non_operational` while it answers but is unfit, with the reason.
 * H2. `non_responsive` only after more than two failed attempts in a row **and** a silence beyond the grace.
 * H3. In between it is `connecting`, which is shown (by its age) and not announced: one outage is one event (N6). A host
 *     that was never reached is the exception: the first failure is announced, with what is wrong.
 * H4. What fails while we are blind counts against us (I2): it is no attempt of H2, and nothing is announced for it. Once
 *     we see again the host has a full grace of its own.
 */
export class HostHealth {
  readonly #config: MonitorConfig;
  #announced: HostState | undefined;
  #announcedReason = '';
  #failures = 0;
  #counted = 0;
  /** Neither failures nor silence before count. */
  #judgedFromMs = Number.NEGATIVE_INFINITY;
  #lastAnswerMs: number;
  #unfit = '';

  /** @param announced what the store was last told; a restart announces nothing that did not change */
  constructor(config: MonitorConfig, announced: HostState | undefined, nowMs: number) {
    this.#config = config;
    this.#announced = announced;
    this.#lastAnswerMs = nowMs;
  }

  /** Attempts that failed since the last good answer. */
  get failures(): number {
    return this.#failures;
  }

  /** Of these, the ones that count against the host (H4). */
  get counted(): number {
    return this.#counted;
  }

  /** It was seen until now, as far as the fleet was told: its silence would be news. */
  get inSight(): boolean {
    return this.#announced === 'up' || this.#announced === 'non_operational';
  }

  get state(): HostState {
    return this.#failures > 0 && this.#announced !== 'non_responsive'
      ? 'connecting'
      : (this.#announced ?? 'connecting');
  }

  /** Takes in a good answer of a host that is not to be judged yet. */
  seen(nowMs: number): void {
    this.#failures = 0;
    this.#counted = 0;
    this.#lastAnswerMs = nowMs;
  }

  /** Takes in a heart-beat: the host lives, whatever became of the last question. */
  alive(nowMs: number): void {
    this.#lastAnswerMs = nowMs;
  }

  /** Takes in a good answer; returns what is to be announced, if anything. */
  answered(
    nowMs: number,
  ): { readonly from: HostState | undefined; readonly to: HostState; readonly reason: string } | undefined {
    this.seen(nowMs);
    return this.#move(this.#unfit === '' ? 'up' : 'non_operational', this.#unfit);
  }

  /** The host answers, and this is why it is unfit all the same; empty when it is fit. */
  judged(unfit: string, nowMs: number): ReturnType<HostHealth['answered']> {
    this.#unfit = unfit;
    return this.#failures > 0 ? undefined : this.answered(nowMs);
  }

  /** Takes in an attempt that failed while we were blind (H4). */
  failedUnseen(): void {
    this.#failures++;
  }

  /**
   * Takes in a failed attempt.
   *
   * @param sightedMs since when we see, monotonic: neither silence nor failures before count
   */
  failed(
    nowMs: number,
    reason: string,
    vms: number,
    sightedMs = Number.NEGATIVE_INFINITY,
  ): ReturnType<HostHealth['answered']> {
    this.#failures++;
    if (sightedMs > this.#judgedFromMs) {
      this.#judgedFromMs = sightedMs;
      this.#counted = 0;
    }
    this.#counted++;
    if (this.#announced === undefined) return this.#move('connecting', reason);
    const silentMs = nowMs - Math.max(this.#lastAnswerMs, this.#judgedFromMs);
    if (this.#counted <= 2 || silentMs <= graceMs(this.#config, vms)) return undefined;
    return this.#announced === 'non_responsive' ? undefined : this.#move('non_responsive', reason);
  }

  #move(to: HostState, reason: string): ReturnType<HostHealth['answered']> {
    const from = this.#announced;
    if (from === to && (to !== 'non_operational' || reason === this.#announcedReason)) return undefined;
    this.#announced = to;
    this.#announcedReason = reason;
    return { from, to, reason };
  }
}
