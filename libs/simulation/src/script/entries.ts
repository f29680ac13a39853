import type { Observed, SectionName } from '@vedette/fetcher';
import type { AddressReport, ConditionsValue, RawState, VMState } from '@vedette/model';
import type { HostFault } from './faults.ts';

/** When, in the fleet's milliseconds. An entry holds from then on until another of its kind takes over. */
interface At {
  readonly atMs: number;
}

/** A VM as one host has it. Any id will do: one that is no seat of the fleet is a VM of its own. */
interface OnHost extends At {
  readonly host: string;
  readonly vm: string;
}

/** A VM's details, on one host, or wherever it is shown. */
interface Detail extends At {
  readonly host?: string;
  readonly vm: string;
}

/** The host has the VM, in this state. */
export interface StateEntry extends OnHost {
  readonly kind: 'state';
  readonly state: VMState;
  /** Default: as the simulated agent words this state. */
  readonly reason?: string;
  readonly raw?: RawState;
}

/** The host does not have the VM. */
export interface AbsentEntry extends OnHost {
  readonly kind: 'absent';
}

/** The host's view of the VM's state follows the seed again. */
export interface ReleaseEntry extends OnHost {
  readonly kind: 'release';
}

/** The state goes round `states`, `periodMs` each, until `untilMs`; then the first of them stays. */
export interface FlapEntry extends OnHost {
  readonly kind: 'flap';
  readonly untilMs: number;
  readonly periodMs: number;
  readonly states: readonly [VMState, ...VMState[]];
}

export interface NameEntry extends Detail {
  readonly kind: 'name';
  readonly name: string;
}

export interface AddressesEntry extends Detail {
  readonly kind: 'addresses';
  /** Made canonical; given whatever the VM's state is. */
  readonly addresses: readonly AddressReport[];
}

/** A section is `ok` again, or cannot be had; `members` replace members of the document. */
export interface SectionEntry extends Detail {
  readonly kind: 'section';
  readonly section: SectionName;
  readonly observed: Observed;
  readonly members?: Readonly<Record<string, unknown>>;
}

export interface ConditionsEntry extends Detail {
  readonly kind: 'conditions';
  readonly conditions: ConditionsValue;
}

/** The VM is removed and defined anew under its UUID, between two looks at the host; `state` entries say how it is. */
export interface RecreateEntry extends Detail {
  readonly kind: 'recreate';
  readonly host: string;
}

/** The agent of the host restarts: a new boot, the same content. */
export interface RestartEntry extends At {
  readonly kind: 'restart';
  readonly host: string;
}

/** The host, or the way to it, is at fault until `untilMs` (default: until a `recover`). */
export interface FaultEntry extends At {
  readonly kind: 'fault';
  readonly host: string;
  readonly untilMs?: number;
  readonly fault: HostFault;
}

/** Ends every fault of the host that began before. */
export interface RecoverEntry extends At {
  readonly kind: 'recover';
  readonly host: string;
}

export type PresenceEntry = StateEntry | AbsentEntry | ReleaseEntry | FlapEntry;
export type DetailEntry = NameEntry | AddressesEntry | SectionEntry | ConditionsEntry | RecreateEntry;
export type HostEntry = RestartEntry | FaultEntry | RecoverEntry;
export type ScriptEntry = PresenceEntry | DetailEntry | HostEntry;
