import { type Clock, VedetteError } from '@vedette/runtime';
import type { ActorContext, ActorRef, SpawnOptions, StopOptions, StopOutcome } from './actor.ts';
import type { Cell } from './cell.ts';
import type { ActorDefinition } from './definition.ts';
import type { Stoppable } from './stopping.ts';
import type { ActorFailure, Supervision } from './supervision.ts';
import { KeyedTimers } from './timers.ts';

/** An actor as its supervisor sees it. */
export interface Child extends Stoppable, ActorRef<never> {
  readonly children: Iterable<Child>;
}

/** What stands above an actor: one life of its parent, or the system. */
export interface Supervisor {
  /** Empty for the system. */
  readonly path: string;
  readonly supervision: Supervision;
  /** Whether it deals with escalated failures itself; otherwise they are the system's. */
  readonly hearsFailures: boolean;
  childFailed(failure: ActorFailure): void;
  childEnded(child: Child, outcome: StopOutcome): void;
}

/**
 * One life of an actor, from the building of its behaviour to its disposal: the context of that behaviour, and all
 * that ends with it (timers, signal, children). Everything in it is made when first asked for.
 */
export class Incarnation<M> implements ActorContext<M>, Supervisor {
  readonly #cell: Cell<M>;
  #timers: KeyedTimers<M> | undefined;
  #controller: AbortController | undefined;
  #children: Set<Child> | undefined;
  /** Failures of children, waiting for their turn; at most one for each child, which it has ended. */
  #failures: ActorFailure[] | undefined;
  /** Its last handler has returned. */
  #retired = false;
  /** Why it is ending or has ended. */
  #closedBy: string | undefined;

  constructor(cell: Cell<M>) {
    this.#cell = cell;
  }

  get self(): ActorRef<M> {
    return this.#cell;
  }

  get clock(): Clock {
    return this.#cell.home.clock;
  }

  get path(): string {
    return this.#cell.path;
  }

  get supervision(): Supervision {
    return this.#cell.childSupervision;
  }

  get hearsFailures(): boolean {
    return this.#isAlive;
  }

  get children(): Iterable<Child> {
    return this.#children ?? [];
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#closedBy !== undefined) this.#abort(this.#closedBy);
    return this.#controller.signal;
  }

  setTimer(key: string, message: M, delayMs: number): void {
    if (!this.#isAlive || this.#cell.state !== 'running') return;
    this.#timers ??= new KeyedTimers(this.#cell.home.timers, this.#cell);
    this.#timers.set(key, message, delayMs);
  }

  cancelTimer(key: string): void {
    this.#timers?.cancel(key);
  }

  spawn<C, A>(definition: ActorDefinition<C, A>, options: SpawnOptions<A>): ActorRef<C> {
    if (!this.#isAlive) {
      const message = `${this.path} is ending and cannot spawn ${options.name}`;
      throw new VedetteError('VDT_ACTOR_STOPPED', { message });
    }
    const child = this.#cell.spawnChild(this, definition, options);
    this.#children ??= new Set();
    this.#children.add(child);
    return child;
  }

  stop(options?: StopOptions): void {
    if (this.#closedBy === undefined) void this.#cell.stop(options);
  }

  childFailed(failure: ActorFailure): void {
    this.#failures ??= [];
    this.#failures.push(failure);
    this.#cell.hasUrgentWork();
  }

  childEnded(child: Child, outcome: StopOutcome): void {
    this.#children?.delete(child);
    this.#cell.childEnded(child, outcome);
  }

  takeFailure(): ActorFailure | undefined {
    return this.#failures?.shift();
  }

  takeDueTimer(): { readonly message: M } | undefined {
    return this.#timers?.takeDue();
  }

  cancelTimers(): void {
    this.#timers?.cancelAll();
  }

  /** From now on it has no more children than it has, and does not hear of them. */
  retire(): void {
    this.#retired = true;
  }

  /** Ends what the behaviour has started: its timers and its signal. The first reason stands. */
  close(code: 'VDT_ACTOR_STOPPED' | 'VDT_ACTOR_HANDLER_FAILED'): void {
    this.cancelTimers();
    this.#closedBy ??= code;
    if (this.#controller !== undefined) this.#abort(this.#closedBy);
    for (const failure of this.#failures?.splice(0) ?? []) {
      this.#cell.home.report({ ...failure, escalatedTo: 'system' });
    }
  }

  get #isAlive(): boolean {
    return this.#closedBy === undefined && !this.#retired;
  }

  #abort(code: string): void {
    if (this.#controller?.signal.aborted === false) {
      this.#controller.abort(new VedetteError(code, { message: `${this.path} is ending` }));
    }
  }
}
