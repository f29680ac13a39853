import type { VMState } from '../states.ts';
import { type MappedState, rawState, reasonWord } from './mapped-state.ts';

/** What Nova says of a server: the extended status attributes of its API, or a notification's payload. */
export interface NovaReport {
  /** A number in the API, a word in notifications; undefined in the partial row of a cell that is down. */
  readonly powerState?: number | string | null | undefined;
  readonly vmState?: string | null | undefined;
  readonly taskState?: string | null | undefined;
}

/** Power states by number (nova/compute/power_state.py), and as the words of notifications. */
export const novaPowerStates = {
  pending: 0,
  running: 1,
  paused: 3,
  shutdown: 4,
  crashed: 6,
  suspended: 7,
} as const;

/** One row of the table: conditions that must all hold (left out: any), and what they mean. */
export interface NovaRow {
  readonly power?: readonly number[];
  readonly vm?: string;
  readonly task?: readonly string[];
  readonly means: VMState;
}

const { pending, running, paused, shutdown, crashed, suspended } = novaPowerStates;

const rebooting = [
  'rebooting',
  'reboot_pending',
  'reboot_started',
  'rebooting_hard',
  'reboot_pending_hard',
  'reboot_started_hard',
];

/**
 * docs/contracts.md, column Nova; the first row that fits decides. The power state decides alive or dead: a task that
 * ends in death is over once the power is off, one that ends in life (resuming, a hard reboot) passes through it.
 */
export const novaTable: readonly NovaRow[] = [
  { vm: 'deleted', means: 'gone' },
  { power: [crashed], means: 'failed' },
  { power: [shutdown], vm: 'error', means: 'failed' },
  { task: ['resuming'], means: 'restoring' },
  { task: rebooting, means: 'rebooting' },
  { power: [shutdown], vm: 'suspended', means: 'suspended' },
  { power: [shutdown], task: ['suspending'], means: 'suspended' },
  { power: [shutdown], means: 'stopped' },
  { power: [running, paused], task: ['migrating'], means: 'migrating_out' },
  { power: [running, paused, suspended], task: ['suspending'], means: 'saving' },
  { power: [running, paused, suspended], task: ['powering-off'], means: 'stopping' },
  { power: [pending, running], vm: 'building', means: 'starting' },
  { power: [running], means: 'running' },
  { power: [paused], means: 'paused' },
  { power: [suspended], vm: 'suspended', means: 'suspended' },
  { power: [suspended], means: 'pm_suspended' },
];

/**
 * What a report means. The reason is the task where the task decided, else the vm_state (active, rescued, error,
 * shelved...); tasks that decide nothing (spawning, networking) stay in `raw`, so that they are no changes.
 */
export function novaState({ powerState, vmState, taskState }: NovaReport): MappedState {
  const power = powerNumber(powerState);
  const vm = (vmState ?? '').toLowerCase();
  const task = (taskState ?? '').toLowerCase();
  const row = novaTable.find(
    (candidate) =>
      (candidate.power === undefined || (power !== undefined && candidate.power.includes(power))) &&
      (candidate.vm === undefined || candidate.vm === vm) &&
      (candidate.task === undefined || candidate.task.includes(task)),
  );
  const nothingSaid = (powerState ?? '') === '' && vm === '' && task === '';
  return {
    state: row?.means ?? 'unknown',
    reason: reasonWord(row?.task === undefined ? vm : task),
    raw: rawState(`${vmState ?? ''}/${powerState ?? ''}`, taskState ?? ''),
    mapped: row !== undefined || nothingSaid,
  };
}

function powerNumber(powerState: NovaReport['powerState']): number | undefined {
  if (typeof powerState === 'number') return powerState;
  if (typeof powerState !== 'string') return undefined;
  const word = powerState.toLowerCase();
  return Object.hasOwn(novaPowerStates, word) ? novaPowerStates[word as keyof typeof novaPowerStates] : undefined;
}
