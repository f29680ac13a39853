import { VedetteError } from '@vedette/runtime';
import './errors.ts';

/**
 * What a supervisor does about an actor that failed. The message that was being handled is spent in every case.
 *
 * - `resume`: the behaviour goes on with the next message as if nothing had happened.
 * - `restart`: the behaviour is disposed of and a new one built after a backoff; queued messages are kept. Failing too
 *   often becomes `escalate`.
 * - `stop`: the actor is stopped; what it has queued is dropped.
 * - `escalate`: the actor is stopped, and its failure becomes its parent's, or the system's.
 */
export type Decision = 'resume' | 'restart' | 'stop' | 'escalate';

/** What failed: the factory, the handler, the disposal, a supervisor's own code, or a child beyond repair. */
export type FailurePhase = 'create' | 'handle' | 'dispose' | 'supervise' | 'child';

/** A failure before it has been judged. */
export interface UnjudgedFailure {
  /** Names of the actor and its parents from the top, joined by `/`. */
  readonly path: string;
  readonly kind: string;
  readonly phase: FailurePhase;
  /** As it was thrown or rejected with. */
  readonly error: unknown;
  /** What was being handled; undefined where no message was. May hold whatever senders put into it. */
  readonly message: unknown;
  /** Restarts of this actor before this failure. */
  readonly restarts: number;
}

/** A failure and what was decided. */
export interface ActorFailure extends UnjudgedFailure {
  /** What was done; a failing disposal is only reported (`resume`). */
  readonly decision: Decision;
  /** Who has to deal with it when it was escalated. */
  readonly escalatedTo: 'parent' | 'system' | undefined;
}

/** How restarts follow one another. The n-th in a row waits `min x factor^(n-1)`, at most `max`. */
export interface RestartPolicy {
  /** At least 1. */
  readonly minBackoffMs: number;
  readonly maxBackoffMs: number;
  readonly factor: number;
  /** Largest share (0 to 1) by which chance shortens a backoff, so that what failed together does not return together. */
  readonly jitter: number;
  /** One restart more than this within `windowMs` is an escalation. Infinity: never. */
  readonly maxRestarts: number;
  /** Also the time without a failure after which backoffs start small again. */
  readonly windowMs: number;
}

/** How a supervisor treats the actors under it. */
export interface Supervision {
  /** One decision for all failures, or a pure function of the failure. One that throws counts as `escalate`. */
  readonly decide: Decision | ((failure: UnjudgedFailure) => Decision);
  readonly restart: RestartPolicy;
}

/** What may be given of a {@link Supervision}; the rest comes from {@link defaultSupervision}. */
export interface SupervisionOptions {
  readonly decide?: Supervision['decide'];
  readonly restart?: Partial<RestartPolicy>;
}

/** Restart always. Eight backoffs in a row take 0.1 + 0.2 + ... + 12.8 = 25.5 s: the ninth failure in a minute escalates. */
export const defaultSupervision: Supervision = {
  decide: 'restart',
  restart: { minBackoffMs: 100, maxBackoffMs: 30_000, factor: 2, jitter: 0.2, maxRestarts: 8, windowMs: 60_000 },
};

/** @throws VedetteError VDT_ACTOR_DEFINITION naming the value that is out of its range */
export function resolveSupervision(options: SupervisionOptions): Supervision {
  const restart = { ...defaultSupervision.restart, ...options.restart };
  const { minBackoffMs, maxBackoffMs, factor, jitter, maxRestarts, windowMs } = restart;
  requireRange('minBackoffMs', minBackoffMs, 1, Number.MAX_VALUE);
  requireRange('maxBackoffMs', maxBackoffMs, minBackoffMs, Number.MAX_VALUE);
  requireRange('factor', factor, 1, Number.MAX_VALUE);
  requireRange('jitter', jitter, 0, 1);
  requireRange('maxRestarts', maxRestarts, 0, Number.POSITIVE_INFINITY);
  requireRange('windowMs', windowMs, 0, Number.MAX_VALUE);
  return { decide: options.decide ?? defaultSupervision.decide, restart };
}

function requireRange(name: string, value: number, least: number, most: number): void {
  if (value >= least && value <= most) return;
  throw new VedetteError('VDT_ACTOR_DEFINITION', { message: `${name} is ${value}, not from ${least} to ${most}` });
}

/** The supervisor's decision. What its own code throws goes to `onFault`, and the failure escalates. */
export function judge(supervision: Supervision, failure: UnjudgedFailure, onFault: (error: unknown) => void): Decision {
  const { decide } = supervision;
  if (typeof decide !== 'function') return decide;
  try {
    return decide(failure);
  } catch (error) {
    onFault(error);
    return 'escalate';
  }
}

/** The restarts of one actor, as far as they matter for the next. Made at the first failure. */
export class RestartHistory {
  /** Restarts ever. */
  restarts = 0;
  #inARow = 0;
  /** In the future while no behaviour runs. */
  #runningSinceMs = Number.NEGATIVE_INFINITY;
  /** Times of the restarts within the window, oldest first. */
  #timesMs: number[] = [];

  /** Notes that a new behaviour has been built. */
  built(nowMs: number): void {
    this.#runningSinceMs = nowMs;
  }

  /**
   * Counts one more restart and returns its backoff, or undefined if the policy has none left.
   *
   * @param chance from 0 up to 1, shortening the backoff by that share of the jitter
   */
  nextBackoffMs(policy: RestartPolicy, nowMs: number, chance: number): number | undefined {
    const { minBackoffMs, maxBackoffMs, factor, jitter, maxRestarts, windowMs } = policy;
    this.#timesMs = this.#timesMs.filter((timeMs) => nowMs - timeMs < windowMs);
    if (this.#timesMs.length >= maxRestarts) return undefined;
    if (maxRestarts !== Number.POSITIVE_INFINITY) this.#timesMs.push(nowMs);
    if (nowMs - this.#runningSinceMs >= windowMs) this.#inARow = 0;
    const backoffMs = Math.min(maxBackoffMs, minBackoffMs * factor ** this.#inARow);
    this.#inARow++;
    this.#runningSinceMs = Number.POSITIVE_INFINITY;
    this.restarts++;
    return backoffMs * (1 - jitter * chance);
  }
}
