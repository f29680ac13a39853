import type { VMState } from '@vedette/model';
import type { ScriptEntry } from './entries.ts';

/** One VM on one host. */
interface VmOnHost {
  readonly host: string;
  readonly vm: string;
  readonly atMs: number;
}

/** States one after the other, each `[after how many ms from the beginning, state]`; undefined: the host lacks it. */
export function course(
  on: VmOnHost,
  steps: ReadonlyArray<readonly [number, VMState | undefined]>,
): readonly ScriptEntry[] {
  const { host, vm } = on;
  return steps.map(([afterMs, state]): ScriptEntry => {
    const atMs = on.atMs + afterMs;
    return state === undefined ? { kind: 'absent', atMs, host, vm } : { kind: 'state', atMs, host, vm, state };
  });
}

/** A VM comes to be: starting, then running. */
export function create(
  on: VmOnHost & { readonly name?: string; readonly startingMs?: number },
): readonly ScriptEntry[] {
  const { vm, atMs, name, startingMs = 2_000 } = on;
  const naming: readonly ScriptEntry[] = name === undefined ? [] : [{ kind: 'name', atMs, vm, name }];
  return [
    ...naming,
    ...course(on, [
      [0, 'starting'],
      [startingMs, 'running'],
    ]),
  ];
}

/** A VM vanishes from its host, whatever it was doing. */
export function remove(on: VmOnHost): readonly ScriptEntry[] {
  return course(on, [[0, undefined]]);
}

/**
 * A VM is removed and defined anew under its UUID before anybody looks again (M8); it is then in the state given, else
 * it looks as before.
 */
export function recreate(on: VmOnHost & { readonly state?: VMState }): readonly ScriptEntry[] {
  const { host, vm, atMs, state } = on;
  return [{ kind: 'recreate', atMs, host, vm }, ...(state === undefined ? [] : course(on, [[0, state]]))];
}

/** A guest reboots: `rebooting` for a while, then `running`. */
export function reboot(on: VmOnHost & { readonly rebootingMs?: number }): readonly ScriptEntry[] {
  return course(on, [
    [0, 'rebooting'],
    [on.rebootingMs ?? 2_000, 'running'],
  ]);
}

/** A guest dies; started again `restartAfterMs` later if that is given. */
export function crash(on: VmOnHost & { readonly restartAfterMs?: number }): readonly ScriptEntry[] {
  const { restartAfterMs } = on;
  if (restartAfterMs === undefined) return course(on, [[0, 'failed']]);
  return course(on, [
    [0, 'failed'],
    [restartAfterMs, 'starting'],
    [restartAfterMs + 2_000, 'running'],
  ]);
}

export interface Migration {
  readonly vm: string;
  readonly from: string;
  readonly to: string;
  /** When the source says that it leaves. */
  readonly atMs: number;
  /** When the destination shows it, after the source's word; may be negative. Default 0. */
  readonly arrivesAfterMs?: number;
  /** Until it runs at the destination, after the source's word. Default 2,000. */
  readonly durationMs?: number;
  /** When the source says that it has left, after it runs at the destination; may be negative. Default 1,400. */
  readonly sourceLagMs?: number;
  /** How long the source goes on showing it as migrated away; Infinity: for ever (a definition stays). Default 5,000. */
  readonly lingersMs?: number;
}

/** A live migration between any two hosts, in any order of what they say. */
export function migrate(migration: Migration): readonly ScriptEntry[] {
  const { vm, from, to, atMs } = migration;
  const { arrivesAfterMs = 0, durationMs = 2_000, sourceLagMs = 1_400, lingersMs = 5_000 } = migration;
  const leftMs = durationMs + sourceLagMs;
  const forgetting = Number.isFinite(lingersMs) ? ([[leftMs + lingersMs, undefined]] as const) : [];
  return [
    ...course({ host: from, vm, atMs }, [[0, 'migrating_out'], [leftMs, 'migrated_away'], ...forgetting]),
    ...course({ host: to, vm, atMs }, [
      [arrivesAfterMs, 'migrating_in'],
      [durationMs, 'running'],
    ]),
  ];
}

/** A live migration that fails: the destination drops the VM, the source goes on running it. */
export function abortMigration(migration: Migration): readonly ScriptEntry[] {
  const { vm, from, to, atMs, arrivesAfterMs = 0, durationMs = 2_000, sourceLagMs = 0 } = migration;
  return [
    ...course({ host: from, vm, atMs }, [
      [0, 'migrating_out'],
      [durationMs + sourceLagMs, 'running'],
    ]),
    ...course({ host: to, vm, atMs }, [
      [arrivesAfterMs, 'migrating_in'],
      [durationMs, undefined],
    ]),
  ];
}
