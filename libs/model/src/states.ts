import Type from 'typebox';

/**
 * The states of a VM, as every part of Vedette and every subscriber names them. How the states of each
 * virtualisation system map onto them stands in raw-states/; docs/contracts.md carries the whole table.
 */
export const vmStates = [
  'starting',
  'running',
  'paused',
  'paused_error',
  'saving',
  'suspended',
  'restoring',
  'migrating_out',
  'migrating_in',
  'migrated_away',
  'rebooting',
  'stopping',
  'stopped',
  'failed',
  'pm_suspended',
  'not_responding',
  'absent',
  'gone',
  'unknown',
] as const;

export const VMState = Type.Enum([...vmStates]);
export type VMState = (typeof vmStates)[number];

/** What a state means for {@link resolve}: is the VM alive where it was seen, down, or no longer there? */
export type StateClass = 'active' | 'down' | 'left';

/**
 * `unknown` is active: an observer publishes it only for a VM that is there in a state nobody has mapped yet, and a
 * VM that may be running must never be taken for a dead one.
 */
const stateClasses: Readonly<Record<VMState, StateClass>> = {
  starting: 'active',
  running: 'active',
  paused: 'active',
  paused_error: 'active',
  saving: 'active',
  suspended: 'down',
  restoring: 'active',
  migrating_out: 'active',
  migrating_in: 'active',
  migrated_away: 'left',
  rebooting: 'active',
  stopping: 'active',
  stopped: 'down',
  failed: 'down',
  pm_suspended: 'active',
  not_responding: 'active',
  absent: 'left',
  gone: 'left',
  unknown: 'active',
};

/** The class of a state at observer level (where `gone` never occurs). */
export function stateClass(state: VMState): StateClass {
  return stateClasses[state];
}

export function isActive(state: VMState): boolean {
  return stateClasses[state] === 'active';
}

/**
 * Active here, and not only on its way here: what gives a sighting its activation. A move that fails leaves the VM
 * where it was all the time, and what was seen of it at its destination must not outrank that.
 */
export function hasArrived(state: VMState): boolean {
  return isActive(state) && state !== 'migrating_in';
}

export function isMigrating(state: VMState): boolean {
  return state === 'migrating_out' || state === 'migrating_in';
}

/** What a host's own monitor says of it. */
export const hostStates = ['connecting', 'up', 'non_operational', 'non_responsive', 'removed'] as const;
export const HostState = Type.Enum([...hostStates]);
export type HostState = (typeof hostStates)[number];

/** What the fleet is told of a host: the monitor's word, or that nobody watches it (I12). */
export const fleetHostStates = [...hostStates, 'unwatched'] as const;
export const FleetHostState = Type.Enum([...fleetHostStates]);
export type FleetHostState = (typeof fleetHostStates)[number];

/** Set by a person or a provider: suppresses actions and alerts, never polling. */
export const hostModes = ['active', 'draining', 'maintenance'] as const;
export const HostMode = Type.Enum([...hostModes]);
export type HostMode = (typeof hostModes)[number];
