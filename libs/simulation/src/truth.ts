import { type AddressesValue, isActive, isMigrating, stateClass, type VMState } from '@vedette/model';
import { addressesOf, nameOf } from './documents.ts';
import type { Fleet } from './fleet.ts';
import type { VmView } from './view.ts';

/** What is really true of one VM: the oracle of tests. */
export interface VmTruth {
  readonly vm: string;
  readonly name: string;
  readonly realm: string;
  readonly state: VMState;
  /** The host that runs it, or last had it. */
  readonly host: string;
  /** Undefined while nobody could tell. */
  readonly addresses: AddressesValue | undefined;
  /** What each host that has it says, by host. */
  readonly seen: ReadonlyMap<string, VMState>;
}

interface Presence {
  readonly host: string;
  readonly realm: string;
  readonly view: VmView;
}

/** Everything at one instant; as much work as polling every host. */
export function truthAt(fleet: Fleet, tMs: number): ReadonlyMap<string, VmTruth> {
  const presences = new Map<string, Presence[]>();
  for (let index = 0; index < fleet.options.hosts; index++) {
    const { id: host, realm } = fleet.host(index);
    for (const view of fleet.host(index).at(tMs)) {
      const { vm } = view.identity;
      const held = presences.get(vm);
      if (held === undefined) presences.set(vm, [{ host, realm, view }]);
      else held.push({ host, realm, view });
    }
  }
  return new Map([...presences].map(([vm, held]) => [vm, truthOf(vm, held)]));
}

function truthOf(vm: string, presences: readonly Presence[]): VmTruth {
  const { host, realm, view } = presences.reduce((best, next) => (rank(next) < rank(best) ? next : best));
  return {
    vm,
    name: nameOf(view),
    realm,
    state: view.state,
    host,
    addresses: addressesOf(view),
    seen: new Map(presences.map((presence) => [presence.host, presence.view.state])),
  };
}

/** Where the VM really is: where it is up; while it moves, where it comes from; else where it is down. */
function rank({ view: { state } }: Presence): number {
  if (isActive(state)) return isMigrating(state) ? (state === 'migrating_out' ? 1 : 2) : 0;
  return stateClass(state) === 'down' ? 3 : 4;
}
