import type { RuntimeRow, SectionName } from '@vedette/fetcher';
import { sectionNames } from '@vedette/fetcher';
import { contentHash, isActive, type VMState } from '@vedette/model';
import { nameOf, sectionOf } from '../documents.ts';
import type { ResolvedFleetOptions } from '../options.ts';
import { type CpuLoad, cpuLoad, memoryPercent } from '../samples.ts';
import type { VmView } from '../view.ts';

/** The hash of each section that can be had. */
export type SectionHashes = RuntimeRow['hashes'];

/** What an agent holds of one VM. */
export interface RecordedRow {
  view: VmView;
  readonly hashes: SectionHashes;
  /** The agent's revision at which the row was recorded. */
  rev: number;
  /** Percent points of one CPU and of memory at that time. */
  cpuPoints: number;
  memoryPoints: number;
}

export function hashesOf(view: VmView): SectionHashes {
  const hashes: { [S in SectionName]?: string } = {};
  for (const section of sectionNames) {
    const { content } = sectionOf(view, section);
    if (content !== undefined) hashes[section] = contentHash(content);
  }
  return hashes;
}

export function sameHashes(a: SectionHashes, b: SectionHashes): boolean {
  return a.info === b.info && a.config === b.config && a.status === b.status && a.guest === b.guest;
}

/** States in which the guest is held still. */
const stillStates: ReadonlySet<VMState> = new Set(['paused', 'paused_error', 'pm_suspended', 'saving', 'restoring']);
const idle: CpuLoad = { user: 0, system: 0 };

export function loadOf(cpu: ResolvedFleetOptions['cpu'], view: VmView, tMs: number): CpuLoad {
  return isActive(view.state) && !stillStates.has(view.state) ? cpuLoad(cpu, view.identity.key, tMs) : idle;
}

/** The row as a poll at `tMs` gives it: measured now, recorded at its rev. */
export function rowOf(cpu: ResolvedFleetOptions['cpu'], recorded: RecordedRow, tMs: number): RuntimeRow {
  const { view, hashes, rev } = recorded;
  const { state, reason, raw, startedAtMs } = view;
  const row = { vm: view.identity.vm, state, reason, raw, name: nameOf(view), hashes, rev };
  if (startedAtMs === undefined) return row;
  const { user, system } = loadOf(cpu, view, tMs);
  return {
    ...row,
    cpuSystem: system,
    cpuUser: user,
    memoryPercent: memoryPercent(view.identity.key, tMs),
    elapsedS: Math.floor((tMs - startedAtMs) / 1_000),
  };
}
