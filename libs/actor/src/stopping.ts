import type { Clock, Timer } from '@vedette/runtime';
import type { StopOptions, StopOutcome } from './actor.ts';

const DEFAULT_TIMEOUT_MS = 5000;
/** Also what a restart grants the children and the disposal of the old behaviour. */
export const DEFAULT_GRACE_MS = 1000;

/** The stop of one actor, from its beginning; what it counts becomes the outcome. */
export class Stopping implements StopOutcome {
  stoppedActors = 0;
  droppedMessages = 0;
  abandonedActors = 0;
  /** Own code of the actor was still running when patience with it was over. */
  leftRunning = false;
  /** Patience with the queue is over. */
  forced = false;
  /** Patience with running code is over. */
  readonly abandoned = Promise.withResolvers<void>();
  /** No handler runs and none will. */
  readonly quiet = Promise.withResolvers<void>();
  readonly ended = Promise.withResolvers<StopOutcome>();

  add(outcome: StopOutcome): void {
    this.stoppedActors += outcome.stoppedActors;
    this.droppedMessages += outcome.droppedMessages;
    this.abandonedActors += outcome.abandonedActors;
  }
}

/** What can be stopped, step by step. Each step may be taken again without effect. */
export interface Stoppable {
  /** Refuses new messages and begins to drain; the promise resolves when the actor has stopped. */
  beginStop(): Promise<StopOutcome>;
  /** Aborts the signal and drops the queue, here and below. */
  forceStop(): void;
  /** Waits no longer for code that runs, here and below. */
  abandon(): void;
}

/** Drives actors, and all below them, to their end within `timeoutMs + graceMs`. */
export async function stopWithin(
  clock: Clock,
  actors: readonly Stoppable[],
  options: StopOptions = {},
): Promise<StopOutcome> {
  const { drain = true, timeoutMs = DEFAULT_TIMEOUT_MS, graceMs = DEFAULT_GRACE_MS } = options;
  let patience: Timer | undefined;
  const abandon = (): void => {
    for (const actor of actors) actor.abandon();
  };
  const force = (): void => {
    patience = clock.setTimer(abandon, graceMs);
    for (const actor of actors) actor.forceStop();
  };
  const ended = actors.map((actor) => actor.beginStop());
  if (drain) patience = clock.setTimer(force, timeoutMs);
  else force();
  const sum = new Stopping();
  for (const outcome of await Promise.all(ended)) sum.add(outcome);
  patience?.cancel();
  return {
    stoppedActors: sum.stoppedActors,
    droppedMessages: sum.droppedMessages,
    abandonedActors: sum.abandonedActors,
  };
}
