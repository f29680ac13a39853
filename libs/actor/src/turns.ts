import { VedetteError } from '@vedette/runtime';
import { Ask, type AskBook } from './ask.ts';
import type { ActorDefinition, Behaviour } from './definition.ts';
import './errors.ts';
import type { Home } from './home.ts';
import type { Incarnation } from './incarnation.ts';
import { Mailbox } from './mailbox.ts';
import type { Turn } from './scheduler.ts';
import type { Stopping } from './stopping.ts';
import type { ActorFailure, FailurePhase } from './supervision.ts';

/** Nothing to do. */
export const IDLE = 0;
/** In the scheduler's queue. */
export const READY = 1;
/** In its turn, or waiting for the promise of a handler or factory. */
export const TURN = 2;
/** Between two behaviours: the old one ends, then the backoff passes. */
export const RESTARTING = 3;
export const STOPPED = 4;

/**
 * The working half of an actor: takes messages out of the mailbox and through the behaviour, turn by turn.
 *
 * A turn is a plain loop while handlers return nothing, and becomes an async function at the first promise, so that
 * only messages that need a promise pay for one.
 */
export abstract class Turns<M> implements Turn {
  nextTurn: Turn | undefined = undefined;
  protected status = READY;
  /** Messages left in this turn. */
  #left = 0;
  /** A due timer or the failure of a child waits. */
  #urgent = false;
  protected readonly queue: Mailbox<M | Ask>;
  protected stopping: Stopping | undefined;
  protected behaviour: Behaviour<M> | undefined;
  protected incarnation: Incarnation<M> | undefined;
  /** Undefined as long as nobody has asked; so most messages are known not to be questions without a look at them. */
  protected asks: AskBook | undefined;
  readonly home: Home;
  protected readonly definition: ActorDefinition<M, unknown>;
  /** What is being handled while its promise is waited for. */
  #current: M | Ask | undefined;

  constructor(home: Home, definition: ActorDefinition<M, unknown>) {
    this.home = home;
    this.definition = definition;
    this.queue = new Mailbox(definition.mailbox);
  }

  /** Builds the behaviour; the promise of it if that takes time. Fails through {@link failed}, or the promise. */
  protected abstract build(): PromiseLike<void> | undefined;
  /** Deals with a failure; may change the status, which ends the turn. */
  protected abstract failed(phase: FailurePhase, error: unknown, entry: M | Ask | undefined): void;
  /** Hears that no handler runs at the moment. */
  protected abstract turnEnded(): void;

  protected get hasWork(): boolean {
    return this.#urgent || this.queue.depth > 0;
  }

  /** Called after each message accepted. */
  protected wake(): void {
    if (this.status === IDLE) this.becomeReady();
  }

  /** Has what is due beside the mailbox handled next. */
  hasUrgentWork(): void {
    this.#urgent = true;
    this.wake();
  }

  protected becomeReady(): void {
    this.status = READY;
    this.home.scheduler.schedule(this);
  }

  /** Forgets what was due beside the mailbox: its timers and children are gone. */
  protected clearUrgentWork(): void {
    this.#urgent = false;
  }

  runTurn(): number {
    if (this.status !== READY) return 0;
    const most = this.definition.messagesPerTurn;
    this.status = TURN;
    this.#left = most;
    const building = this.behaviour === undefined ? this.build() : undefined;
    const pending = building ?? this.#handleSome();
    if (pending === undefined) this.#endTurn();
    else void this.#continue(pending, building === undefined ? 'handle' : 'create');
    return most - this.#left;
  }

  /** Goes on with a turn once its promise has settled; the turn's further promises are waited for here as well. */
  async #continue(first: PromiseLike<void>, firstPhase: FailurePhase): Promise<void> {
    let phase = firstPhase;
    for (let pending: PromiseLike<void> | undefined = first; pending !== undefined; pending = this.#handleSome()) {
      try {
        await pending;
      } catch (error) {
        this.failed(phase, error, this.#current);
      }
      this.#current = undefined;
      phase = 'handle';
    }
    this.#endTurn();
  }

  #endTurn(): void {
    if (this.status !== TURN) return;
    if (this.hasWork) this.becomeReady();
    else this.status = IDLE;
    this.turnEnded();
  }

  /** Handles messages until the turn is used up (undefined) or a handler returned a promise (which it returns). */
  #handleSome(): PromiseLike<void> | undefined {
    const { behaviour, incarnation, queue } = this;
    if (behaviour === undefined || incarnation === undefined) return undefined;
    let left = this.#left;
    let pending: PromiseLike<void> | undefined;
    while (left > 0 && this.status === TURN && pending === undefined) {
      if (this.#urgent) pending = this.#handleUrgent(behaviour, incarnation);
      else if (queue.depth > 0) pending = this.#handle(queue.take(), behaviour, incarnation);
      else break;
      left--;
    }
    this.#left = left;
    return pending;
  }

  #handle(entry: M | Ask, behaviour: Behaviour<M>, context: Incarnation<M>): PromiseLike<void> | undefined {
    const ask = this.asks !== undefined && entry instanceof Ask ? entry : undefined;
    if (ask?.take() === false) {
      this.queue.takenInVain();
      return undefined;
    }
    try {
      const pending = behaviour.handle((ask === undefined ? entry : ask.message) as M, context);
      if (!isThenable(pending)) return undefined;
      this.#current = entry;
      return pending;
    } catch (error) {
      this.failed('handle', error, entry);
      return undefined;
    }
  }

  #handleUrgent(behaviour: Behaviour<M>, context: Incarnation<M>): PromiseLike<void> | undefined {
    const failure = context.takeFailure();
    if (failure !== undefined) return this.#handleFailure(failure, behaviour, context);
    const due = context.takeDueTimer();
    if (due !== undefined) return this.#handle(due.message, behaviour, context);
    this.#urgent = false;
    return undefined;
  }

  #handleFailure(
    failure: ActorFailure,
    behaviour: Behaviour<M>,
    context: Incarnation<M>,
  ): PromiseLike<void> | undefined {
    if (behaviour.onFailure === undefined) {
      const details = { message: `${failure.path} failed beyond repair`, cause: failure.error };
      this.failed('child', new VedetteError('VDT_ACTOR_CHILD_FAILED', details), undefined);
      return undefined;
    }
    try {
      const pending = behaviour.onFailure(failure, context);
      return isThenable(pending) ? pending : undefined;
    } catch (error) {
      this.failed('handle', error, undefined);
      return undefined;
    }
  }
}

/** Whether something the behaviour returned has to be waited for. */
export function isThenable<T>(result: T | PromiseLike<T>): result is PromiseLike<T> {
  return result !== undefined && result !== null && typeof (result as PromiseLike<T>).then === 'function';
}
