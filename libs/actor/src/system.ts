import { type Clock, VedetteError } from '@vedette/runtime';
import type { ActorRef, SpawnOptions, StopOptions, StopOutcome } from './actor.ts';
import { Cell } from './cell.ts';
import { addCounters, type CountersByKind } from './counters.ts';
import type { ActorDefinition } from './definition.ts';
import './errors.ts';
import type { Home } from './home.ts';
import type { Child, Supervisor } from './incarnation.ts';
import { TurnScheduler } from './scheduler.ts';
import { stopWithin } from './stopping.ts';
import { type ActorFailure, resolveSupervision, type SupervisionOptions } from './supervision.ts';
import { TimerQueue } from './timer-queue.ts';

export interface ActorSystemOptions {
  readonly clock: Clock;
  /**
   * Hears of every failure in the system, with what was decided, as it happens: the place to log and count. Where
   * `escalatedTo` is `system` nobody below can help any more, and the owner of the process has to. What this function
   * throws is the process's uncaught exception.
   */
  readonly onFailure: (failure: ActorFailure) => void;
  /** How top-level actors are treated, and those below them whose definition says nothing. */
  readonly supervision?: SupervisionOptions;
  /** Chance for backoff jitter, from 0 up to 1. Default Math.random. */
  readonly random?: () => number;
}

/** Owns top-level actors, the scheduler they share, and their end. */
export class ActorSystem implements AsyncDisposable {
  readonly #home: Home;
  readonly #guardian: Supervisor;
  readonly #topLevel = new Set<Child>();
  /** What stopped actors have counted. */
  readonly #endedCounters: CountersByKind = new Map();
  #stopped: Promise<StopOutcome> | undefined;

  /** @throws VedetteError VDT_ACTOR_DEFINITION when a value of the supervision is out of its range */
  constructor(options: ActorSystemOptions) {
    const { clock, onFailure, supervision = {}, random = Math.random } = options;
    this.#home = {
      clock,
      scheduler: new TurnScheduler(clock),
      timers: new TimerQueue(clock),
      random,
      report: (failure) => reportTo(onFailure, failure),
      actorEnded: (actor) => addCounters(this.#endedCounters, actor),
    };
    this.#guardian = {
      path: '',
      supervision: resolveSupervision(supervision),
      hearsFailures: false,
      childFailed: this.#home.report,
      childEnded: (child) => {
        this.#topLevel.delete(child);
        this.#home.actorEnded(child);
      },
    };
  }

  /** Living top-level actors. */
  get size(): number {
    return this.#topLevel.size;
  }

  /**
   * Spawns a top-level actor; its behaviour is built in its first turn, not here.
   *
   * @throws VedetteError VDT_ACTOR_STOPPED when the system is stopping
   */
  spawn<M, A>(definition: ActorDefinition<M, A>, options: SpawnOptions<A>): ActorRef<M> {
    if (this.#stopped !== undefined) {
      const message = `the actor system is stopping and cannot spawn ${options.name}`;
      throw new VedetteError('VDT_ACTOR_STOPPED', { message });
    }
    const actor = new Cell<M>(this.#home, this.#guardian, definition, options.name, options.args);
    this.#topLevel.add(actor);
    return actor;
  }

  /** The counts of now, by kind. Walks over all living actors: made for a scrape, not for every message. */
  counters(): CountersByKind {
    const counters: CountersByKind = new Map();
    for (const [kind, ended] of this.#endedCounters) counters.set(kind, { ...ended });
    addAll(counters, this.#topLevel);
    return counters;
  }

  /**
   * Stops all actors at the same time, as {@link ActorRef.stop} does, all within one deadline. Idempotent: later calls
   * return the first outcome, and may only hasten it.
   */
  stop(options: StopOptions = {}): Promise<StopOutcome> {
    const stopping = stopWithin(this.#home.clock, [...this.#topLevel], options);
    this.#stopped ??= stopping;
    return this.#stopped;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

function addAll(counters: CountersByKind, actors: Iterable<Child>): void {
  for (const actor of actors) {
    addCounters(counters, actor);
    addAll(counters, actor.children);
  }
}

function reportTo(onFailure: (failure: ActorFailure) => void, failure: ActorFailure): void {
  try {
    onFailure(failure);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
