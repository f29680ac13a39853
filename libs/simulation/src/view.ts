import type { Observed, SectionName } from '@vedette/fetcher';
import type { AddressReport, ConditionsValue, RawState, VMState } from '@vedette/model';

/** Who a VM is, wherever it runs. */
export interface VmIdentity {
  /** Its UUID. */
  readonly vm: string;
  /** Decides its attributes and its course. */
  readonly key: number;
  /** Decides its addresses and its number: its seat in the fleet. */
  readonly place: number;
  readonly name: string;
}

/** What a script put in place of a VM's own details. */
export interface DetailPatch {
  /** Grows with every entry that applies: equal versions of one VM on one host, equal details. */
  readonly version: number;
  readonly name?: string;
  readonly addresses?: readonly AddressReport[];
  readonly conditions?: ConditionsValue;
  /** How often it was removed and defined anew. */
  readonly recreations?: number;
  readonly sections?: { readonly [S in SectionName]?: SectionPatch };
}

export interface SectionPatch {
  readonly observed: Observed;
  /** Members that replace the document's own. */
  readonly members: Readonly<Record<string, unknown>>;
}

/** One VM as one host has it at one instant. The documents follow from it: see {@link sectionOf}. */
export interface VmView {
  readonly identity: VmIdentity;
  readonly state: VMState;
  readonly reason: string;
  readonly raw: RawState;
  /** When it was last started, in the fleet's milliseconds (negative: before it began); undefined while it is down. */
  readonly startedAtMs: number | undefined;
  /** How often its addresses, and its definition, have changed by themselves. */
  readonly addressVersion: number;
  readonly configVersion: number;
  readonly patch: DetailPatch | undefined;
}

/** Whether every section of one VM says the same in both views. */
export function sameDetails(a: VmView, b: VmView): boolean {
  return (
    a.state === b.state &&
    a.startedAtMs === b.startedAtMs &&
    a.addressVersion === b.addressVersion &&
    a.configVersion === b.configVersion &&
    a.patch?.version === b.patch?.version
  );
}

/** How often the VM was removed and defined anew under its UUID. */
export function recreationsOf(view: VmView): number {
  return view.patch?.recreations ?? 0;
}

/** What the simulated agent gives as reason, and as the raw state, of each state. */
const reasons: Readonly<Record<VMState, string>> = {
  starting: 'booting',
  running: '',
  paused: 'by a person',
  paused_error: 'I/O error',
  saving: 'saving memory',
  suspended: 'saved',
  restoring: 'restoring memory',
  migrating_out: 'migration source',
  migrating_in: 'migration destination',
  migrated_away: 'migrated',
  rebooting: 'guest reboot',
  stopping: 'shutting down',
  stopped: 'shut down',
  failed: 'crashed',
  pm_suspended: 'guest sleeps',
  not_responding: 'monitor silent',
  absent: '',
  gone: '',
  unknown: '',
};

const raws = Object.fromEntries(
  Object.entries(reasons).map(([state, reason]) => [state, Object.freeze({ state, reason })]),
) as Readonly<Record<VMState, RawState>>;

export function reasonOf(state: VMState): string {
  return reasons[state];
}

export function rawOf(state: VMState): RawState {
  return raws[state];
}
