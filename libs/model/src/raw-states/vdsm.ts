import type { VMState } from '../states.ts';
import { type MappedState, rawState, reasonWord } from './mapped-state.ts';

/** What VDSM says of a VM in a listing, in statistics or in an event; numbers often travel as text. */
export interface VdsmReport {
  readonly status: string;
  readonly exitCode?: number | string | undefined;
  readonly exitReason?: number | string | undefined;
  readonly pauseCode?: string | undefined;
  readonly monitorResponse?: number | string | undefined;
}

/**
 * docs/contracts.md, column VDSM: the statuses of vdsm's virt/vmstatus.py that mean one state. Compared without spaces
 * and case, as oVirt's engine does. `Down` is told apart by {@link vdsmExits}, `Paused` by its pause code.
 */
export const vdsmTable: Readonly<Record<string, VMState>> = {
  WaitForLaunch: 'starting',
  'Powering up': 'starting',
  Up: 'running',
  Paused: 'paused',
  'Saving State': 'saving',
  'Restoring state': 'restoring',
  'Migration Source': 'migrating_out',
  'Migration Destination': 'migrating_in',
  RebootInProgress: 'rebooting',
  'Powering down': 'stopping',
};

const byStatus = new Map(Object.entries(vdsmTable).map(([status, state]) => [folded(status), state]));

/** Exit reasons in words, by number (vdsm's virt/vmexitreason.py). */
export const vdsmExits: readonly string[] = [
  'success',
  'generic_error',
  'lost_qemu',
  'libvirt_start_failed',
  'migration_succeeded',
  'save_state_succeeded',
  'admin_shutdown',
  'user_shutdown',
  'migration_failed',
  'domain_missing',
  'destroyed_on_startup',
  'host_shutdown',
  'postcopy_failed',
  'destroyed_on_reboot',
  'pause_timeout',
];

/** Exit reasons that say more than "down in order". */
const exitStates: Readonly<Record<string, VMState>> = {
  save_state_succeeded: 'suspended',
  migration_succeeded: 'migrated_away',
};

/** Statuses in which a VM's monitor ought to answer; in the others its silence is no news. */
const answering = new Set(['up', 'poweringup']);

/** Pause codes that name no fault. */
const faultless = new Set(['', 'NONE', 'NOERR']);

/** What a report means. Numbers given as text are read; whatever else stands in their place counts as not given. */
export function vdsmState(report: VdsmReport): MappedState {
  const decided = folded(report.status) === 'down' ? ofDown(report) : ofPresent(report);
  return {
    state: decided?.state ?? 'unknown',
    reason: decided?.reason ?? '',
    raw: rawState(report.status, rawReason(report)),
    mapped: decided !== undefined,
  };
}

interface Decided {
  readonly state: VMState;
  readonly reason: string;
}

function ofDown({ exitCode, exitReason }: VdsmReport): Decided | undefined {
  const code = integer(exitCode);
  const reason = vdsmExits[integer(exitReason) ?? -1] ?? '';
  const particular = exitStates[reason];
  if (particular !== undefined) return code === undefined || code === 0 ? { state: particular, reason } : undefined;
  if (code === 0) return { state: 'stopped', reason };
  return code === 1 ? { state: 'failed', reason } : undefined;
}

function ofPresent({ status, pauseCode = '', monitorResponse }: VdsmReport): Decided | undefined {
  const state = byStatus.get(folded(status));
  if (state === undefined) return undefined;
  if (state === 'paused' && !faultless.has(pauseCode.toUpperCase())) return ofPause(pauseCode);
  const silent = answering.has(folded(status)) && integer(monitorResponse) === -1;
  return { state: silent ? 'not_responding' : state, reason: '' };
}

/** After a switch to post-copy the source waits paused while the VM runs at the destination (libvirt 3/12). */
function ofPause(pauseCode: string): Decided {
  const reason = reasonWord(pauseCode);
  return { state: reason === 'postcopy' ? 'migrating_out' : 'paused_error', reason };
}

/** Everything that decided besides the status, verbatim. */
function rawReason({ exitCode, exitReason, pauseCode, monitorResponse }: VdsmReport): string {
  return Object.entries({ exitCode, exitReason, pauseCode, monitorResponse: silence(monitorResponse) })
    .filter(([, value]) => value !== undefined && value !== '')
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');
}

/** A response time changes all the time and is no reason; only its absence is. */
function silence(monitorResponse: VdsmReport['monitorResponse']): VdsmReport['monitorResponse'] {
  return integer(monitorResponse) === -1 ? monitorResponse : undefined;
}

function integer(value: number | string | undefined): number | undefined {
  if (typeof value === 'string') return /^-?[0-9]{1,9}$/.test(value) ? Number(value) : undefined;
  return Number.isInteger(value) ? value : undefined;
}

function folded(status: string): string {
  return status.replaceAll(/\s+/g, '').toLowerCase();
}
