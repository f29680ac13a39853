import type { Bus } from '@vedette/bus';
import { envelope, subjects } from '@vedette/model';
import type { Clock, Timer } from '@vedette/runtime';
import type { Store } from '@vedette/store';
import type { Logger } from '@vedette/telemetry';
import type { UpdaterConfig } from './config.ts';
import type { UpdaterCounters } from './counters.ts';

export interface SweeperOptions {
  readonly bus: Bus;
  readonly store: Store;
  readonly clock: Clock;
  readonly config: UpdaterConfig;
  readonly counters: UpdaterCounters;
  readonly logger: Logger;
  readonly source: string;
  /** Something was put into the outbox. */
  readonly onOutboxed: () => void;
}

/**
 * Looks after what no event brings about: members that fell silent (I12), and VMs whose absence or double life has to
 * be confirmed. For those it casts marks: at once when something new waits, then ever more rarely while the same VMs
 * wait, since every mark makes the hosts of a realm list.
 */
export class Sweeper {
  readonly #options: SweeperOptions;
  #timer: Timer | undefined;
  #sweeping: Promise<void> | undefined;
  #waiting = '';
  #nextMarkMs = 0;
  #markDelayMs: number;
  #closed = false;
  /** Since when the bus can be heard, monotonic; undefined while it cannot. */
  #hearingMs: number | undefined = Number.NEGATIVE_INFINITY;

  constructor(options: SweeperOptions) {
    this.#options = options;
    this.#markDelayMs = options.config.sweepIntervalMs;
  }

  start(): void {
    this.#schedule();
  }

  async stop(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    await this.#sweeping;
  }

  /** Something changed that may wait for a mark: look at once, unless a look is under way. */
  poke(): void {
    if (this.#closed || this.#sweeping !== undefined) return;
    this.#timer?.cancel();
    this.#sweeping = this.#sweep().finally(() => {
      this.#sweeping = undefined;
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#closed) return;
    this.#timer = this.#options.clock.setTimer(() => this.poke(), this.#options.config.sweepIntervalMs);
  }

  async #sweep(): Promise<void> {
    const { store, config, logger, onOutboxed } = this.#options;
    try {
      if (this.#mayJudge()) {
        const { outboxed } = await store.judgeCoverage(config.failureMs);
        if (outboxed > 0) onOutboxed();
      }
      await this.#castMark();
    } catch (error) {
      logger.warn({ err: error }, 'sweep failed, will be repeated');
    }
  }

  /** I2: that nobody can be heard over a bus that is away is no member's silence; each has its full time after it. */
  #mayJudge(): boolean {
    const { bus, clock, config } = this.#options;
    if (!bus.connected) this.#hearingMs = undefined;
    else this.#hearingMs ??= clock.now();
    return this.#hearingMs !== undefined && clock.now() - this.#hearingMs >= config.failureMs;
  }

  async #castMark(): Promise<void> {
    const { store, clock, config } = this.#options;
    const pending = await store.pendingConfirmations();
    const waiting = JSON.stringify(pending);
    if (pending.vms === 0) {
      this.#waiting = '';
      return;
    }
    if (waiting !== this.#waiting) {
      this.#waiting = waiting;
      this.#markDelayMs = config.sweepIntervalMs;
      this.#nextMarkMs = Math.min(this.#nextMarkMs, clock.now() + config.sweepIntervalMs);
    }
    if (clock.now() < this.#nextMarkMs) return;
    const cast = await store.castMark();
    if (cast === undefined) return;
    this.#nextMarkMs = clock.now() + this.#markDelayMs;
    this.#markDelayMs = Math.min(2 * this.#markDelayMs, config.markIntervalMaxMs);
    this.#tell(cast.mark, cast.realms);
  }

  #tell(mark: number, realms: readonly string[]): void {
    const { bus, clock, counters, source } = this.#options;
    counters.marks++;
    const subject = subjects.mark();
    const event = envelope({
      name: 'MarkCast',
      id: `mark/${mark}`,
      source,
      subject,
      wallMs: clock.wallNow(),
      data: { mark, realms: [...realms] },
    });
    bus.send(subject, Buffer.from(JSON.stringify(event)));
  }
}
