import { VedetteError } from '@vedette/runtime';
import type { ActorContext } from './actor.ts';
import { Ask } from './ask.ts';
import './errors.ts';
import { type MailboxOptions, type MailboxPolicy, mailboxPolicy } from './mailbox.ts';
import { type ActorFailure, resolveSupervision, type Supervision, type SupervisionOptions } from './supervision.ts';

/** The state of an actor and what it does with messages. One object per life: a restart builds another. */
export interface Behaviour<M> {
  /**
   * Handles one message. The next is not handed over before this one is done, or its promise has settled. Whatever is
   * thrown or rejected goes to the supervisor. Work that takes long heeds `context.signal`.
   */
  handle(message: M, context: ActorContext<M>): void | PromiseLike<void>;
  /**
   * Hears of a child that failed beyond repair and has been stopped; in turn, like a message. A behaviour without this
   * method fails itself, with VDT_ACTOR_CHILD_FAILED.
   */
  onFailure?(failure: ActorFailure, context: ActorContext<M>): void | PromiseLike<void>;
  /**
   * Releases what the behaviour holds; called once, at a restart or stop, after its children are gone and its signal
   * has aborted. A promise is waited for, within the grace.
   */
  dispose?(): void | PromiseLike<void>;
}

/** One kind of actor. */
export interface ActorOptions<M, A> {
  /** Names the kind in metrics and failures. */
  readonly kind: string;
  /**
   * Builds the behaviour, in the actor's first turn and again at every restart; may already set timers and spawn. A
   * failure is supervised like one of the handler. `args` are those given to `spawn`.
   */
  create(args: A, context: ActorContext<M>): Behaviour<M> | PromiseLike<Behaviour<M>>;
  readonly mailbox: MailboxOptions<M>;
  /** Most messages handled before other actors have their turn. Default 16. */
  readonly messagesPerTurn?: number;
  /** How this kind treats the actors it spawns. Default: as the system does. */
  readonly supervision?: SupervisionOptions;
}

/** An {@link ActorOptions} checked and resolved; shared by all actors of the kind. */
export interface ActorDefinition<M, A = void> {
  readonly kind: string;
  create(args: A, context: ActorContext<M>): Behaviour<M> | PromiseLike<Behaviour<M>>;
  readonly mailbox: MailboxPolicy<M | Ask>;
  readonly messagesPerTurn: number;
  readonly supervision: Supervision | undefined;
}

/** @throws VedetteError VDT_ACTOR_DEFINITION naming the option that is out of its range */
export function defineActor<M, A = void>(options: ActorOptions<M, A>): ActorDefinition<M, A> {
  const { kind, mailbox, messagesPerTurn = 16, supervision } = options;
  if (!Number.isInteger(messagesPerTurn) || messagesPerTurn < 1) {
    const message = `messagesPerTurn of ${kind} is ${messagesPerTurn}, not a whole number of at least 1`;
    throw new VedetteError('VDT_ACTOR_DEFINITION', { message });
  }
  return {
    kind,
    create: (args, context) => options.create(args, context),
    mailbox: mailboxPolicy(withoutAsks(mailbox), dropAsk),
    messagesPerTurn,
    supervision: supervision && resolveSupervision(supervision),
  };
}

/** Every asker waits for an answer of their own: a question is never coalesced. */
function withoutAsks<M>(options: MailboxOptions<M>): MailboxOptions<M | Ask> {
  if (options.overflow !== 'coalesce') return options;
  const { key } = options;
  return { ...options, key: (entry) => (entry instanceof Ask ? undefined : key(entry)) };
}

function dropAsk(entry: unknown): void {
  if (entry instanceof Ask) entry.drop();
}
