import { type Clock, type Timer, VedetteError } from '@vedette/runtime';
import { oversize } from '../../checks.ts';
import type { CallOptions, OutgoingMessage, PublishOutcome } from '../../port.ts';
import type { LiveCounters } from './counters.ts';
import type { Exchange } from './exchange.ts';
import type { PublishFault, ScriptedFaults } from './faults.ts';
import type { DurableGroup, Stalled } from './group.ts';
import type { MemoryLimits } from './limits.ts';
import { type Linked, LinkedList } from './linked-list.ts';

const stored: PublishOutcome = Object.freeze({ status: 'stored' });

/** One call of `publish` until all of its messages have an outcome. */
class PublishJob implements Linked<PublishJob> {
  readonly messages: readonly OutgoingMessage[];
  readonly outcomes: PublishOutcome[];
  /** The first message that was not yet offered to the broker. */
  cursor = 0;
  /** Messages without an outcome: those from `cursor` on, and those the broker never answers for. */
  missing: number;
  waiting: { readonly resolve: () => void; readonly timer: Timer; readonly stopListening: () => void } | undefined;
  previous: PublishJob | undefined = undefined;
  next: PublishJob | undefined = undefined;

  constructor(messages: readonly OutgoingMessage[]) {
    this.messages = messages;
    this.outcomes = new Array<PublishOutcome>(messages.length);
    this.missing = messages.length;
  }

  settle(at: number, outcome: PublishOutcome): void {
    this.outcomes[at] = outcome;
    this.missing--;
  }
}

export interface PublishLaneOptions {
  readonly exchange: Exchange;
  readonly clock: Clock;
  readonly limits: MemoryLimits;
  readonly counters: LiveCounters;
  readonly faults: ScriptedFaults;
  /** Name of the connection, for the script of faults. */
  readonly connection: string;
}

/**
 * The publishes of one connection, stored in the order of their calls: one that finds a group full holds back those
 * behind it, and the lanes of other connections go on. A message is stored within the call where there is room.
 */
export class PublishLane implements Stalled {
  readonly #exchange: Exchange;
  readonly #clock: Clock;
  readonly #limits: MemoryLimits;
  readonly #counters: LiveCounters;
  readonly #faults: ScriptedFaults;
  readonly #connection: string;
  /** Jobs with messages not yet offered; the first of them waits for room in `#fullGroup`. */
  readonly #held = new LinkedList<PublishJob>();
  #fullGroup: DurableGroup | undefined;
  #heldMessages = 0;
  /** Jobs with everything offered, some of it never answered for. */
  readonly #unanswered = new LinkedList<PublishJob>();
  #onEmpty: (() => void) | undefined;

  constructor(options: PublishLaneOptions) {
    this.#exchange = options.exchange;
    this.#clock = options.clock;
    this.#limits = options.limits;
    this.#counters = options.counters;
    this.#faults = options.faults;
    this.#connection = options.connection;
  }

  async publish(messages: readonly OutgoingMessage[], options: CallOptions): Promise<readonly PublishOutcome[]> {
    const job = new PublishJob(messages);
    if (this.#held.size === 0) this.#offer(job);
    if (job.missing > 0) await this.#wait(job, options);
    this.#count(job);
    return job.outcomes;
  }

  /** There may be room again. */
  resume(): void {
    for (let job = this.#held.first; job !== undefined; job = this.#held.first) {
      const offeredBefore = job.cursor;
      this.#offer(job);
      this.#heldMessages -= job.cursor - offeredBefore;
      if (job.cursor < job.messages.length) return;
      this.#held.remove(job);
      if (job.missing > 0) this.#unanswered.append(job);
      else this.#finish(job);
    }
  }

  /** Ends every publish under way: what has no outcome is in doubt. */
  giveUp(error: Error): void {
    for (const job of [...this.#held, ...this.#unanswered]) this.#abandon(job, error);
  }

  /** Resolves when no publish is under way. */
  empty(): Promise<void> {
    if (this.#held.size + this.#unanswered.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onEmpty = resolve;
    });
  }

  /** Offers messages in order until one finds no room. */
  #offer(job: PublishJob): void {
    const script = this.#faults.publish;
    for (; job.cursor < job.messages.length; job.cursor++) {
      const message = job.messages[job.cursor] as OutgoingMessage;
      const tooLarge = oversize(message.payload, this.#limits.maxPayloadBytes);
      if (tooLarge !== undefined) job.settle(job.cursor, { status: 'refused', error: tooLarge });
      else if (script !== undefined && this.#applyFault(job, script(message, this.#connection))) continue;
      else if (this.#isHeldBack(message)) return;
      else job.settle(job.cursor, stored);
    }
  }

  /** True when the script decided about the message; false when it is to be stored as usual. */
  #applyFault(job: PublishJob, fault: PublishFault): boolean {
    const message = job.messages[job.cursor] as OutgoingMessage;
    switch (fault) {
      case 'ok':
        return false;
      case 'hang':
        return true;
      case 'refused':
        job.settle(job.cursor, { status: 'refused', error: new VedetteError('VDT_BUS_REFUSED') });
        return true;
      case 'in_doubt_stored':
      case 'in_doubt_lost':
        if (fault === 'in_doubt_stored') this.#exchange.store(message);
        job.settle(job.cursor, { status: 'in_doubt', error: unconfirmedError() });
        return true;
    }
  }

  #isHeldBack(message: OutgoingMessage): boolean {
    this.#fullGroup = this.#exchange.store(message);
    this.#fullGroup?.stall(this);
    return this.#fullGroup !== undefined;
  }

  #wait(job: PublishJob, options: CallOptions): Promise<void> {
    const { timeoutMs, signal } = options;
    const held = job.messages.length - job.cursor;
    if (held > 0 && this.#heldMessages + held > this.#limits.maxWaitingMessages) {
      fill(job, this.#fullError());
      return Promise.resolve();
    }
    if (held > 0) {
      this.#held.append(job);
      this.#heldMessages += held;
    } else this.#unanswered.append(job);
    return new Promise((resolve) => {
      const onAbort = (): void => {
        this.#abandon(job, new VedetteError('VDT_BUS_CANCELLED', { cause: signal?.reason }));
        this.resume();
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      const stopListening = (): void => signal?.removeEventListener('abort', onAbort);
      const timer = this.#clock.setTimer(() => this.#expire(job, timeoutMs), timeoutMs);
      job.waiting = { resolve, timer, stopListening };
    });
  }

  #expire(job: PublishJob, timeoutMs: number): void {
    const held = job.cursor < job.messages.length;
    const message = `the broker did not confirm within ${timeoutMs} ms`;
    this.#abandon(job, held ? this.#fullError() : new VedetteError('VDT_BUS_DEADLINE', { message }));
    this.resume(); // the next in line may want another group than the one this job waited for
  }

  #fullError(): VedetteError {
    const message = `durable group ${this.#fullGroup?.name ?? ''} has no room`;
    return new VedetteError('VDT_BUS_FULL', { message });
  }

  #abandon(job: PublishJob, error: Error): void {
    const held = job.messages.length - job.cursor;
    (held > 0 ? this.#held : this.#unanswered).remove(job);
    this.#heldMessages -= held;
    fill(job, error);
    this.#finish(job);
  }

  #finish(job: PublishJob): void {
    job.waiting?.timer.cancel();
    job.waiting?.stopListening();
    job.waiting?.resolve();
    if (this.#held.size + this.#unanswered.size > 0) return;
    this.#onEmpty?.();
    this.#onEmpty = undefined;
  }

  #count(job: PublishJob): void {
    for (const { status } of job.outcomes) {
      if (status === 'stored') this.#counters.published++;
      else this.#counters.publishFailed++;
    }
  }
}

/** Puts in doubt whatever of the job has no outcome. */
function fill(job: PublishJob, error: Error): void {
  for (let at = 0; at < job.messages.length; at++) {
    if (job.outcomes[at] === undefined) job.settle(at, { status: 'in_doubt', error });
  }
}

function unconfirmedError(): VedetteError {
  return new VedetteError('VDT_BUS_DISCONNECTED', { message: 'the connection was lost before the broker confirmed' });
}
