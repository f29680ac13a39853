import { isActive, type VMState } from '@vedette/model';
import { fraction, mix, salts, unit } from './mixing.ts';
import type { Churn } from './options.ts';

/**
 * What a VM goes through by itself. Time is cut into slots, each VM's shifted by a phase of its own; in a slot at
 * most one course runs, chosen and timed by a hash of (VM, slot) and over before the slot ends. So a VM's state at an
 * instant follows from one slot, without any history.
 */

/** From `atMs` on the VM is in this state on this host; undefined: the host does not have it. */
export interface Step {
  readonly atMs: number;
  readonly state: VMState | undefined;
}

export const courseKinds = ['power-off', 'suspend', 'save', 'reboot', 'crash', 'migrate', 'run'] as const;
export type CourseKind = (typeof courseKinds)[number];

export interface Course {
  readonly kind: CourseKind;
  /** Steps at the host where the VM is at home, oldest first. */
  readonly home: readonly Step[];
  /** Steps at the partner host; empty but for a migration. */
  readonly away: readonly Step[];
}

/** The slots and what is likely in them, worked out once from the rates. */
export interface CoursePlan {
  /** 0: no course ever. */
  readonly slotMs: number;
  /** Upper ends, between 0 and 1, of the shares of slots that hold a reboot, a crash, a migration, anything else. */
  readonly reboot: number;
  readonly crash: number;
  readonly migrate: number;
  readonly ordinary: number;
}

const MINUTE_MS = 60_000;
/** Share of slots with a course, where the slot can be chosen freely. */
const BUSY_SHARE = 0.25;
const SLOT_MIN_MS = MINUTE_MS;
const SLOT_MAX_MS = 6 * 60 * MINUTE_MS;
const BUSY_SHARE_MAX = 0.8;

/** Shares of the ordinary courses, and the changes of state that one of each brings on average. */
const POWER_OFF_SHARE = 0.45;
const SUSPEND_SHARE = 0.35;
const CHANGES_PER_ORDINARY = 4 * POWER_OFF_SHARE + 2 * SUSPEND_SHARE + 4 * (1 - POWER_OFF_SHARE - SUSPEND_SHARE);
const CHANGES_PER_REBOOT = 2;
const CHANGES_PER_CRASH = 3;
const MIGRATIONS_PER_COURSE = 2;

/** @throws RangeError for rates that contradict each other or are too high to keep courses apart */
export function planCourses(churn: Churn): CoursePlan {
  const { rebootsPerMinute: reboots, crashesPerMinute: crashes } = churn;
  const changesLeft = churn.stateChangesPerMinute - CHANGES_PER_REBOOT * reboots - CHANGES_PER_CRASH * crashes;
  if (changesLeft < -1e-9) {
    throw new RangeError('stateChangesPerMinute is less than the reboots (2 changes each) and crashes (3) bring');
  }
  const migrations = churn.migrationsPerMinute / MIGRATIONS_PER_COURSE;
  const ordinary = Math.max(0, changesLeft) / CHANGES_PER_ORDINARY;
  const coursesPerMinute = reboots + crashes + migrations + ordinary;
  if (coursesPerMinute === 0) return { slotMs: 0, reboot: 0, crash: 0, migrate: 0, ordinary: 0 };
  const freeMs = (BUSY_SHARE / coursesPerMinute) * MINUTE_MS;
  const slotMs = Math.round(Math.min(Math.max(freeMs, SLOT_MIN_MS), SLOT_MAX_MS));
  const perSlot = slotMs / MINUTE_MS;
  if (coursesPerMinute * perSlot > BUSY_SHARE_MAX) {
    throw new RangeError(
      `${coursesPerMinute.toFixed(2)} courses per VM and minute: at most ${BUSY_SHARE_MAX} can be told apart`,
    );
  }
  const reboot = reboots * perSlot;
  const crash = reboot + crashes * perSlot;
  const migrate = crash + migrations * perSlot;
  return { slotMs, reboot, crash, migrate, ordinary: migrate + ordinary * perSlot };
}

/** The number of the slot of the VM with this key that `tMs` falls in; its start is {@link slotStartMs}. */
export function slotAt(plan: CoursePlan, key: number, tMs: number): number {
  return Math.floor((tMs + phaseMs(plan, key)) / plan.slotMs);
}

export function slotStartMs(plan: CoursePlan, key: number, slot: number): number {
  return slot * plan.slotMs - phaseMs(plan, key);
}

function phaseMs(plan: CoursePlan, key: number): number {
  return mix(key, 0, 0, salts.coursePhase) % plan.slotMs;
}

/** What of a VM decides its courses. */
export interface CourseVm {
  readonly key: number;
  /** Switched off, but for a run now and then. */
  readonly standsStopped: boolean;
  /** Whether there is a host to migrate to. */
  readonly hasPartner: boolean;
}

/** The course of a VM in one of its slots; undefined for a quiet one. A VM that stands switched off only has runs. */
export function courseIn(plan: CoursePlan, vm: CourseVm, slot: number): Course | undefined {
  const kind = kindIn(plan, vm, slot);
  if (kind === undefined) return undefined;
  const timing = new Timing(plan, vm.key, slot);
  return kind === 'migrate' ? migration(timing) : { kind, home: timing.place(stepsOf(kind, timing)), away: [] };
}

/** Whether a course of this kind starts the VM anew (its running time begins again). */
export function restarts(kind: CourseKind): boolean {
  return kind === 'power-off' || kind === 'save' || kind === 'crash' || kind === 'run';
}

/** When the last restart before `slot` ended; undefined: never since the fleet began. */
export function lastRestartMs(plan: CoursePlan, vm: CourseVm, slot: number): number | undefined {
  for (let at = slot - 1; at >= 0; at--) {
    const kind = kindIn(plan, vm, at);
    if (kind === undefined || !restarts(kind)) continue;
    const steps = courseIn(plan, vm, at)?.home ?? [];
    return startOf(steps, Number.POSITIVE_INFINITY, !vm.standsStopped);
  }
  return undefined;
}

/** When the VM last came up by these steps, up to `tMs`; undefined: they did not bring it up. */
export function startOf(steps: readonly Step[], tMs: number, upBefore: boolean): number | undefined {
  let startedAtMs: number | undefined;
  let up = upBefore;
  for (const { atMs, state } of steps) {
    if (atMs > tMs) break;
    const active = state !== undefined && isActive(state);
    if (active && !up) startedAtMs = atMs;
    up = active;
  }
  return startedAtMs;
}

/** What kind of course {@link courseIn} gives, without working it out. */
export function kindIn(plan: CoursePlan, vm: CourseVm, slot: number): CourseKind | undefined {
  const draw = fraction(mix(vm.key, slot, 0, salts.courseKind));
  if (draw >= plan.ordinary) return undefined;
  if (vm.standsStopped) return draw >= plan.migrate ? 'run' : undefined;
  if (draw < plan.reboot) return 'reboot';
  if (draw < plan.crash) return 'crash';
  if (draw < plan.migrate) return vm.hasPartner ? 'migrate' : undefined;
  const which = (draw - plan.migrate) / (plan.ordinary - plan.migrate);
  if (which < POWER_OFF_SHARE) return 'power-off';
  return which < POWER_OFF_SHARE + SUSPEND_SHARE ? 'suspend' : 'save';
}

/** Steps from 0; the last one is the state the VM is in ever after. */
function stepsOf(kind: Exclude<CourseKind, 'migrate'>, timing: Timing): readonly Step[] {
  switch (kind) {
    case 'power-off':
      return chain(
        ['stopping', timing.brief(1, 4)],
        ['stopped', timing.long()],
        ['starting', timing.brief(2, 8)],
        ['running', 0],
      );
    case 'suspend':
      return chain(['paused', timing.long()], ['running', 0]);
    case 'save':
      return chain(
        ['saving', timing.brief(2, 10)],
        ['suspended', timing.long()],
        ['restoring', timing.brief(2, 6)],
        ['running', 0],
      );
    case 'reboot':
      return chain(['rebooting', timing.brief(2, 6)], ['running', 0]);
    case 'crash':
      return chain(['failed', timing.brief(3, 20)], ['starting', timing.brief(2, 8)], ['running', 0]);
    case 'run':
      return chain(
        ['starting', timing.brief(2, 8)],
        ['running', timing.long()],
        ['stopping', timing.brief(1, 4)],
        ['stopped', 0],
      );
  }
}

function chain(...parts: ReadonlyArray<readonly [VMState, number]>): readonly Step[] {
  let atMs = 0;
  return parts.map(([state, lengthMs]) => {
    const step = { atMs, state };
    atMs += lengthMs;
    return step;
  });
}

/**
 * There and back. The two hosts never agree to the millisecond: the destination may show the VM before or after the
 * source says that it leaves, and the source may lag or lead at the end, as real ones do.
 */
function migration(timing: Timing): Course {
  const leave = (atMs: number, lengthMs: number) => {
    const goneMs = atMs + lengthMs + timing.brief(-0.5, 2);
    return {
      from: [
        { atMs, state: 'migrating_out' },
        { atMs: goneMs, state: 'migrated_away' },
        { atMs: goneMs + timing.brief(3, 10), state: undefined },
      ] as const,
      to: [
        { atMs: atMs + timing.brief(-0.5, 0.5), state: 'migrating_in' },
        { atMs: atMs + lengthMs, state: 'running' },
      ] as const,
    };
  };
  const out = leave(0, timing.brief(2, 20));
  const back = leave(out.to[1].atMs + timing.stay(), timing.brief(2, 20));
  const lengthMs = back.from[2].atMs;
  return {
    kind: 'migrate',
    home: timing.place([...out.from, ...back.to], lengthMs),
    away: timing.place([...out.to, ...back.from], lengthMs),
  };
}

/** Draws the lengths of one course and places it in its slot. All times are whole milliseconds. */
class Timing {
  readonly #plan: CoursePlan;
  readonly #key: number;
  readonly #slot: number;
  /** Short slots have shorter steps, so that a course always fits. */
  readonly #scale: number;
  #draws = 0;

  constructor(plan: CoursePlan, key: number, slot: number) {
    this.#plan = plan;
    this.#key = key;
    this.#slot = slot;
    this.#scale = Math.min(1, plan.slotMs / (4 * MINUTE_MS));
  }

  /** A state on the way, between so many seconds (in slots of at least 4 min). */
  brief(fromS: number, toS: number): number {
    return this.#between(fromS * 1_000 * this.#scale, toS * 1_000 * this.#scale);
  }

  /** A state that lasts. */
  long(): number {
    return this.#between(0.02 * this.#plan.slotMs, 0.5 * this.#plan.slotMs);
  }

  /** Time at the partner host. */
  stay(): number {
    return this.#between(0.1 * this.#plan.slotMs, 0.4 * this.#plan.slotMs);
  }

  /** Moves steps that begin at about 0 to their place in the slot, the same for every call. */
  place(steps: readonly Step[], lengthMs = steps.at(-1)?.atMs ?? 0): readonly Step[] {
    const marginMs = 1_000 * this.#scale;
    const freeMs = this.#plan.slotMs - lengthMs - 2 * marginMs;
    const offset = marginMs + freeMs * unit(this.#key, this.#slot, 0, salts.courseStart);
    const startMs = Math.round(slotStartMs(this.#plan, this.#key, this.#slot) + offset);
    return steps.map(({ atMs, state }) => ({ atMs: startMs + atMs, state }));
  }

  #between(fromMs: number, toMs: number): number {
    const draw = unit(this.#key, this.#slot, this.#draws++, salts.courseLength);
    return Math.round(fromMs + (toMs - fromMs) * draw);
  }
}
