import type { Clock } from '@vedette/runtime';
import type { Child } from './incarnation.ts';
import type { TurnScheduler } from './scheduler.ts';
import type { ActorFailure } from './supervision.ts';
import type { TimerQueue } from './timer-queue.ts';

/** What all actors of a system share. */
export interface Home {
  readonly clock: Clock;
  readonly scheduler: TurnScheduler;
  readonly timers: TimerQueue;
  /** From 0 up to 1. */
  readonly random: () => number;
  /** Hears every failure and what was decided; never throws. */
  readonly report: (failure: ActorFailure) => void;
  /** Hears of every actor that has stopped, at any depth. */
  readonly actorEnded: (actor: Child) => void;
}
