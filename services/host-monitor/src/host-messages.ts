import type { Reply } from '@vedette/actor';
import type { PublishOutcome } from '@vedette/bus';
import type { Hint, HostDescription, RuntimeStats } from '@vedette/fetcher';
import type { DeviceSample, HostSample } from '@vedette/model';
import type { GateTicket } from './listing-gate.ts';
import type { SectionFetch, SectionReply } from './sections.ts';

/** What a host actor handles: its own timers, what came of what it began, hints, and what others ask of it. */
export type HostMessage =
  | { readonly kind: 'poll' }
  | { readonly kind: 'flush' }
  | { readonly kind: 'sample' }
  | { readonly kind: 'describe' }
  | { readonly kind: 'hint'; readonly hint: Hint }
  | HostOutcome
  | HostRequest;

/**
 * What came of something the actor began. `life` is the signal of the run that began it: the mailbox outlives a
 * restart, and what a former run had under way means nothing to the next.
 */
export type HostOutcome = { readonly life: AbortSignal } & (
  | { readonly kind: 'polled'; readonly poll: PollUnderWay; readonly stats: RuntimeStats }
  | { readonly kind: 'poll-failed'; readonly error: unknown }
  | { readonly kind: 'granted'; readonly place: GateTicket }
  | { readonly kind: 'described'; readonly boot: string; readonly description: HostDescription | undefined }
  | { readonly kind: 'host-sampled'; readonly sample: HostSample | undefined; readonly error: unknown }
  | {
      readonly kind: 'devices-sampled';
      readonly devices: ReadonlyMap<string, DeviceSample> | undefined;
      readonly error: unknown;
    }
  | { readonly kind: 'published'; readonly outcomes: readonly PublishOutcome[] }
  | SectionsFetched
);

/** What others ask of a host actor. */
export type HostRequest =
  /** A mark was cast: it stands in the host's proof. */
  | { readonly kind: 'mark' }
  /** The bus is back, or we see again: one that does not answer is to be asked before its backoff is over. */
  | { readonly kind: 'hope' }
  | { readonly kind: 'snapshot' }
  | { readonly kind: 'documents'; readonly vms: readonly string[] }
  | { readonly kind: 'superseded'; readonly epoch: number }
  | { readonly kind: 'drain'; readonly reply: Reply<DrainOutcome> };

/** What came of a fetch; `reply` is undefined when it failed, for the reason in `error`. */
export interface SectionsFetched {
  readonly kind: 'sections';
  readonly fetch: SectionFetch;
  readonly reply: SectionReply | undefined;
  readonly error: unknown;
}

/** A poll that was begun, as its answer is to be read. */
export interface PollUnderWay {
  /** Counted from 1 in each run of the actor. */
  readonly number: number;
  /** The highest mark heard before it began. */
  readonly mark: number;
}

/** What an actor leaves behind when it is asked to end. */
export interface DrainOutcome {
  /** Everything it had observed is acknowledged: the next run starts from there. */
  readonly clean: boolean;
  readonly epoch: number;
}
