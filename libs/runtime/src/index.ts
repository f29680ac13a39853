export { Backoff, type BackoffOptions, backoffDelayMs, type Random, seededRandom } from './backoff.ts';
export { BoundedQueue, type BoundedQueueOptions, type OverflowPolicy, type QueueCounters } from './bounded-queue.ts';
export { type Clock, RealClock, type Timer } from './clock.ts';
export { type DeadlineOptions, withDeadline } from './deadline.ts';
export { definedErrors, defineErrors, type ErrorDefinition, type ErrorDetails, VedetteError } from './errors.ts';
export { type ExitCode, exitCodes } from './exit-codes.ts';
export { hash32, hash64, phaseOf } from './hash.ts';
export {
  type RunEvent,
  RunGroup,
  type RunGroupOptions,
  type RunOutcome,
  type RunPart,
  type RunPhase,
  type RunState,
  type StopOptions,
} from './run-group.ts';
export { type ProcessHooks, type RunUntilSignalOptions, runUntilSignal } from './run-until-signal.ts';
export { type Permit, Semaphore, type SemaphoreOptions } from './semaphore.ts';
