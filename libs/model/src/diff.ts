import type {
  Address,
  AddressesValue,
  Condition,
  ConditionsValue,
  ConfigValue,
  GuestValue,
  StateValue,
} from './registers.ts';
import type { VMState } from './states.ts';
import { compareVersions, zeroVersion } from './versions.ts';

/**
 * What differs between the value of a register last published and the one now seen: exactly what the event carries
 * besides its version (I4), or undefined when there is nothing to tell.
 *
 * D1. A value does not differ from itself.
 * D2. `value` is what to publish and to hold from then on; the difference, applied to what was held, gives it.
 * D3. What was not observed (an empty hash or name) changes nothing and never wipes what is held.
 *
 * `held` is undefined where the observer has published none **since the VM's activation**: then the register is told
 * anew even where it looks as before, for what was said in an earlier life of the VM does not count (resolve, rule 8).
 */

export interface StateDifference {
  /** Left out the first time. */
  readonly from?: VMState;
  readonly to: VMState;
  readonly value: StateValue;
}

/**
 * State: differs when the state, its reason, the last present state, the activation or the birth does. Reasons are words of ours
 * (raw-states/), chosen so that each change of one is worth an event; an empty one says nothing (D3: a hypervisor that
 * flits between running and blocked gives no reason for it). Raw values that map to the same state and reason give no
 * event, nor does `held`, which says how the former event travelled; the value held then stays as it is.
 */
export function diffState(held: StateValue | undefined, seen: StateValue): StateDifference | undefined {
  if (held === undefined) return { to: seen.state, value: seen };
  const same =
    held.state === seen.state &&
    (seen.reason === '' || held.reason === seen.reason) &&
    (seen.lastPresent === undefined || held.lastPresent === seen.lastPresent) &&
    compareVersions(held.activation, seen.activation) === 0 &&
    (seen.born === undefined || compareVersions(held.born ?? zeroVersion, seen.born) === 0);
  return same ? undefined : { from: held.state, to: seen.state, value: withBirth(held, seen) };
}

/** D3: that the VM was once defined anew stays known; only another birth replaces it. */
function withBirth({ born }: StateValue, seen: StateValue): StateValue {
  return born === undefined || seen.born !== undefined ? seen : { ...seen, born };
}

export interface AddressesDifference {
  readonly added: readonly Address[];
  readonly removed: readonly Address[];
  readonly value: AddressesValue;
}

/**
 * Addresses: an address is the same when text and MAC are; another source or interface alone is no change, and what
 * is held stays. Both values must be canonical ({@link canonicalAddresses}). The first value differs even when empty:
 * that the VM has no address is then known, where before nothing was.
 */
export function diffAddresses(held: AddressesValue | undefined, seen: AddressesValue): AddressesDifference | undefined {
  if (held === undefined) return { added: seen, removed: [], value: seen };
  if (sameAddresses(held, seen)) return undefined;
  const before = new Map(held.map((address) => [identityOf(address), address]));
  const after = new Set(seen.map(identityOf));
  return {
    added: seen.filter((address) => !before.has(identityOf(address))),
    removed: held.filter((address) => !after.has(identityOf(address))),
    value: seen.map((address) => before.get(identityOf(address)) ?? address),
  };
}

/** The usual case, every poll of every VM: nothing changed, nothing allocated. */
function sameAddresses(a: AddressesValue, b: AddressesValue): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  return a.every((address, index) => address.address === b[index]?.address && address.mac === b[index]?.mac);
}

function identityOf(address: Address): string {
  return `${address.address} ${address.mac}`;
}

export interface ConfigDifference {
  /** Sections whose hash changed; empty when only the name did. */
  readonly sections: ReadonlyArray<'info' | 'config'>;
  readonly value: ConfigValue;
}

/** Config: by the hashes of its sections, and by name. */
export function diffConfig(held: ConfigValue | undefined, seen: ConfigValue): ConfigDifference | undefined {
  const sections = (['info', 'config'] as const).filter((section) => {
    const hash = seen.hashes[section];
    return hash !== '' && hash !== held?.hashes[section];
  });
  const renamed = seen.name !== '' && seen.name !== held?.name;
  if (sections.length === 0 && !renamed) return undefined;
  return { sections, value: held === undefined ? seen : mergeConfig(held, seen) };
}

/** D3; a document stands only where its hash does. */
function mergeConfig(held: ConfigValue, seen: ConfigValue): ConfigValue {
  const section = (name: 'info' | 'config') => (seen.hashes[name] === '' ? held : seen);
  const info = section('info').document?.info;
  const config = section('config').document?.config;
  return {
    name: seen.name === '' ? held.name : seen.name,
    hashes: { info: section('info').hashes.info, config: section('config').hashes.config },
    ...(info === undefined || config === undefined ? {} : { document: { info, config } }),
  };
}

export interface GuestDifference {
  readonly value: GuestValue;
}

/** Guest: by its hash. */
export function diffGuest(held: GuestValue | undefined, seen: GuestValue): GuestDifference | undefined {
  return seen.hash === '' || seen.hash === held?.hash ? undefined : { value: seen };
}

export interface ConditionsDifference {
  readonly raised: readonly Condition[];
  readonly cleared: readonly Condition[];
  readonly value: ConditionsValue;
}

/** Conditions: as sets; none at all is the same as never told. */
export function diffConditions(
  held: ConditionsValue | undefined,
  seen: ConditionsValue,
): ConditionsDifference | undefined {
  const raised = seen.filter((condition) => held?.includes(condition) !== true);
  const cleared = held === undefined ? [] : held.filter((condition) => !seen.includes(condition));
  return raised.length === 0 && cleared.length === 0 ? undefined : { raised, cleared, value: seen };
}
