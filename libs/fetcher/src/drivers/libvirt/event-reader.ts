import type { EventsLost, LibvirtSession, SessionEvent } from '@vedette/libvirt';
import type { Clock, Timer } from '@vedette/runtime';

/** A hold laid over a VM's state is over. */
export interface HoldOver {
  readonly type: 'hold-over';
  readonly vm: string;
}

export type Happening = SessionEvent | EventsLost | HoldOver;

export interface EventHandler {
  /** Handles one at a time, in order; must not reject. */
  happened(event: Happening): Promise<void>;
}

/**
 * Hands the events of a session, and those that only time brings, to one handler, one after the other: what is read
 * about a VM for one event is told before the next is looked at.
 */
export class EventReader {
  /** Resolves when the session has ended and nothing is being handled. */
  readonly ended: Promise<void>;
  readonly #clock: Clock;
  readonly #handler: EventHandler;
  readonly #timers = new Set<Timer>();
  #handling: Promise<void> = Promise.resolve();
  #over = false;

  constructor(clock: Clock, handler: EventHandler, session: LibvirtSession) {
    this.#clock = clock;
    this.#handler = handler;
    this.ended = this.#run(session);
  }

  after(delayMs: number, event: Happening): void {
    if (this.#over) return;
    const timer = this.#clock.setTimer(() => {
      this.#timers.delete(timer);
      void this.#enqueue(event);
    }, delayMs);
    this.#timers.add(timer);
  }

  async #run(session: LibvirtSession): Promise<void> {
    for await (const event of session.events()) await this.#enqueue(event);
    this.#over = true;
    for (const timer of this.#timers) timer.cancel();
    await this.#handling;
  }

  #enqueue(event: Happening): Promise<void> {
    this.#handling = this.#handling.then(() => this.#handler.happened(event));
    return this.#handling;
  }
}
