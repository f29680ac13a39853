import type { VMState } from '../states.ts';
import { type MappedState, type MigrationJob, rawState } from './mapped-state.ts';

/** One row of the table: a domain state with some of its reasons (or any), and what they mean. */
export interface LibvirtRow {
  readonly state: number;
  readonly reasons: readonly number[] | 'any';
  readonly means: VMState;
}

/** docs/contracts.md, column libvirt: virDomainState and the reason enumeration that belongs to it. */
export const libvirtTable: readonly LibvirtRow[] = [
  { state: 1, reasons: 'any', means: 'running' },
  { state: 2, reasons: 'any', means: 'running' },
  { state: 3, reasons: [11], means: 'starting' },
  { state: 3, reasons: [0, 1, 4, 7, 9, 14], means: 'paused' },
  { state: 3, reasons: [5, 6, 10, 13], means: 'paused_error' },
  { state: 3, reasons: [3], means: 'saving' },
  { state: 3, reasons: [2, 12], means: 'migrating_out' },
  { state: 3, reasons: [8], means: 'stopping' },
  { state: 4, reasons: 'any', means: 'stopping' },
  { state: 5, reasons: [0, 1, 2, 7], means: 'stopped' },
  { state: 5, reasons: [5], means: 'suspended' },
  { state: 5, reasons: [4], means: 'migrated_away' },
  { state: 5, reasons: [3, 6, 8], means: 'failed' },
  { state: 6, reasons: 'any', means: 'failed' },
  { state: 7, reasons: 'any', means: 'pm_suspended' },
];

/**
 * The reasons of each state in libvirt's own words, by number (libvirt-domain.h: virDomainRunningReason,
 * virDomainPausedReason, virDomainShutdownReason, virDomainShutoffReason, virDomainCrashedReason). `unknown`, which is
 * 0 everywhere, is no reason and therefore empty.
 */
export const libvirtReasons: Readonly<Record<number, readonly string[]>> = {
  1: [
    '',
    'booted',
    'migrated',
    'restored',
    'from_snapshot',
    'unpaused',
    'migration_canceled',
    'save_canceled',
    'wakeup',
    'crashed',
    'postcopy',
    'postcopy_failed',
  ],
  3: [
    '',
    'user',
    'migration',
    'save',
    'dump',
    'ioerror',
    'watchdog',
    'from_snapshot',
    'shutting_down',
    'snapshot',
    'crashed',
    'starting_up',
    'postcopy',
    'postcopy_failed',
    'api_error',
  ],
  4: ['', 'user'],
  5: ['', 'shutdown', 'destroyed', 'crashed', 'migrated', 'saved', 'failed', 'from_snapshot', 'daemon'],
  6: ['', 'panicked'],
};

/** The reason with which a domain that has arrived runs: from then on an incoming job says nothing any more. */
const arrived = { state: 1, reason: 2 } as const;

/**
 * What a domain's state and reason mean. A job that moves the domain decides where the state alone cannot tell (a
 * domain runs, or waits paused, on both sides of a move); what is a fault, stops or is down is never hidden by a job.
 * Not decided here, because one reading cannot tell: restoring, rebooting, not_responding.
 */
export function libvirtState(state: number, reason: number, job?: MigrationJob): MappedState {
  const row = libvirtTable.find(
    (candidate) => candidate.state === state && (candidate.reasons === 'any' || candidate.reasons.includes(reason)),
  );
  return {
    state: row === undefined ? 'unknown' : moving(row.means, state, reason, job),
    reason: libvirtReasons[state]?.[reason] ?? '',
    raw: rawState(String(state), String(reason)),
    mapped: row !== undefined,
  };
}

function moving(means: VMState, state: number, reason: number, job: MigrationJob | undefined): VMState {
  if (job === 'outgoing') return means === 'running' || means === 'paused' ? 'migrating_out' : means;
  if (job === 'incoming' && !(state === arrived.state && reason === arrived.reason)) {
    const waits = means === 'running' || means === 'paused' || means === 'starting' || means === 'migrating_out';
    return waits ? 'migrating_in' : means;
  }
  return means;
}
