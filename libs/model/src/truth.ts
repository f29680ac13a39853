import { addressKey } from './addresses.ts';
import type { VMChangeReason, VMTruth } from './events.ts';
import { isProviderObserver } from './identifiers.ts';
import type { Address, AddressesValue, RegisterName } from './registers.ts';
import type { ObserverView, Resolution } from './resolve.ts';
import type { Sighting } from './sightings.ts';
import { hasArrived, isActive, stateClass, type VMState } from './states.ts';
import { compareVersions } from './versions.ts';

/**
 * What the fleet is told of a VM: the resolved state with the addresses, name and conditions that belong to it. They
 * come from the deciding sighting; what that one has not set since its VM became active there, from the one before
 * it (by term; a provider's after all hypervisors'). Addresses of providers that list the VM are added.
 * (docs/contracts.md, resolve, rule 8.) `sightings` may be in any order.
 */
export function truthOf(
  resolution: Resolution,
  sightings: readonly Sighting[],
  observer: (id: string) => ObserverView | undefined,
): VMTruth {
  const { deciding } = resolution;
  const order = byPrecedence(resolution, sightings);
  const onHost = deciding !== undefined && !isProviderObserver(deciding.observer);
  const realm = deciding === undefined ? undefined : observer(deciding.observer)?.realm;
  return {
    state: resolution.state,
    ...(resolution.lastState === undefined ? {} : { lastState: resolution.lastState }),
    detail: resolution.detail,
    ...(onHost ? { host: deciding.observer } : {}),
    ...(realm === undefined ? {} : { realm }),
    conflict: [...resolution.conflict],
    name: pick(order, 'config')?.registers.config?.value.name ?? '',
    addresses: addressesOf(order),
    conditions: [...(deciding?.registers.conditions?.value ?? [])],
  };
}

/** The deciding sighting, then hypervisors', then providers', each by falling term; of equal ones the smallest id. */
function byPrecedence({ deciding }: Resolution, sightings: readonly Sighting[]): readonly Sighting[] {
  if (sightings.length < 2) return sightings;
  const rank = ({ observer }: Sighting): number =>
    observer === deciding?.observer ? 0 : isProviderObserver(observer) ? 2 : 1;
  return [...sightings].sort((a, b) => rank(a) - rank(b) || b.term - a.term || (a.observer < b.observer ? -1 : 1));
}

/** The first sighting that set the register since its own activation; failing all, the first that ever set it. */
function pick(order: readonly Sighting[], name: RegisterName): Sighting | undefined {
  const current = order.find((sighting) => {
    const register = sighting.registers[name];
    return register !== undefined && compareVersions(register.version, sighting.activation) >= 0;
  });
  return current ?? order.find((sighting) => sighting.registers[name] !== undefined);
}

function addressesOf(order: readonly Sighting[]): Address[] {
  const hypervisors = order.filter(({ observer }) => !isProviderObserver(observer));
  const addresses = [...(pick(hypervisors, 'addresses')?.registers.addresses?.value ?? [])];
  const own = addresses.length;
  for (const sighting of order) {
    if (!isProviderObserver(sighting.observer) || !lists(sighting)) continue;
    for (const address of sighting.registers.addresses?.value ?? []) {
      if (!addresses.some((held) => held.address === address.address)) addresses.push(address);
    }
  }
  return addresses.length === own ? addresses : addresses.sort(inOrder);
}

/** What a provider said of a VM before it stopped listing it is no longer its word. */
function lists(provider: Sighting): boolean {
  const state = provider.registers.state?.value.state;
  return state === undefined || stateClass(state) !== 'left';
}

function inOrder(a: Address, b: Address): number {
  const [left, right] = [`${addressKey(a.address)} ${a.mac}`, `${addressKey(b.address)} ${b.mac}`];
  return left < right ? -1 : left > right ? 1 : 0;
}

/**
 * What differs between two truths, as former values; undefined when nothing worth an event does: the detail alone (who
 * is still waited for) is shown by queries and never published, nor is another source or interface of an address.
 */
export function truthDifference(from: VMTruth | undefined, to: VMTruth): Partial<VMTruth> | undefined {
  if (from === undefined) return {};
  const previous: Record<string, unknown> = {};
  let differs = false;
  for (const key of ['state', 'lastState', 'host', 'realm', 'name'] as const) {
    if (from[key] === to[key]) continue;
    differs = true;
    if (from[key] !== undefined) previous[key] = from[key];
  }
  if (!sameAddresses(from.addresses, to.addresses)) {
    differs = true;
    previous.addresses = from.addresses;
  }
  for (const key of ['conditions', 'conflict'] as const) {
    if (sameWords(from[key], to[key])) continue;
    differs = true;
    previous[key] = from[key];
  }
  return differs ? (previous as Partial<VMTruth>) : undefined;
}

function sameAddresses(a: AddressesValue, b: AddressesValue): boolean {
  return a.length === b.length && a.every(({ address, mac }, at) => address === b[at]?.address && mac === b[at]?.mac);
}

function sameWords(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((word, at) => word === b[at]);
}

/** The one word for what happened, the most telling that applies. */
export function changeReason(from: VMTruth | undefined, to: VMTruth): VMChangeReason {
  if (from === undefined || (from.state === 'gone' && to.state !== 'gone')) return 'discovered';
  if (to.state === 'gone') return from.state === 'gone' ? detailReason(from, to) : 'gone';
  if (to.conflict.length > 0 && from.conflict.length === 0) return 'split_brain';
  if (to.state === 'unknown' && from.state !== 'unknown') return 'unknown';
  if (from.state === 'unknown' && to.state !== 'unknown') {
    return isAsBefore(from.lastState, from, to) ? 'recovered' : stateReason(from.lastState ?? 'unknown', from, to);
  }
  if (from.state !== to.state || from.host !== to.host) return stateReason(from.state, from, to);
  return detailReason(from, to);
}

/** As it was when it went out of sight; one that was still coming then and has arrived since is not. */
function isAsBefore(before: VMState | undefined, from: VMTruth, to: VMTruth): boolean {
  if (before === undefined || from.host !== to.host) return false;
  return stateClass(before) === stateClass(to.state) && hasArrived(before) === hasArrived(to.state);
}

/** Of truths that agree about state and host. */
function detailReason(from: VMTruth, to: VMTruth): VMChangeReason {
  if (!sameAddresses(from.addresses, to.addresses)) return 'addresses';
  if (!sameWords(from.conditions, to.conditions)) return 'conditions';
  return from.name === to.name ? 'state' : 'config';
}

/** It runs elsewhere than it did: on its arrival, not while it is still coming, nor when that came to nothing. */
function hasMigrated(before: VMState, from: VMTruth, to: VMTruth): boolean {
  if (!hasArrived(to.state)) return false;
  const moved = from.host !== undefined && to.host !== undefined && from.host !== to.host;
  return moved === hasArrived(before);
}

function stateReason(before: VMState, from: VMTruth, to: VMTruth): VMChangeReason {
  if (isActive(before) && hasMigrated(before, from, to)) return 'migrated';
  if (isActive(before) === isActive(to.state)) return 'state';
  if (isActive(to.state)) return 'started';
  return to.state === 'failed' ? 'failed' : 'stopped';
}
