import { stateClass, type VMState, type VMStatsSampled } from '@vedette/model';
import type { DomainEntry } from './entries.ts';
import { label } from './labels.ts';

interface Row {
  readonly host: string;
  readonly columns: VMStatsSampled['data']['columns'];
  readonly row: number;
  readonly nowMs: number;
  /** What is held of the VM, whatever host told it. */
  readonly known: DomainEntry | undefined;
}

/** One VM of a message, with what is still good of the entry before. */
export function entryOf({ host, columns, row, nowMs, known }: Row): DomainEntry {
  const vm = columns.vm[row] as string;
  const name = columns.name[row] as string;
  const state = columns.state[row] as VMState;
  const same = known?.host === host ? known : undefined;
  return {
    vm,
    host,
    name,
    labels: same?.name === name ? same.labels : labelsOf(vm, host, name),
    state,
    cpuUser: columns.cpuUser[row] ?? null,
    cpuSystem: columns.cpuSystem[row] ?? null,
    memoryPercent: columns.memoryPercent[row] ?? null,
    elapsedS: columns.elapsedS[row] ?? null,
    heardMs: nowMs,
    ...devicesOf({ host, columns, row, nowMs, known: same }, state),
  };
}

type Devices = Pick<DomainEntry, 'devices' | 'devicesHeardMs' | 'devicesMissed'>;

/** Figures of a run that ended are never shown beside those of the next: its counters begin anew. */
function devicesOf({ columns, row, nowMs, known }: Row, state: VMState): Devices {
  const active = stateClass(state) === 'active';
  const sampled = columns.devices?.[row];
  if (sampled != null) return { devices: sampled, devicesHeardMs: nowMs, devicesMissed: 0 };
  const missed = active && sampled === null ? 1 : 0;
  if (!active || known === undefined || beganAnew(known, columns.elapsedS[row])) {
    return { devices: undefined, devicesHeardMs: 0, devicesMissed: missed };
  }
  const { devices, devicesHeardMs, devicesMissed } = known;
  return { devices, devicesHeardMs, devicesMissed: devicesMissed + missed };
}

function beganAnew(known: DomainEntry, elapsedS: number | null | undefined): boolean {
  return known.elapsedS !== null && elapsedS != null && elapsedS < known.elapsedS;
}

function labelsOf(vm: string, host: string, name: string): string {
  // A VM whose name nobody has told yet: an empty label would be none, and all such VMs one series.
  return `${label('domain', name === '' ? vm : name)},${label('host', host)},${label('uuid', vm)}`;
}

/**
 * How much a sighting says, against another host's: 0 nothing (the VM left), 1 it is down, 2 and 3 it is arriving and
 * leaving, 4 it is there. The order of `resolve` (docs/contracts.md), which has more to go by.
 */
export function rankOf(state: VMState): 0 | 1 | 2 | 3 | 4 {
  if (state === 'migrating_in') return 2;
  if (state === 'migrating_out') return 3;
  const kind = stateClass(state);
  if (kind === 'left') return 0;
  return kind === 'down' ? 1 : 4;
}
