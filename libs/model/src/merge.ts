import type { Register, RegisterName, Registers, RegisterValues } from './registers.ts';
import type { Sighting } from './sightings.ts';
import { isActive, isMigrating, type VMState } from './states.ts';
import { compareVersions, type Version, zeroVersion } from './versions.ts';

/**
 * Merging what observers say (I4).
 *
 * M1. A register takes the value of the highest version it has met; nothing else about the order counts.
 * M2. Of activations the higher wins, of equal ones the lower stream position; of births the higher. This holds for
 *     events whose register is refused as old too.
 * M3. Hence any order of delivery, with any repetition, among any number of writers, ends in the same registers,
 *     activation, term and birth. (Not in the same mark: that is a fact about the commit.)
 * M4. Documents are outside all this: whoever keeps them keeps them apart, by hash, since a snapshot carries hashes
 *     only; one that is missing under a known hash is asked for again.
 */

/** The registers that one event sets, at its version. */
export interface SightingUpdate {
  readonly version: Version;
  readonly values: { readonly [N in RegisterName]?: RegisterValues[N] };
  /** Position of the event in the stream (or the store's own count); what becomes of `term`. */
  readonly position: number;
  /** The highest mark cast so far. */
  readonly mark: number;
}

export interface MergeOutcome {
  readonly sighting: Sighting;
  /**
   * Registers whose version advanced. Where it is empty the sighting may still have moved: an event refused as old can
   * tell an earlier position of the activation, or a birth (M2), and that has to be written and resolved as well.
   */
  readonly advanced: readonly RegisterName[];
}

/** Merges one event into a sighting (undefined: the first). The sighting given is not modified. */
export function mergeSighting(held: Sighting | undefined, observer: string, update: SightingUpdate): MergeOutcome {
  const registers: { [N in RegisterName]?: Register<RegisterValues[N]> } = { ...held?.registers };
  const advanced: RegisterName[] = [];
  for (const name of Object.keys(update.values) as RegisterName[]) {
    if (setIfNewer(registers, name, update)) advanced.push(name);
  }
  const { activation, term } = mergeActivation(held, update);
  const born = mergeBirth(held?.born, update.values.state?.born);
  const committedMark = advanced.includes('state') ? markOf(held, update) : (held?.committedMark ?? update.mark);
  const sighting = { observer, registers: registers as Registers, activation, term, committedMark };
  return { sighting: born === undefined ? sighting : { ...sighting, born }, advanced };
}

function mergeBirth(held: Version | undefined, told: Version | undefined): Version | undefined {
  if (held === undefined || told === undefined) return held ?? told;
  return compareVersions(told, held) > 0 ? told : held;
}

/**
 * A VM that stays up, by the same activation, was committed when it came up: pausing it, or a snapshot that repeats it,
 * puts off no confirmation and takes none back. Everything else has to be confirmed anew.
 */
function markOf(held: Sighting | undefined, update: SightingUpdate): number {
  const before = held?.registers.state?.value;
  const now = update.values.state;
  if (held === undefined || before === undefined || now === undefined) return update.mark;
  const staysUp = isSettledActive(before.state) && isSettledActive(now.state);
  return staysUp && isSame(before.activation, now.activation) ? held.committedMark : update.mark;
}

function isSame(a: Version, b: Version): boolean {
  return compareVersions(a, b) === 0;
}

function isSettledActive(state: VMState): boolean {
  return isActive(state) && !isMigrating(state);
}

function setIfNewer<N extends RegisterName>(
  registers: { [K in RegisterName]?: Register<RegisterValues[K]> },
  name: N,
  update: SightingUpdate,
): boolean {
  const value = update.values[name];
  const held = registers[name];
  if (value === undefined) return false;
  if (held !== undefined && compareVersions(held.version, update.version) >= 0) return false;
  (registers as Record<RegisterName, unknown>)[name] = { version: update.version, value };
  return true;
}

function mergeActivation(
  held: Sighting | undefined,
  update: SightingUpdate,
): { readonly activation: Version; readonly term: number } {
  const state = update.values.state;
  const before = { activation: held?.activation ?? zeroVersion, term: held?.term ?? 0 };
  if (state === undefined || isSame(state.activation, zeroVersion)) return before;
  const now = { activation: state.activation, term: state.held ? 0 : update.position };
  const order = compareVersions(now.activation, before.activation);
  if (order === 0) return { activation: now.activation, term: Math.min(now.term, before.term) };
  return order > 0 ? now : before;
}
