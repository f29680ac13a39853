import type { Deed, DeedName, Placement, Trouble } from './history.ts';
import type { Leg } from './match.ts';

/**
 * What each deed may make an observer, and the fleet, say: the table of the oracle. A state that is not here is false.
 *
 * P1. A state of the way is told if somebody looked just then; what the guest was left in must be told.
 * P2. Every allowance is one of {@link allowances} and is counted where it is used.
 */

export interface Patience {
  /** How long after a deed, or after the trouble that hid it, it must be told. */
  readonly dueMs: number;
  /** The same for `not_responding`, which is found by a question that is not answered. */
  readonly hangDueMs: number;
  /** That a QEMU that hung runs again is told when it has answered: it is asked at a listing, and told at the next. */
  readonly provedMs: number;
  /** `dueMs` for `gone`, which every host of the realm must confirm first. */
  readonly goneDueMs: number;
  /** An absence shorter than this may end before every host has confirmed it. */
  readonly confirmMs: number;
  /** A state shorter than this may be told together with the next one. */
  readonly coalescedMs: number;
  /** From the end of a trouble until the host is watched again. */
  readonly recoveryMs: number;
}

export const defaultPatience: Patience = {
  dueMs: 10_000,
  hangDueMs: 33_000,
  provedMs: 8_000,
  goneDueMs: 20_000,
  confirmMs: 5_000,
  coalescedMs: 1_000,
  recoveryMs: 10_000,
};

/** Why something true may go untold, or something be told that a calm fleet never tells. */
export const allowances = {
  coalesced: 'the guest was in this state for less than a second before the next deed began',
  unwatched: 'the guest was in this state only while the host, or the monitor, could not be asked',
  same_state: 'the state is as it was told, with another reason, or of another guest under the same UUID',
  unconfirmed: 'the guest was back before every host could confirm that it had gone',
  same_guest: 'the guest came back where nobody can tell a new one from the former: elsewhere, transient, or unseen',
  unproved: 'QEMU went on after a hang, and the next deed began before it could be asked',
  short_hang: 'QEMU went on, or its host was in trouble again, before the time in which a hang must be found was over',
} as const;
export type Allowance = keyof typeof allowances;

/** States passed on the way, in order, on the host where the deed is done. `rebooting` is held for 2 s and must be told. */
const waysHere: Readonly<Record<DeedName, readonly string[]>> = {
  start: ['starting', 'restoring'],
  destroy: ['stopping'],
  shutdown: ['stopping'],
  suspend: [],
  resume: [],
  reset: ['rebooting'],
  save: ['paused', 'saving'],
  migrate: ['migrating_out', 'migrated_away'],
  migrate_aborted: ['migrating_out', 'migrated_away'],
  kill: [],
  kill_unseen: [],
  hang: [],
  unhang: [],
  // Another guest under the UUID: where nobody looked in between it is told as it is, with its new incarnation.
  recreate: ['absent'],
  undefine: [],
  define: [],
  create: ['starting'],
};

/** The same on the other side of a migration. */
const waysThere: Partial<Record<DeedName, readonly string[]>> = {
  migrate: ['migrating_in'],
  migrate_aborted: ['migrating_in'],
};

/** A transient guest that ends is first down, then absent. */
function ending(deed: Deed, host: string): readonly string[] {
  if (deed.after[host] !== 'absent' || host !== deed.host) return [];
  if (deed.name === 'kill' || deed.name === 'kill_unseen') return ['failed'];
  return deed.name === 'destroy' || deed.name === 'shutdown' ? ['stopped'] : [];
}

function wayOn(deed: Deed, host: string): readonly string[] {
  const way = host === deed.host ? waysHere[deed.name] : host === deed.to ? (waysThere[deed.name] ?? []) : [];
  const restored = deed.name === 'start' && deed.before[host] !== 'suspended';
  return [...way.filter((state) => !(restored && state === 'restoring')), ...ending(deed, host)];
}

/** How long a reboot is shown; a guest that runs again within it is shown as rebooting again. */
const rebootHoldMs = 2_500;

export interface Timeline {
  readonly deeds: readonly Deed[];
  readonly troubles: readonly Trouble[];
  readonly patience: Patience;
}

/** The legs of one guest on one host; `deeds` are those of this guest. */
export function legsOnHost(timeline: Timeline, host: string): Leg[] {
  const troubles = merged(
    timeline.troubles.filter(({ hosts }) => hosts.includes(host)),
    timeline.patience.recoveryMs,
  );
  return legsOf(
    { ...timeline, troubles },
    {
      way: (deed) => wayOn(deed, host),
      landing: (deed) => deed.after[host] ?? 'absent',
      concerns: (deed) => host === deed.host || host === deed.to,
    },
  );
}

/** The legs of one guest as the fleet must tell them: `state@host`, and the bare `gone` and `unknown`. */
export function legsOfFleet(timeline: Timeline): Leg[] {
  const troubles = merged(timeline.troubles, timeline.patience.recoveryMs);
  return legsOf(
    { ...timeline, troubles },
    {
      way: (deed) => [
        ...fleetWay(deed, troubles, timeline.patience),
        ...oldWords(deed, timeline, troubles),
        ...earlyWords(deed, timeline, troubles),
      ],
      landing: (deed) => fleetState(deed.after),
      concerns: () => true,
    },
  );
}

/** What is true of the fleet when the guest is where `placement` says. */
export function fleetState(placement: Placement): string {
  const [host, state] = Object.entries(placement).find(([, state]) => state !== 'absent') ?? [];
  return host === undefined ? 'gone' : `${state}@${host}`;
}

function fleetWay(deed: Deed, troubles: readonly Trouble[], patience: Patience): string[] {
  const here = wayOn(deed, deed.host).filter((state) => state !== 'absent' && state !== 'migrated_away');
  const there = deed.to === undefined ? [] : wayOn(deed, deed.to).map((state) => `${state}@${deed.to}`);
  const way = [...here.map((state) => `${state}@${deed.host}`), ...there];
  // Rule 6 of resolve: what is absent is unknown until every host of the realm has confirmed.
  if (fleetState(deed.after) === 'gone') way.push('unknown');
  if (deed.name === 'recreate') way.push('unknown', 'gone');
  // Rule 5: its leaving was seen and its coming could not be, because its new host could not be asked just then.
  if (
    deed.name === 'migrate' &&
    troubleAt(troubles, deed.beganMs - patience.recoveryMs, deed.endedMs + patience.recoveryMs) !== undefined
  )
    way.push('unknown');
  return way;
}

/**
 * What a host still says that a guest left while it was in trouble, and that has not listed again since: an active word
 * of a host within its grace counts (rule 2), which is told where the guest then stops elsewhere.
 */
export function oldWords(deed: Deed, { deeds, patience }: Timeline, troubles: readonly Trouble[]): string[] {
  if (Object.values(deed.after).some((state) => activeWords.has(state))) return [];
  return deeds
    .filter((one) => one.name === 'migrate' && one.to === deed.host && one.endedMs <= deed.endedMs)
    .filter(({ host, endedMs }) => {
      const trouble = troubles.find((one) => one.hosts.includes(host) && one.untilMs + patience.recoveryMs >= endedMs);
      return (
        trouble !== undefined && trouble.fromMs <= endedMs && deed.beganMs <= trouble.untilMs + patience.recoveryMs
      );
    })
    .flatMap(({ host, before }) => [`${before[host]}@${host}`, `migrating_out@${host}`]);
}
/** The next host of a guest may tell of its coming before the last one, which was in trouble, tells that it was there. */
function earlyWords(deed: Deed, { deeds, patience: { recoveryMs } }: Timeline, troubles: readonly Trouble[]): string[] {
  const next = deeds[deeds.indexOf(deed) + 1];
  if (next?.to === undefined || troubleAt(troubles, deed.beganMs - recoveryMs, next.endedMs) === undefined) return [];
  return [`migrating_in@${next.to}`];
}

const activeWords = new Set(['running', 'paused', 'not_responding']);

interface Reading {
  readonly way: (deed: Deed) => readonly string[];
  readonly landing: (deed: Deed) => string;
  readonly concerns: (deed: Deed) => boolean;
}

function legsOf(timeline: Timeline, { way, landing, concerns }: Reading): Leg[] {
  const deeds = timeline.deeds.filter(concerns);
  return deeds.flatMap((deed, index) => {
    const next = deeds[index + 1];
    const states = way(deed);
    const heldAgain = rebootedBefore(deeds, index) && landing(deed).startsWith('running');
    const on = landing(deed).includes('@') ? `@${deed.host}` : '';
    const passed = heldAgain && deed.name !== 'reset' ? [...states, `rebooting${on}`] : states;
    const provedMs = provedAgainMs(deeds, index, timeline.patience);
    return [
      ...passed.map((state) => leg(timeline, { deed, next, provedMs, state, must: isMustOnTheWay(deed, state) })),
      leg(timeline, { deed, next, provedMs, state: landing(deed), must: true }),
    ];
  });
}

/** A reset is held for long enough to be told. */
function isMustOnTheWay(deed: Deed, state: string): boolean {
  return deed.name === 'reset' && !deed.refused && state.startsWith('rebooting');
}

/** Until when a QEMU that hung before may not have answered again. */
function provedAgainMs(deeds: readonly Deed[], index: number, { provedMs }: Patience): number {
  const unhang = deeds.slice(0, index + 1).findLast(({ name }) => name === 'unhang');
  return unhang === undefined ? Number.NEGATIVE_INFINITY : unhang.endedMs + provedMs;
}

function rebootedBefore(deeds: readonly Deed[], index: number): boolean {
  const { beganMs } = deeds[index] as Deed;
  return deeds.slice(0, index).some((deed) => deed.name === 'reset' && beganMs - deed.endedMs < rebootHoldMs);
}

function leg(
  { troubles, patience }: Timeline,
  of: {
    readonly deed: Deed;
    readonly next: Deed | undefined;
    readonly provedMs: number;
    readonly state: string;
    readonly must: boolean;
  },
): Leg {
  const { deed, next, provedMs, state, must } = of;
  const [word = ''] = state.split('@');
  const patienceMs =
    word === 'not_responding' ? patience.hangDueMs : word === 'gone' ? patience.goneDueMs : patience.dueMs;
  const hidden = troubleAt(troubles, deed.beganMs - patience.dueMs, deed.endedMs + patienceMs);
  const dueMs = Math.max(deed.endedMs, hidden?.untilMs ?? 0) + patienceMs;
  const leftMs = next?.beganMs ?? Number.POSITIVE_INFINITY;
  // What is told late because nobody could look may be told as long after, but not when it is long over.
  const overMs = must ? (next?.endedMs ?? Number.POSITIVE_INFINITY) : deed.endedMs;
  const over = troubleAt(troubles, deed.beganMs, overMs + patience.dueMs);
  const staleAfterMs =
    Math.max(overMs, over === undefined ? 0 : Math.min(over.untilMs, overMs + 30_000)) + patience.dueMs;
  const excuse = must ? excuseOf({ deed, leftMs, provedMs, word, patienceMs }, troubles, patience) : undefined;
  return {
    state,
    must,
    beganMs: deed.beganMs,
    endedMs: deed.endedMs,
    leftMs,
    staleAfterMs,
    dueMs,
    excuse,
    deed: deed.name,
  };
}

function excuseOf(
  of: {
    readonly deed: Deed;
    readonly leftMs: number;
    readonly provedMs: number;
    readonly word: string;
    readonly patienceMs: number;
  },
  troubles: readonly Trouble[],
  patience: Patience,
): Allowance | undefined {
  const { deed, leftMs, provedMs, word, patienceMs } = of;
  // A guest that was reset reads as running only after the hold.
  const sinceMs = deed.name === 'reset' && word === 'running' ? deed.endedMs + rebootHoldMs : deed.endedMs;
  if (word === 'not_responding' && watchedMs(deed.endedMs, leftMs, troubles) < patienceMs) return 'short_hang';
  if (leftMs < provedMs && activeWords.has(word)) return 'unproved';
  if (word === 'rebooting' && deed.endedMs + rebootHoldMs < provedMs) return 'unproved';
  if (word === 'gone' && leftMs - deed.endedMs < patience.confirmMs) return 'unconfirmed';
  if (isUnseenRecreation(deed, troubles, patience)) return 'same_guest';
  const hiddenBy = troubles.find(
    (trouble) => sinceMs >= trouble.fromMs - patience.coalescedMs && leftMs <= trouble.untilMs + patience.recoveryMs,
  );
  if (hiddenBy !== undefined) return 'unwatched';
  if (word === 'rebooting' && troubleAt(troubles, deed.beganMs - patience.recoveryMs, deed.endedMs) !== undefined)
    return 'unwatched';
  return leftMs - sinceMs < patience.coalescedMs ? 'coalesced' : undefined;
}

/** The longest time in one piece in which a host was in no trouble. */
function watchedMs(fromMs: number, untilMs: number, troubles: readonly Trouble[]): number {
  let [longestMs, sinceMs] = [0, fromMs];
  for (const trouble of troubles) {
    if (trouble.untilMs < fromMs || trouble.fromMs > untilMs) continue;
    longestMs = Math.max(longestMs, trouble.fromMs - sinceMs);
    sinceMs = trouble.untilMs;
  }
  return Math.max(longestMs, untilMs - sinceMs);
}

/**
 * Whether a guest was defined anew while nobody looked. libvirt then has no trace of it: the new one is off for no
 * reason, as is every domain after a restart of libvirtd, so that it is taken for the former one.
 */
export function isUnseenRecreation(deed: Deed, troubles: readonly Trouble[], { recoveryMs }: Patience): boolean {
  const near = troubles.some(
    ({ hosts, fromMs, untilMs }) =>
      hosts.includes(deed.host) && fromMs <= deed.endedMs + recoveryMs && untilMs >= deed.beganMs - recoveryMs,
  );
  return deed.name === 'recreate' && deed.refused === undefined && near;
}

function troubleAt(troubles: readonly Trouble[], fromMs: number, untilMs: number): Trouble | undefined {
  return troubles.findLast((trouble) => trouble.fromMs <= untilMs && trouble.untilMs >= fromMs);
}

/** Troubles that follow each other before the host is watched again are one. */
function merged(troubles: readonly Trouble[], recoveryMs: number): Trouble[] {
  const all: Trouble[] = [];
  for (const trouble of [...troubles].sort((a, b) => a.fromMs - b.fromMs)) {
    const last = all.at(-1);
    if (last === undefined || trouble.fromMs > last.untilMs + recoveryMs) all.push(trouble);
    else all[all.length - 1] = { ...last, untilMs: Math.max(last.untilMs, trouble.untilMs) };
  }
  return all;
}
