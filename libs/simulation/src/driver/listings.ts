import type { RuntimeStats } from '@vedette/fetcher';
import { contentHash } from '@vedette/model';
import type { ListingFault } from '../script/faults.ts';
import type { SimulatedAgent } from './agent.ts';

export function completeListing(agent: SimulatedAgent, tMs: number): RuntimeStats {
  return {
    hostUuid: agent.host.hostUuid,
    boot: agent.boot,
    rev: agent.rev,
    complete: true,
    rows: agent.listing(tMs),
    left: [],
    agrees: true,
    unreadable: [],
  };
}

/** What somebody answers who has no VM: another agent on the same host, or another host altogether. */
export function emptyListing(agent: SimulatedAgent, who: 'second agent' | 'stranger'): RuntimeStats {
  const digits = contentHash([agent.host.hostUuid, who]);
  const stranger = `${digits.slice(0, 8)}-${digits.slice(8, 12)}-4${digits.slice(13)}-8000-${digits.slice(0, 12)}`;
  return {
    hostUuid: who === 'stranger' ? stranger : agent.host.hostUuid,
    boot: digits,
    rev: 1,
    complete: true,
    rows: [],
    left: [],
    agrees: true,
    unreadable: [],
  };
}

/** What a listing becomes by a fault of its content. */
export function withListingFault(listing: RuntimeStats, fault: ListingFault): RuntimeStats {
  if (fault.kind === 'disagree') return listing.complete ? listing : { ...listing, agrees: false };
  if (fault.kind !== 'partial') return listing;
  const lacking = new Set(fault.vms);
  const rows = listing.rows.filter(({ vm }) => !lacking.has(vm));
  switch (fault.how) {
    case 'unreadable':
      return { ...listing, rows, unreadable: fault.vms };
    case 'incomplete':
      return { ...listing, rows, complete: false, agrees: false };
    case 'complete':
      return { ...listing, rows };
  }
}
