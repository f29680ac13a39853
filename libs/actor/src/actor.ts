import type { Clock } from '@vedette/runtime';
import type { AskOptions, Reply } from './ask.ts';
import type { ActorDefinition } from './definition.ts';
import type { MailboxCounters } from './mailbox.ts';

/**
 * - `running`: takes messages, also while it waits for a restart.
 * - `stopping`: refuses new messages; what it has queued is handled (drain) or dropped.
 * - `stopped`: its behaviour and children are gone, open questions have failed.
 */
export type ActorState = 'running' | 'stopping' | 'stopped';

export interface StopOptions {
  /** Whether what is queued is still handled; otherwise the stop is forced from the beginning. Default true. */
  readonly drain?: boolean;
  /** How long draining may take, children included, before the stop is forced. Default 5,000. */
  readonly timeoutMs?: number;
  /** How long a forced stop waits for running handlers and disposals before it abandons them. Default 1,000. */
  readonly graceMs?: number;
}

/** What a stop did, over an actor and all below it. */
export interface StopOutcome {
  readonly stoppedActors: number;
  /** Queued messages that were dropped because the stop was, or became, forced. */
  readonly droppedMessages: number;
  /** Actors with code still running when the grace had passed; each was reported as VDT_ACTOR_ABANDONED. */
  readonly abandonedActors: number;
}

/** The outside of an actor: what may be held, passed on and called by anybody, also after it has stopped. */
export interface ActorRef<in M> extends AsyncDisposable {
  /** Given to `spawn`; need not be unique. */
  readonly name: string;
  /** Names from the top-level actor down to this one, joined by `/`. */
  readonly path: string;
  readonly kind: string;
  readonly state: ActorState;
  readonly mailbox: MailboxCounters;
  /** Failures of the handler or factory, ever. */
  readonly failures: number;
  readonly restarts: number;
  /** Questions that wait for an answer now. */
  readonly openAsks: number;
  /** Answers that came after their asker had given up, ever. */
  readonly lateReplies: number;

  /**
   * Queues one message; never runs the handler within the call. Messages of one sender are handled in the order they
   * were cast, except that a coalesced one takes the place of the one it replaces.
   *
   * @throws VedetteError VDT_ACTOR_MAILBOX_FULL (retryable) or VDT_ACTOR_STOPPED
   */
  cast(message: M): void;
  /** {@link cast} for hot paths: false where that would throw. Counted as rejected in both. */
  offer(message: M): boolean;
  /**
   * Puts a question: `question` makes the message around the port that the behaviour answers to. A message whose asker
   * has given up before the actor came to it is not handled, and counts as dropped.
   *
   * Rejects with VedetteError VDT_ACTOR_ASK_DEADLINE, VDT_ACTOR_MAILBOX_FULL, VDT_ACTOR_MESSAGE_DROPPED,
   * VDT_ACTOR_HANDLER_FAILED (these may be retried), VDT_ACTOR_STOPPED, the signal's reason, or what the behaviour
   * gave to {@link Reply.fail}. An answer that comes later is dropped and counted.
   */
  ask<R>(question: (reply: Reply<R>) => M, options: AskOptions): Promise<R>;
  /**
   * Stops the actor and what it has spawned. New messages (its own too) are refused and timers cancelled at once; the
   * queue is drained; the children are drained and stopped; then the signal aborts and the behaviour is disposed of. After
   * `timeoutMs` the stop is forced: the signal aborts and queues are dropped in the whole tree. It always ends, after
   * at most `timeoutMs + graceMs` on the clock.
   *
   * Idempotent: every call returns the outcome of the one stop, and a later call may only hasten it. Never to be
   * awaited by the actor's own handler, which is {@link ActorContext.stop}'s case.
   */
  stop(options?: StopOptions): Promise<StopOutcome>;
}

/** What a behaviour sees of its actor. It belongs to one behaviour: after a restart or stop it does nothing any more. */
export interface ActorContext<M> {
  readonly self: ActorRef<M>;
  readonly clock: Clock;
  /** Aborts when this behaviour ends: at a forced stop at once, else after draining; at a restart before disposal. */
  readonly signal: AbortSignal;
  /**
   * Has `message` handled after `delayMs`, replacing the timer of the same key, running or due. What is due is handled
   * before queued messages and needs no place in the mailbox. All timers are cancelled at a restart and when a stop
   * begins; while stopping none can be set. Keys are few: what stands for many things belongs into the behaviour.
   *
   * @throws VedetteError VDT_ACTOR_DEFINITION when the delay is not a number
   */
  setTimer(key: string, message: M, delayMs: number): void;
  /** Cancels a timer, also one that is due but not yet handled. */
  cancelTimer(key: string): void;
  /**
   * Spawns a child. It is stopped with this behaviour, at a restart too. Still possible while this actor drains.
   *
   * @throws VedetteError VDT_ACTOR_STOPPED when this behaviour has ended, or its stop is forced
   */
  spawn<C, A>(definition: ActorDefinition<C, A>, options: SpawnOptions<A>): ActorRef<C>;
  /** Begins to stop this actor, as {@link ActorRef.stop} does, once the handler has returned. */
  stop(options?: StopOptions): void;
}

/** Whose actor it is, and what its factory is given. */
export type SpawnOptions<A> = { readonly name: string } & (undefined extends A
  ? { readonly args?: A }
  : { readonly args: A });
