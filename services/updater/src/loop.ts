import { Backoff, type Clock, type Random } from '@vedette/runtime';
import type { Logger } from '@vedette/telemetry';

export interface LoopOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly retryInitialMs: number;
  readonly retryMaxMs: number;
  readonly logger: Logger;
  /** What the work is, for the log. */
  readonly what: string;
}

/**
 * Work that is done as soon as somebody says there is some, one round at a time. A round that fails is repeated after
 * a backoff; pokes during a round lead to one more.
 */
export class PokedLoop {
  readonly #options: LoopOptions;
  readonly #round: () => Promise<void>;
  readonly #backoff: Backoff;
  #running: Promise<void> | undefined;
  #again = false;
  #stop = new AbortController();

  constructor(options: LoopOptions, round: () => Promise<void>) {
    this.#options = options;
    this.#round = round;
    this.#backoff = new Backoff({ initialMs: options.retryInitialMs, maxMs: options.retryMaxMs }, options.random);
  }

  poke(): void {
    this.#again = true;
    if (this.#stop.signal.aborted) return;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  /** Ends after the round under way, retries no more; one last round is tried if there is something left to do. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    if (!this.#again) return;
    await this.#round().catch((error: unknown) => {
      this.#options.logger.warn({ err: error }, `${this.#options.what} left undone at the end`);
    });
  }

  async #run(): Promise<void> {
    while (this.#again && !this.#stop.signal.aborted) {
      this.#again = false;
      try {
        await this.#round();
        this.#backoff.reset();
      } catch (error) {
        this.#again = true;
        this.#options.logger.warn({ err: error }, `${this.#options.what} failed, will be repeated`);
        await this.#pause(this.#backoff.nextDelayMs());
      }
    }
  }

  async #pause(delayMs: number): Promise<void> {
    try {
      await this.#options.clock.sleep(delayMs, { signal: this.#stop.signal });
    } catch (error) {
      if (!this.#stop.signal.aborted) throw error;
    }
  }
}
