import { HintChannel } from '@vedette/fetcher';
import type { Clock, Timer } from '@vedette/runtime';
import type { HintFault } from '../script/faults.ts';
import type { HintListener, HintMessage } from './agent.ts';

/**
 * The way of hints from an agent to one reader, with the faults that a script puts on it, and the reader's end of the
 * agent protocol: a hint at or below the known stateRev is ignored, one that does not follow on it is a gap.
 */
export class HintWire implements HintListener {
  readonly channel = new HintChannel();
  readonly #clock: Clock;
  readonly #faultNow: () => HintFault | undefined;
  readonly #late = new Set<Timer>();
  #connected = true;
  #knownBoot: string;
  #knownStateRev: number;
  /** Under `reordered`, the one that goes after the next. */
  #overtaken: HintMessage | undefined;

  constructor(
    clock: Clock,
    faultNow: () => HintFault | undefined,
    known: { readonly boot: string; readonly stateRev: number },
  ) {
    this.#clock = clock;
    this.#faultNow = faultNow;
    this.#knownBoot = known.boot;
    this.#knownStateRev = known.stateRev;
  }

  /** A poll has told everything up to here. */
  polled(boot: string, stateRev: number): void {
    if (boot === this.#knownBoot) this.#knownStateRev = Math.max(this.#knownStateRev, stateRev);
  }

  hint(message: HintMessage): void {
    if (!this.#connected) return;
    const fault = this.#faultNow();
    switch (fault?.how) {
      case undefined:
        this.#arrive(message);
        return;
      case 'lost':
        return;
      case 'duplicated':
        this.#arrive(message);
        this.#arrive(message);
        return;
      case 'reordered':
        this.#overtake(message);
        return;
      case 'late':
        this.#arriveLate(message, fault?.delayMs ?? 0);
    }
  }

  disconnected(): void {
    this.#connected = false;
  }

  connected(): void {
    this.#connected = true;
    this.channel.offer({ kind: 'poll', reason: 'the connection to the agent was lost and is back' });
  }

  /** Ends the channel. Idempotent. */
  close(): void {
    for (const timer of this.#late) timer.cancel();
    this.#late.clear();
    this.channel.close();
  }

  #overtake(message: HintMessage): void {
    const overtaken = this.#overtaken;
    this.#overtaken = overtaken === undefined ? message : undefined;
    if (overtaken === undefined) return;
    this.#arrive(message);
    this.#arrive(overtaken);
  }

  #arriveLate(message: HintMessage, delayMs: number): void {
    const timer = this.#clock.setTimer(() => {
      this.#late.delete(timer);
      this.#arrive(message);
    }, delayMs);
    this.#late.add(timer);
  }

  #arrive(message: HintMessage): void {
    const { boot, prev, stateRev, rows, left } = message;
    if (boot !== this.#knownBoot) {
      this.#knownBoot = boot;
      this.#knownStateRev = stateRev;
      this.channel.offer({ kind: 'poll', reason: 'the agent has restarted' });
      return;
    }
    if (stateRev <= this.#knownStateRev) return;
    const gap = prev > this.#knownStateRev;
    this.#knownStateRev = stateRev;
    if (rows.length > 0) this.channel.offer({ kind: 'rows', rows });
    if (gap) this.channel.offer({ kind: 'poll', reason: 'a hint was lost on the way' });
    else if (left.length > 0) this.channel.offer({ kind: 'poll', reason: `no longer there: ${left.join(', ')}` });
  }
}
