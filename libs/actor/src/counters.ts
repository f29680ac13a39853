import type { ActorRef } from './actor.ts';

/** The counts over all actors of one kind; a stopped one is in them with what it had counted when it stopped. */
export interface KindCounters {
  /** Living ones. */
  actors: number;
  /** Waiting now; the rest are totals as {@link MailboxCounters} and {@link ActorRef} define them. */
  depth: number;
  queued: number;
  handled: number;
  dropped: number;
  rejected: number;
  failures: number;
  restarts: number;
  /** Unanswered now. */
  openAsks: number;
  lateReplies: number;
}

/** Counts per kind of actor. */
export type CountersByKind = Map<string, KindCounters>;

/** Adds the counts of one actor to those of its kind. */
export function addCounters(counters: CountersByKind, actor: ActorRef<never>): void {
  let sum = counters.get(actor.kind);
  if (sum === undefined) {
    sum = noCounters();
    counters.set(actor.kind, sum);
  }
  if (actor.state !== 'stopped') sum.actors++;
  sum.depth += actor.mailbox.depth;
  sum.queued += actor.mailbox.queued;
  sum.handled += actor.mailbox.handled;
  sum.dropped += actor.mailbox.dropped;
  sum.rejected += actor.mailbox.rejected;
  sum.failures += actor.failures;
  sum.restarts += actor.restarts;
  sum.openAsks += actor.openAsks;
  sum.lateReplies += actor.lateReplies;
}

function noCounters(): KindCounters {
  return {
    actors: 0,
    depth: 0,
    queued: 0,
    handled: 0,
    dropped: 0,
    rejected: 0,
    failures: 0,
    restarts: 0,
    openAsks: 0,
    lateReplies: 0,
  };
}
