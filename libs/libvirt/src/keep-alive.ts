import type { Clock, Timer } from '@vedette/runtime';

export interface KeepAliveOptions {
  /** Silence after which a message is sent that libvirtd must answer; 5,000 unless said, as in libvirtd itself. */
  readonly intervalMs?: number;
  /** Such messages that may stay unanswered; 5 unless said. */
  readonly count?: number;
}

interface KeepAliveActions {
  readonly ping: () => void;
  /** Whether silence means nothing at this moment. */
  readonly excused: () => boolean;
  readonly dead: (silentMs: number) => void;
}

/**
 * Finds out that nothing comes any more over a connection that looks open: a cable pulled, a firewall that forgot it, a
 * libvirtd that hangs. Silence is counted in ticks of its own timer, not read off a clock, so a process that was itself
 * stopped for an hour loses one tick, not its connections.
 */
export class KeepAlive {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #count: number;
  readonly #actions: KeepAliveActions;
  #timer: Timer;
  #unanswered = 0;
  #heard = false;

  constructor(clock: Clock, options: KeepAliveOptions, actions: KeepAliveActions) {
    this.#clock = clock;
    this.#intervalMs = options.intervalMs ?? 5_000;
    this.#count = options.count ?? 5;
    this.#actions = actions;
    this.#timer = this.#wait();
  }

  /** Something came, be it part of a message. */
  heard(): void {
    this.#heard = true;
  }

  stop(): void {
    this.#timer.cancel();
  }

  #wait(): Timer {
    return this.#clock.setTimer(() => this.#tick(), this.#intervalMs);
  }

  #tick(): void {
    if (this.#heard) {
      this.#unanswered = 0;
    } else if (this.#unanswered < this.#count) {
      this.#unanswered++;
      this.#actions.ping();
    } else if (!this.#actions.excused()) {
      this.#actions.dead((this.#count + 1) * this.#intervalMs);
      return;
    }
    this.#heard = false;
    this.#timer = this.#wait();
  }
}
