import type { Sighting, VMState } from '../../src/index.ts';
import type { World } from './fleet.ts';

/**
 * The rules of docs/contracts.md, "resolve", written down a second time as a reader would apply them by hand: lists,
 * no sharing of code with the implementation, no thought of speed. The two are held equal by a property.
 */

export interface NaiveVerdict {
  readonly state: VMState;
  readonly lastState: VMState | undefined;
  readonly deciding: string | undefined;
  readonly conflict: readonly string[];
  /** The first word of the detail wherever the rule gives one. */
  readonly why: string;
  readonly waitingFor: readonly string[];
}

const active: readonly VMState[] = [
  'starting',
  'running',
  'paused',
  'paused_error',
  'pm_suspended',
  'saving',
  'restoring',
  'migrating_in',
  'migrating_out',
  'rebooting',
  'stopping',
  'not_responding',
  'unknown',
];
const down: readonly VMState[] = ['stopped', 'suspended', 'failed'];
const migrating: readonly VMState[] = ['migrating_in', 'migrating_out'];

interface Seen {
  readonly who: string;
  readonly state: VMState;
  readonly lastPresent: VMState | undefined;
  readonly term: number;
  readonly mark: number;
  readonly observable: boolean;
  readonly removed: boolean;
  readonly realm: string;
  readonly echoed: number;
}

export function naiveResolve(sightings: readonly Sighting[], world: World): NaiveVerdict {
  const seen = sightings.flatMap((sighting): Seen[] => {
    const value = sighting.registers.state?.value;
    if (value === undefined) return [];
    const host = world[sighting.observer];
    return [
      {
        who: sighting.observer,
        state: value.state,
        lastPresent: value.lastPresent,
        term: sighting.term,
        mark: sighting.committedMark,
        observable: host?.observable ?? false,
        removed: host?.removed ?? true,
        realm: host?.realm ?? '',
        echoed: host?.echoedMark ?? 0,
      },
    ];
  });
  const hosts = seen.filter(({ who }) => !who.startsWith('@'));
  const providers = seen.filter(({ who }) => who.startsWith('@'));
  return hosts.length > 0 ? byHosts(hosts, providers, world) : byProviders(providers);
}

/** "The highest term; ties: smallest observer id." */
function highest(list: readonly Seen[]): Seen | undefined {
  const term = Math.max(...list.map((one) => one.term));
  const names = list.filter((one) => one.term === term).map(({ who }) => who);
  return list.find(({ who }) => who === names.sort()[0]);
}

function byHosts(hosts: readonly Seen[], providers: readonly Seen[], world: World): NaiveVerdict {
  // 2. An observable active sighting wins.
  const up = hosts.filter(({ state, observable }) => active.includes(state) && observable);
  const leaving = highest(up.filter(({ state }) => state === 'migrating_out'));
  // What arrives yields to others, what leaves to a higher term, or one that nobody knows; else the highest term.
  const settled = up.filter(
    ({ state, term }) => !migrating.includes(state) && (leaving === undefined || term > leaving.term || term === 0),
  );
  const first = highest(settled);
  if (first !== undefined) return shown(first, splitBrain(settled));
  // While all migrate the source is shown; else the highest term.
  const moving = leaving ?? highest(up);
  if (moving !== undefined) return shown(moving);

  // 4. No such sighting, but an active one on an unobservable host: unknown with that last state, unless a Down
  //    sighting has a higher term. (7. Where that host was removed, its provider's listing says more.)
  const hidden = highest(hosts.filter(({ state }) => active.includes(state)));
  const highestDown = highest(hosts.filter(({ state }) => down.includes(state)));
  if (hidden !== undefined && !(highestDown !== undefined && highestDown.term > hidden.term)) {
    return hidden.removed ? ofRemoved(hidden, hosts, providers) : unknown(hidden, hidden.state, 'unobservable');
  }

  // 5. Else the sighting of the highest term.
  const deciding = highest(hosts) as Seen;
  // 7. Decided by a sighting of a removed host.
  if (deciding.removed) return ofRemoved(deciding, hosts, providers);
  if (down.includes(deciding.state)) return ofDown(deciding);
  if (deciding.state === 'migrated_away' || deciding.lastPresent === 'migrating_out') {
    return ofDeleted(deciding, hosts, providers) ?? unknown(deciding, deciding.lastPresent, 'moved');
  }
  return ofAbsent(deciding, hosts, providers, world);
}

/** 3. Two that still stand after both hosts echoed a mark cast after both were committed. */
function splitBrain(up: readonly Seen[]): string[] {
  const standing = up.filter(({ state }) => !migrating.includes(state));
  const guilty = new Set<string>();
  for (const a of standing) {
    for (const b of standing) {
      const committed = Math.max(a.mark, b.mark);
      if (a !== b && a.echoed > committed && b.echoed > committed) guilty.add(a.who).add(b.who);
    }
  }
  return [...guilty].sort();
}

function ofDown(deciding: Seen): NaiveVerdict {
  return deciding.observable ? shown(deciding) : unknown(deciding, deciding.state, 'unobservable');
}

/** 7. Unknown until another sighting, its provider's listing, or a person. */
function ofRemoved(deciding: Seen, hosts: readonly Seen[], providers: readonly Seen[]): NaiveVerdict {
  const last = present(deciding.state) ? deciding.state : deciding.lastPresent;
  return ofDeleted(deciding, hosts, providers) ?? unknown(deciding, last, 'removed');
}

/** "Its provider says more": the VM is in the listing of none of those it has, and no other host still has it. */
function ofDeleted(deciding: Seen, hosts: readonly Seen[], providers: readonly Seen[]): NaiveVerdict | undefined {
  const asked = providers.filter(({ removed }) => !removed);
  if (hosts.some((other) => other.who !== deciding.who && present(other.state))) return undefined;
  if (asked.length === 0 || asked.some(({ state }) => present(state))) return undefined;
  const last = present(deciding.state) ? deciding.state : deciding.lastPresent;
  return gone(deciding, last);
}

/** 6. */
function ofAbsent(deciding: Seen, hosts: readonly Seen[], providers: readonly Seen[], world: World): NaiveVerdict {
  const silent = Object.entries(world)
    .filter(([who, host]) => !who.startsWith('@') && !host.removed && host.realm === deciding.realm)
    // The latest word of any host counts that may just have let go of the VM; one that has it down has not.
    .filter(([, host]) => hosts.some(({ mark, state }) => !down.includes(state) && host.echoedMark <= mark))
    .map(([who]) => who);
  const unconfirmed = providers.filter(({ state, removed }) => present(state) && !removed).map(({ who }) => who);
  const waitingFor = [...silent, ...unconfirmed];
  if (waitingFor.length > 0) return { ...unknown(deciding, deciding.lastPresent, 'absent'), waitingFor };
  // A leaving by migration whose term is 0 (held; every sighting here was active once) may be later than the absence.
  const left = ({ state, lastPresent }: Seen) =>
    state === 'migrated_away' || (state === 'absent' && lastPresent === 'migrating_out');
  const moved = highest(hosts.filter((one) => left(one) && one.term === 0));
  if (moved !== undefined) return ofDeleted(moved, hosts, providers) ?? unknown(moved, moved.lastPresent, 'moved');
  const elsewhere = highest(hosts.filter(({ state }) => down.includes(state)));
  if (elsewhere === undefined) return gone(deciding, deciding.lastPresent);
  return elsewhere.removed ? ofRemoved(elsewhere, hosts, providers) : ofDown(elsewhere);
}

/** 1. A VM no hypervisor ever had; its provider's complete unfiltered listing also decides gone. */
function byProviders(providers: readonly Seen[]): NaiveVerdict {
  const asked = providers.filter(({ removed }) => !removed);
  const listing = highest(asked.filter(({ state }) => present(state)));
  if (listing !== undefined) return ofDown(listing);
  const former = highest(asked);
  if (former !== undefined) return gone(former, former.lastPresent);
  const removed = highest(providers);
  if (removed !== undefined) return ofRemoved(removed, [], providers);
  return { state: 'unknown', lastState: undefined, deciding: undefined, conflict: [], why: 'unseen', waitingFor: [] };
}

function present(state: VMState): boolean {
  return active.includes(state) || down.includes(state);
}

function shown({ state, who }: Seen, conflict: readonly string[] = []): NaiveVerdict {
  const why = conflict.length > 0 ? 'split_brain' : '';
  return { state, lastState: undefined, deciding: who, conflict, why, waitingFor: [] };
}

function unknown({ who }: Seen, lastState: VMState | undefined, why: string): NaiveVerdict {
  return { state: 'unknown', lastState, deciding: who, conflict: [], why, waitingFor: [] };
}

function gone({ who }: Seen, lastState: VMState | undefined): NaiveVerdict {
  return { state: 'gone', lastState, deciding: who, conflict: [], why: '', waitingFor: [] };
}
