import { type Timer, VedetteError } from '@vedette/runtime';
import type { ActorRef, ActorState, SpawnOptions, StopOptions, StopOutcome } from './actor.ts';
import { Ask, AskBook, type AskOptions, type Reply } from './ask.ts';
import type { ActorDefinition, Behaviour } from './definition.ts';
import './errors.ts';
import type { Home } from './home.ts';
import { type Child, Incarnation, type Supervisor } from './incarnation.ts';
import type { MailboxCounters } from './mailbox.ts';
import { DEFAULT_GRACE_MS, Stopping, stopWithin } from './stopping.ts';
import {
  type ActorFailure,
  type Decision,
  type FailurePhase,
  judge,
  RestartHistory,
  type Supervision,
  type UnjudgedFailure,
} from './supervision.ts';
import type { TimerOwner } from './timers.ts';
import { IDLE, isThenable, RESTARTING, STOPPED, TURN, Turns } from './turns.ts';

/**
 * One actor. What must hold:
 *
 * - A1 One message at a time: a behaviour is never entered while its handler, or the promise of it, is unfinished.
 * - A2 The mailbox never holds more than its capacity (I6).
 * - A3 What was accepted is handled or counted as dropped; nothing is lost without a number.
 * - A4 Every failure is reported with what was decided about it; none is swallowed.
 * - A5 Every stop ends, after at most its timeout and grace (I10).
 *
 * Thousands of idle ones live in a process, so all that is not always needed is made when first used.
 */
export class Cell<M> extends Turns<M> implements Child, ActorRef<M>, TimerOwner {
  readonly name: string;
  readonly #supervisor: Supervisor;
  readonly #args: unknown;
  #failures = 0;
  #history: RestartHistory | undefined;
  #backoff: Timer | undefined;

  /** Builds nothing yet: that is for the first turn, which is scheduled here. */
  constructor(
    home: Home,
    supervisor: Supervisor,
    definition: ActorDefinition<M, unknown>,
    name: string,
    args: unknown,
  ) {
    super(home, definition);
    this.name = name;
    this.#supervisor = supervisor;
    this.#args = args;
    this.becomeReady();
  }

  get path(): string {
    const above = this.#supervisor.path;
    return above === '' ? this.name : `${above}/${this.name}`;
  }

  get kind(): string {
    return this.definition.kind;
  }

  get state(): ActorState {
    if (this.status === STOPPED) return 'stopped';
    return this.stopping === undefined ? 'running' : 'stopping';
  }

  get mailbox(): MailboxCounters {
    return this.queue;
  }

  get failures(): number {
    return this.#failures;
  }

  get restarts(): number {
    return this.#history?.restarts ?? 0;
  }

  get openAsks(): number {
    return this.asks?.openAsks ?? 0;
  }

  get lateReplies(): number {
    return this.asks?.lateReplies ?? 0;
  }

  get children(): Iterable<Child> {
    return this.incarnation?.children ?? [];
  }

  get childSupervision(): Supervision {
    return this.definition.supervision ?? this.#supervisor.supervision;
  }

  cast(message: M): void {
    if (!this.offer(message)) throw this.#refusal();
  }

  offer(message: M): boolean {
    if (this.stopping !== undefined) return this.queue.reject();
    if (!this.queue.offer(message)) return false;
    this.wake();
    return true;
  }

  async ask<R>(question: (reply: Reply<R>) => M, options: AskOptions): Promise<R> {
    options.signal?.throwIfAborted();
    this.asks ??= new AskBook(this);
    const ask = new Ask(this.asks, question, options.signal);
    const answer = ask.open(this.home.clock, options.timeoutMs);
    const accepted = this.stopping === undefined ? this.queue.offer(ask) : this.queue.reject();
    if (accepted) this.wake();
    else ask.giveUp(this.#refusal());
    return answer as Promise<R>;
  }

  stop(options?: StopOptions): Promise<StopOutcome> {
    return stopWithin(this.home.clock, [this], options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  timerFired(): void {
    this.hasUrgentWork();
  }

  spawnChild<C, A>(life: Incarnation<M>, definition: ActorDefinition<C, A>, options: SpawnOptions<A>): Cell<C> {
    return new Cell<C>(this.home, life, definition, options.name, options.args);
  }

  childEnded(child: Child, outcome: StopOutcome): void {
    this.home.actorEnded(child);
    this.stopping?.add(outcome);
  }

  beginStop(): Promise<StopOutcome> {
    if (this.stopping === undefined) {
      this.stopping = new Stopping();
      this.incarnation?.cancelTimers();
      void this.#runStop(this.stopping);
    }
    return this.stopping.ended.promise;
  }

  forceStop(): void {
    const stopping = this.stopping;
    if (stopping === undefined || stopping.forced) return;
    stopping.forced = true;
    this.asks?.giveUp('queued', this.#refusal());
    stopping.droppedMessages += this.queue.clear();
    this.incarnation?.close('VDT_ACTOR_STOPPED');
    this.clearUrgentWork();
    for (const child of this.children) beginForcedStop(child);
    this.turnEnded();
  }

  abandon(): void {
    const stopping = this.stopping;
    if (stopping === undefined || this.status === STOPPED) return;
    for (const child of this.children) child.abandon();
    if (this.status === TURN) this.#reportAbandoned(this.behaviour === undefined ? 'create' : 'handle');
    this.status = STOPPED;
    stopping.quiet.resolve();
    stopping.abandoned.resolve();
  }

  protected build(): PromiseLike<void> | undefined {
    if (this.stopping !== undefined && !this.hasWork) return undefined;
    this.incarnation = new Incarnation(this);
    try {
      const behaviour = this.definition.create(this.#args, this.incarnation);
      if (isThenable(behaviour)) return this.#adoptLater(behaviour);
      this.#adopt(behaviour);
    } catch (error) {
      this.failed('create', error, undefined);
    }
    return undefined;
  }

  /** A drain is over when nothing waits, not even for the end of a backoff. */
  protected turnEnded(): void {
    if (this.stopping === undefined) return;
    const idleInBackoff = this.#backoff !== undefined && !this.hasWork;
    if (this.status !== IDLE && !idleInBackoff) return;
    this.#backoff?.cancel();
    this.incarnation?.retire();
    this.stopping.quiet.resolve();
  }

  protected failed(phase: FailurePhase, error: unknown, entry: M | Ask | undefined): void {
    this.#failures++;
    const failure = this.#describe(phase, error, entry);
    if (entry instanceof Ask) entry.giveUp(this.#handlerFailed(error));
    if (this.stopping?.forced === true) {
      this.home.report({ ...failure, decision: 'stop', escalatedTo: undefined });
      return;
    }
    const { decision, backoffMs } = this.#decide(failure);
    const escalatedTo = decision !== 'escalate' ? undefined : this.#supervisor.hearsFailures ? 'parent' : 'system';
    const judged: ActorFailure = { ...failure, decision, escalatedTo };
    this.home.report(judged);
    if (backoffMs !== undefined) this.#restart(backoffMs, error);
    else if (decision !== 'resume') void this.stop({ drain: false });
    if (escalatedTo === 'parent') this.#supervisor.childFailed(judged);
  }

  #describe(phase: FailurePhase, error: unknown, entry: M | Ask | undefined): UnjudgedFailure {
    const message = entry instanceof Ask ? entry.message : entry;
    return { path: this.path, kind: this.kind, phase, error, message, restarts: this.restarts };
  }

  /** The decision, and the backoff if it is a restart. Where nothing was built there is nothing to resume. */
  #decide(failure: UnjudgedFailure): { decision: Decision; backoffMs?: number } {
    const { supervision } = this.#supervisor;
    const decision = judge(supervision, failure, (fault) => this.#reportOnly('supervise', fault, 'escalate'));
    if (decision !== 'restart' && (decision !== 'resume' || failure.phase !== 'create')) return { decision };
    this.#history ??= new RestartHistory();
    const backoffMs = this.#history.nextBackoffMs(supervision.restart, this.home.clock.now(), this.home.random());
    return backoffMs === undefined ? { decision: 'escalate' } : { decision: 'restart', backoffMs };
  }

  #restart(backoffMs: number, cause: unknown): void {
    this.status = RESTARTING;
    this.asks?.giveUp('taken', this.#handlerFailed(cause));
    this.incarnation?.close('VDT_ACTOR_HANDLER_FAILED');
    this.clearUrgentWork();
    void this.#restartAfter(backoffMs);
  }

  async #restartAfter(backoffMs: number): Promise<void> {
    const { clock } = this.home;
    const children = [...this.children];
    const graceOver = Promise.withResolvers<void>();
    const grace = clock.setTimer(() => {
      for (const child of children) child.abandon();
      graceOver.resolve();
    }, DEFAULT_GRACE_MS);
    for (const child of children) beginForcedStop(child);
    await this.#endLife(graceOver.promise);
    grace.cancel();
    this.#backoff = clock.setTimer(() => {
      this.#backoff = undefined;
      this.becomeReady();
    }, backoffMs);
    this.turnEnded();
  }

  async #runStop(stopping: Stopping): Promise<void> {
    this.turnEnded();
    await stopping.quiet.promise;
    await this.#endLife(stopping.abandoned.promise);
    this.status = STOPPED;
    this.asks?.giveUp('all', this.#refusal());
    stopping.stoppedActors++;
    if (stopping.leftRunning) stopping.abandonedActors++;
    this.#supervisor.childEnded(this, stopping);
    stopping.ended.resolve(stopping);
  }

  /** Ends the present life: children first, then timers and signal, then the behaviour, unless that takes too long. */
  async #endLife(graceOver: Promise<void>): Promise<void> {
    await Promise.all([...this.children].map((child) => child.beginStop()));
    this.incarnation?.close('VDT_ACTOR_STOPPED');
    const { behaviour } = this;
    this.incarnation = undefined;
    this.behaviour = undefined;
    if (behaviour?.dispose === undefined) return;
    const disposed = this.#dispose(behaviour).then(() => true);
    if (!(await Promise.race([disposed, graceOver.then(() => false)]))) this.#reportAbandoned('dispose');
  }

  /** Never rejects: a failing disposal is reported, and what follows it goes on. */
  async #dispose(behaviour: Behaviour<M>): Promise<void> {
    try {
      const pending = behaviour.dispose?.();
      if (isThenable(pending)) await pending;
    } catch (error) {
      this.#reportOnly('dispose', error, 'resume');
    }
  }

  #adopt(behaviour: Behaviour<M>): void {
    this.behaviour = behaviour;
    this.#history?.built(this.home.clock.now());
  }

  async #adoptLater(building: PromiseLike<Behaviour<M>>): Promise<void> {
    const behaviour = await building;
    if (this.status === STOPPED) await this.#dispose(behaviour);
    else this.#adopt(behaviour);
  }

  #reportAbandoned(phase: FailurePhase): void {
    if (this.stopping !== undefined) this.stopping.leftRunning = true;
    const message = `${this.path} did not end its ${phase} within the grace`;
    this.#reportOnly(phase, new VedetteError('VDT_ACTOR_ABANDONED', { message }), 'stop');
  }

  #reportOnly(phase: FailurePhase, error: unknown, decision: Decision): void {
    this.home.report({ ...this.#describe(phase, error, undefined), decision, escalatedTo: undefined });
  }

  #refusal(): VedetteError {
    if (this.stopping === undefined) {
      const message = `${this.path} has ${this.queue.depth} messages waiting and takes no more`;
      return new VedetteError('VDT_ACTOR_MAILBOX_FULL', { message });
    }
    return new VedetteError('VDT_ACTOR_STOPPED', { message: `${this.path} is ${this.state}` });
  }

  #handlerFailed(cause: unknown): VedetteError {
    return new VedetteError('VDT_ACTOR_HANDLER_FAILED', { message: `${this.path} failed before it answered`, cause });
  }
}

function beginForcedStop(child: Child): void {
  void child.beginStop();
  child.forceStop();
}
