import type { Store } from '@vedette/store';
import type { Placement } from './history.ts';
import type { Lab, LabGuest } from './lab.ts';
import { fleetState } from './paths.ts';

/**
 * Where the store differs from virsh about a guest: the truth, its addresses, and what each observer is taken to have
 * seen.
 */
export async function disagreements(store: Store, lab: Lab, guest: LabGuest): Promise<string[]> {
  const detail = await store.vm(guest.uuid);
  const wanted = fleetState(guest.placement);
  if (detail === undefined) return wanted === 'gone' ? [] : [`the store does not know it, virsh has it ${wanted}`];
  const { state, host } = detail.truth;
  const has = state === 'gone' || state === 'unknown' ? state : `${state}@${host ?? '-'}`;
  const wrong = has === wanted ? [] : [`the store has ${has} (${detail.truth.detail}), virsh ${wanted}`];
  for (const { id } of lab.hosts) {
    const seen = detail.sightings.find(({ observer }) => observer === id)?.registers.state?.value.state ?? 'absent';
    const is = placedOn(guest.placement, id);
    if (seen !== is) wrong.push(`${id} is taken to have it ${seen}, virsh there says ${is}`);
  }
  const addresses = await lab.addressesOf(guest);
  const kept = detail.truth.addresses.map(({ address }) => address).sort();
  if (addresses !== undefined && addresses.join() !== kept.join())
    wrong.push(`the store has the addresses ${kept.join(' ')}, its agent ${addresses.join(' ')}`);
  return wrong;
}

function placedOn(placement: Placement, host: string): string {
  return placement[host] ?? 'absent';
}
