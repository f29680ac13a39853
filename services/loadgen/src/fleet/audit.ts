import type { AddressesValue, VMState } from '@vedette/model';
import { addressesOf, type Fleet } from '@vedette/simulation';
import type { Store } from '@vedette/store';

export interface AuditRequest {
  /** The fleet's time at which it stands still. */
  readonly atMs: number;
}

export interface AuditVerdict {
  /** VMs that are so, and that the store says are. */
  readonly trueVms: number;
  readonly storedVms: number;
  readonly wrong: readonly AuditFault[];
  readonly wrongCount: number;
}

export interface AuditFault {
  readonly vm: string;
  readonly what: 'state' | 'addresses' | 'missing';
  readonly stored: string;
  readonly truth: string;
}

const PAGE = 1_000;
const MOST_NAMED = 100;

/**
 * Holds the store against a fleet that stands still: every VM it has, in the state and with the addresses that it has
 * there. Addresses count where the guest could tell them.
 */
export async function auditStore(store: Store, fleet: Fleet, { atMs }: AuditRequest): Promise<AuditVerdict> {
  const faults: AuditFault[] = [];
  let wrongCount = 0;
  let storedVms = 0;
  const fault = (one: AuditFault): void => {
    wrongCount++;
    if (faults.length < MOST_NAMED) faults.push(one);
  };
  let cursor: string | undefined;
  do {
    const page = await store.vms({}, cursor === undefined ? { limit: PAGE } : { limit: PAGE, cursor });
    for (const { id, truth } of page.items) {
      storedVms++;
      const said = { state: truth.state, addresses: truth.addresses, host: truth.host };
      const wrong = faultOf(fleet, id, said, atMs);
      if (wrong !== undefined) fault(wrong);
    }
    cursor = page.cursor;
  } while (cursor !== undefined);
  const trueVms = countVms(fleet, atMs);
  if (trueVms > storedVms) {
    fault({ vm: '', what: 'missing', stored: String(storedVms), truth: String(trueVms) });
  }
  return { trueVms, storedVms, wrong: faults, wrongCount };
}

interface Said {
  readonly state: VMState;
  readonly addresses: AddressesValue;
  readonly host: string | undefined;
}

function faultOf(fleet: Fleet, vm: string, said: Said, atMs: number): AuditFault | undefined {
  const view = said.host === undefined ? undefined : fleet.host(said.host).vmAt(vm, atMs);
  const state = view?.state ?? 'absent';
  if (state !== said.state) return { vm, what: 'state', stored: `${said.state} on ${said.host ?? '-'}`, truth: state };
  const addresses = view === undefined ? undefined : addressesOf(view);
  if (addresses === undefined) return undefined;
  const [stored, truth] = [listOf(said.addresses), listOf(addresses)];
  return stored === truth ? undefined : { vm, what: 'addresses', stored, truth };
}

function listOf(addresses: AddressesValue): string {
  return addresses.map(({ address }) => address).join(' ');
}

/** A VM that moves is on two hosts and is one. */
function countVms(fleet: Fleet, atMs: number): number {
  let vms = 0;
  for (let host = 0; host < fleet.options.hosts; host++) {
    const partner = fleet.topology.partnerOf(host);
    for (const { identity } of fleet.host(host).at(atMs)) {
      const elsewhere = partner !== undefined && partner < host && fleet.host(partner).vmAt(identity.vm, atMs);
      if (!elsewhere) vms++;
    }
  }
  return vms;
}
