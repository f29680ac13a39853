import type { HostFetcher } from '@vedette/fetcher';

/** The methods of a fetcher that speak to the host. */
export type FetcherCall = Exclude<keyof HostFetcher, 'capabilities' | 'hints' | 'close' | symbol>;

/**
 * What can be wrong with a host or the way to it. Of several that hold at once, the last one added counts, one for
 * each of: calls, content of listings, hints, description.
 */
export type HostFault = CallFault | ListingFault | HintFault | UnfitFault;

/** A call does not end as it should. `refuse`, `reset` and `hang` cut the way of the hints too. */
export interface CallFault {
  readonly kind:
    | 'refuse'
    | 'reset'
    | 'tls'
    | 'auth'
    | 'hang'
    | 'half-reply'
    | 'not-json'
    | 'wrong-schema'
    | 'oversized'
    /** The answer is as of the question, and comes late. */
    | 'slow';
  /** Of `slow`, in milliseconds. */
  readonly delayMs?: number;
  /** The calls that meet it; default all. */
  readonly only?: readonly FetcherCall[];
}

/** A call ends well, and what it says is not the whole truth about this host. */
export type ListingFault =
  /** Another host answers: `as`, a host of the fleet, with all it has; without it, a stranger with no VM at all. */
  | { readonly kind: 'foreign'; readonly as?: string }
  /** Two agents answer in turn: this one, and one of another boot that has no VM at all. */
  | { readonly kind: 'two-agents' }
  /**
   * The listing lacks these VMs: `unreadable` names them as such in a complete listing, `incomplete` says nothing of
   * them in a listing that does not claim to be complete, `complete` lies.
   */
  | {
      readonly kind: 'partial';
      readonly vms: readonly string[];
      readonly how: 'unreadable' | 'incomplete' | 'complete';
    }
  /** The checksum of a delta differs. */
  | { readonly kind: 'disagree' };

/** Hints, on the wire between agent and fetcher. */
export interface HintFault {
  readonly kind: 'hints';
  /** `reordered`: each second one goes before the one that it followed. */
  readonly how: 'lost' | 'duplicated' | 'reordered' | 'late';
  /** Of `late`, in milliseconds. */
  readonly delayMs?: number;
}

/** It answers, and calls itself unfit. */
export interface UnfitFault {
  readonly kind: 'unfit';
  readonly reason: string;
}

export function isListingFault(fault: HostFault): fault is ListingFault {
  return (
    fault.kind === 'foreign' || fault.kind === 'two-agents' || fault.kind === 'partial' || fault.kind === 'disagree'
  );
}

export function isCallFault(fault: HostFault): fault is CallFault {
  return !isListingFault(fault) && fault.kind !== 'hints' && fault.kind !== 'unfit';
}

/** Whether hints cannot come through either. */
export function cutsHints(fault: CallFault): boolean {
  return fault.only === undefined && (fault.kind === 'refuse' || fault.kind === 'reset' || fault.kind === 'hang');
}
