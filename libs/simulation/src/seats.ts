import { isActive, type VMState } from '@vedette/model';
import {
  type Course,
  type CoursePlan,
  type CourseVm,
  courseIn,
  kindIn,
  lastRestartMs,
  planCourses,
  restarts,
  type Step,
  slotAt,
  slotStartMs,
  startOf,
} from './courses.ts';
import { changesBy, type Drift, driftOf, nextChangeMs } from './drift.ts';
import { type LifePlan, lifeAt, lifeSteps, planLives } from './lives.ts';
import { choose, fraction, mix, salts } from './mixing.ts';
import type { ResolvedFleetOptions } from './options.ts';
import type { Topology } from './topology.ts';
import { rawOf, reasonOf, type VmIdentity, type VmView } from './view.ts';

/** Which of the two hosts that a seat's VM can be on: its home, or the home's partner. */
export type Side = 'home' | 'away';

/** How far ahead the next change of a VM is looked for before an idle look is proposed instead. */
const SLOTS_AHEAD = 16;
const LONGEST_AGE_MS = 40 * 24 * 3_600_000;
const roles = ['web', 'db', 'cache', 'worker', 'mail', 'git', 'ci', 'dns', 'lb', 'queue'] as const;

/** What sits in every seat of a fleet at every instant, by seed alone; the script comes on top. */
export class Seats {
  readonly #seed: number;
  readonly #topology: Topology;
  readonly #stoppedShare: number;
  readonly #courses: CoursePlan;
  readonly #lives: LifePlan;
  readonly #addresses: Drift;
  readonly #config: Drift;

  /** @throws RangeError for a churn that cannot be */
  constructor(options: ResolvedFleetOptions, topology: Topology) {
    const { churn } = options;
    this.#seed = options.seed;
    this.#topology = topology;
    this.#stoppedShare = options.stoppedShare;
    this.#courses = planCourses(churn);
    this.#lives = planLives(churn.creationsPerMinute, options.vmsPerHost);
    this.#addresses = driftOf(churn.addressChangesPerMinute, salts.addressPhase, salts.addressChange);
    this.#config = driftOf(churn.configChangesPerMinute, salts.configPhase, salts.configChange);
  }

  /** Whose turn in the seat it is at `tMs`, whether present or not. */
  generationAt(seat: number, tMs: number): number {
    return this.#isTransient(seat) ? lifeAt(this.#lives, this.#seed, seat, tMs) : 0;
  }

  identity(seat: number, generation: number): VmIdentity {
    const key = this.#topology.keyOf({ seat, generation });
    const number = String(seat + 1).padStart(3, '0');
    const name = this.#isTransient(seat) ? `job-${number}-${generation}` : `${choose(roles, key)}-${number}`;
    return { vm: this.#topology.vmId({ seat, generation }), key, place: seat, name };
  }

  /** The VM of a seat as one of its two hosts has it; undefined where it does not. */
  view(identity: VmIdentity, side: Side, tMs: number): VmView | undefined {
    return this.#isTransient(identity.place)
      ? this.#livingView(identity, side, tMs)
      : this.#lastingView(identity, side, tMs);
  }

  /** Details without a presence: what a VM is like where only a script has it running. */
  detailVersions(key: number, tMs: number): Pick<VmView, 'addressVersion' | 'configVersion'> {
    return { addressVersion: changesBy(this.#addresses, key, tMs), configVersion: changesBy(this.#config, key, tMs) };
  }

  /** The first instant after `tMs` at which {@link view} may differ, or {@link generationAt}; Infinity: never. */
  nextChangeMs(identity: VmIdentity, side: Side, tMs: number): number {
    const { key, place } = identity;
    const transient = this.#isTransient(place);
    if (transient && side === 'away') return Number.POSITIVE_INFINITY;
    const presenceMs = transient ? this.#nextLifeMs(place, tMs) : this.#nextCourseMs(identity, side, tMs);
    return Math.min(presenceMs, nextChangeMs(this.#addresses, key, tMs), nextChangeMs(this.#config, key, tMs));
  }

  #isTransient(seat: number): boolean {
    const { vmsPerHost } = this.#topology;
    return seat % vmsPerHost >= vmsPerHost - this.#lives.seatsPerHost;
  }

  #livingView(identity: VmIdentity, side: Side, tMs: number): VmView | undefined {
    if (side === 'away') return undefined;
    const { key, place } = identity;
    const steps = lifeSteps(this.#lives, this.#seed, place, lifeAt(this.#lives, this.#seed, place, tMs));
    const state = stateBy(steps, tMs, undefined);
    if (state === undefined) return undefined;
    return viewOf(identity, state, startOf(steps, tMs, false), this.detailVersions(key, tMs));
  }

  #lastingView(identity: VmIdentity, side: Side, tMs: number): VmView | undefined {
    const { key } = identity;
    const vm = this.#courseVm(identity);
    const slot = this.#courses.slotMs === 0 ? 0 : slotAt(this.#courses, key, tMs);
    const course = this.#courses.slotMs === 0 ? undefined : courseIn(this.#courses, vm, slot);
    const before = side === 'away' ? undefined : vm.standsStopped ? 'stopped' : 'running';
    const state = course === undefined ? before : stateBy(course[side], tMs, before);
    if (state === undefined) return undefined;
    const startedAtMs = isActive(state) ? this.#startedAtMs(vm, course, slot, tMs) : undefined;
    return viewOf(identity, state, startedAtMs, this.detailVersions(key, tMs));
  }

  #courseVm({ key, place }: VmIdentity): CourseVm {
    const host = Math.floor(place / this.#topology.vmsPerHost);
    const standsStopped = fraction(mix(key, 0, 0, salts.baseline)) < this.#stoppedShare;
    return { key, standsStopped, hasPartner: this.#topology.partnerOf(host) !== undefined };
  }

  #startedAtMs(vm: CourseVm, course: Course | undefined, slot: number, tMs: number): number {
    const here =
      course !== undefined && restarts(course.kind) ? startOf(course.home, tMs, !vm.standsStopped) : undefined;
    return here ?? lastRestartMs(this.#courses, vm, slot) ?? -(mix(vm.key, 0, 0, salts.age) % LONGEST_AGE_MS);
  }

  #nextLifeMs(seat: number, tMs: number): number {
    const life = lifeAt(this.#lives, this.#seed, seat, tMs);
    const here = lifeSteps(this.#lives, this.#seed, seat, life).find(({ atMs }) => atMs > tMs);
    return (here ?? (lifeSteps(this.#lives, this.#seed, seat, life + 1)[0] as Step)).atMs;
  }

  #nextCourseMs(identity: VmIdentity, side: Side, tMs: number): number {
    if (this.#courses.slotMs === 0) return Number.POSITIVE_INFINITY;
    const vm = this.#courseVm(identity);
    const first = slotAt(this.#courses, vm.key, tMs);
    for (let slot = first; slot < first + SLOTS_AHEAD; slot++) {
      if (side === 'away' && kindIn(this.#courses, vm, slot) !== 'migrate') continue;
      const next = courseIn(this.#courses, vm, slot)?.[side].find(({ atMs }) => atMs > tMs);
      if (next !== undefined) return next.atMs;
    }
    return slotStartMs(this.#courses, vm.key, first + SLOTS_AHEAD);
  }
}

function stateBy(steps: readonly Step[], tMs: number, before: VMState | undefined): VMState | undefined {
  let state = before;
  for (const step of steps) {
    if (step.atMs > tMs) break;
    state = step.state;
  }
  return state;
}

function viewOf(
  identity: VmIdentity,
  state: VMState,
  startedAtMs: number | undefined,
  versions: Pick<VmView, 'addressVersion' | 'configVersion'>,
): VmView {
  return {
    identity,
    state,
    reason: reasonOf(state),
    raw: rawOf(state),
    startedAtMs,
    addressVersion: versions.addressVersion,
    configVersion: versions.configVersion,
    patch: undefined,
  };
}
