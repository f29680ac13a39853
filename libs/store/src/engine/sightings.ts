import {
  compareVersions,
  type Registers,
  type Sighting,
  type StateValue,
  stateClass,
  type Version,
} from '@vedette/model';
import type { StoredSighting, VMEntry } from './records.ts';

/**
 * What a complete listing lacked.
 *
 * L1. A sighting is absent exactly when its observer's newest complete snapshot is newer than its state register and
 *     the register does not itself say that the VM left. Nothing is written into the registers, so every order of
 *     delivery ends the same, also when the event of a VM comes after the snapshot that lacked it: the VM is then
 *     known, and absent; nothing at or below the snapshot's version makes it present again.
 * L2. The last present state is that of the register below; it converges as the register does (I4).
 */

/** The reason that an absent sighting gives; the same as a host monitor's own. */
export const lackedReason = 'absent from a complete listing';

/** Whether the newest complete snapshot lacks what the sighting shows (L1). */
export function isLacked(sighting: Sighting, snapshot: Version): boolean {
  const { state } = sighting.registers;
  return (
    state !== undefined && stateClass(state.value.state) !== 'left' && compareVersions(state.version, snapshot) < 0
  );
}

/** The sighting as everybody but the merge sees it. */
export function visibleSighting(sighting: StoredSighting, snapshot: Version): Sighting {
  if (!isLacked(sighting, snapshot)) return sighting;
  const { observer, registers, activation, term, lackedMark } = sighting;
  const held = registers.state?.value as StateValue;
  const value: StateValue = {
    state: 'absent',
    reason: lackedReason,
    raw: { state: 'absent', reason: '' },
    activation: held.activation,
    held: held.held,
    ...(held.born === undefined ? {} : { born: held.born }),
    lastPresent: held.state,
  };
  return {
    observer,
    registers: { ...registers, state: { version: snapshot, value } },
    activation,
    term,
    committedMark: lackedMark ?? sighting.committedMark,
    ...(sighting.born === undefined ? {} : { born: sighting.born }),
  };
}

/** Whether the observer sees the VM, as far as it has said. */
export function isPresent(visible: Sighting): boolean {
  return visible.registers.state?.value.state !== 'absent';
}

/** Whether any event about the VM's state was applied. */
export function hasState(sighting: Sighting): boolean {
  return sighting.registers.state !== undefined;
}

export function newEntry(number: number, id: string, wallMs: number): VMEntry {
  return {
    number,
    id,
    vmVersion: 0,
    incarnation: 1,
    everRan: false,
    ended: false,
    forgotten: false,
    truth: undefined,
    decider: undefined,
    firstSeenMs: wallMs,
    lastChangedMs: wallMs,
    historyRows: 0,
    sightings: new Map(),
  };
}

/** The registers with the documents that are held. */
export function withDocuments(
  registers: Registers,
  documents: { readonly config?: object; readonly guest?: object },
): Registers {
  const { config, guest } = registers;
  return {
    ...registers,
    ...(config === undefined || documents.config === undefined
      ? {}
      : { config: { ...config, value: { ...config.value, document: documents.config } } }),
    ...(guest === undefined || documents.guest === undefined
      ? {}
      : { guest: { ...guest, value: { ...guest.value, document: documents.guest } } }),
  } as Registers;
}
