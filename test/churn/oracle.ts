import type { FleetEvent, ObserverEvent } from '@vedette/model';
import type { AnyEvent, Deed, DeedName, Heard, Placement, Round, Trouble } from './history.ts';
import { type Explanation, explain, type Told } from './match.ts';
import { defaultPatience, fleetState, legsOfFleet, legsOnHost, oldWords, type Patience } from './paths.ts';

/**
 * Judges what was told in a round by what was done in it. It knows nothing of the driver, the monitor or the store:
 * only the deeds, what virsh said after each, and the events.
 *
 * O1. Of each guest, on each host and in the fleet, the states told are those of its deeds, in order, in time: none
 *     false, none missed (paths.ts, match.ts).
 * O2. No event comes twice, and none is left out: observers' seqs and VM versions have no gap. No event says nothing.
 * O3. A host that was away for less than its grace gives no event.
 * O4. Addresses go only with a guest that goes down or reboots; configurations change only where a deed changed them;
 *     nothing is ever wrong with a guest (conditions) unless a deed made it so.
 * O5. A migration is told as one, and a guest defined anew is another one (M8).
 */

export interface Fault {
  readonly kind: 'false' | 'missed' | 'late' | 'duplicate' | 'gap' | 'noise' | 'store';
  readonly atMs: number;
  readonly vm?: string;
  /** `fleet`, or the host whose observer said it. */
  readonly level: string;
  readonly what: string;
}

export interface Verdict {
  readonly faults: readonly Fault[];
  /** Comparisons that could have failed. */
  readonly checks: number;
  /** How often each allowance was used. */
  readonly allowed: ReadonlyMap<string, number>;
  readonly lags: ReadonlyArray<{ readonly deed: string; readonly level: string; readonly lagMs: number }>;
}

type Named<N extends string> = Extract<AnyEvent, { type: `vedette.${N}.v1` }>;
interface Timed<E> {
  readonly atMs: number;
  readonly event: E;
}

/** What is remembered from one round to the next: where each count of events stands. */
export interface Memory {
  readonly ids: Set<string>;
  readonly seqs: Map<string, number>;
  readonly versions: Map<string, number>;
  readonly incarnations: Map<string, number>;
  /** What each observer said last of each guest, where it has said anything. */
  readonly values: Map<string, { readonly state: string; readonly reason: string; readonly born: string | undefined }>;
}

export function newMemory(): Memory {
  return { ids: new Set(), seqs: new Map(), versions: new Map(), incarnations: new Map(), values: new Map() };
}

/** Judges one round. Rounds of one run are judged in order, with the same memory. */
export function judge(round: Round, memory: Memory, patience: Patience = defaultPatience): Verdict {
  const court = new Court(round, memory, patience);
  court.sit();
  return { faults: court.faults, checks: court.checks, allowed: court.allowed, lags: court.lags };
}

/** Deeds that may change a definition or what comes with it (process id, display). */
const reconfiguring = new Set<DeedName>([
  ...(['start', 'destroy', 'shutdown', 'save', 'migrate', 'migrate_aborted', 'kill', 'kill_unseen'] as const),
  ...(['recreate', 'undefine', 'define', 'create'] as const),
]);
/** Deeds after which a guest's addresses may go. One that is saved keeps them: it will come back with them (adr 0004). */
const silencing = new Set<DeedName>([
  ...(['destroy', 'shutdown', 'reset', 'kill', 'kill_unseen', 'start', 'create', 'recreate', 'undefine'] as const),
]);

class Court {
  readonly faults: Fault[] = [];
  readonly allowed = new Map<string, number>();
  readonly lags: Array<{ deed: string; level: string; lagMs: number }> = [];
  checks = 0;
  readonly #round: Round;
  readonly #memory: Memory;
  readonly #patience: Patience;

  constructor(round: Round, memory: Memory, patience: Patience) {
    this.#round = round;
    this.#memory = memory;
    this.#patience = patience;
  }

  sit(): void {
    const { before, hosts, heard } = this.#round;
    for (const one of heard) this.#once(one);
    for (const [vm, placement] of before) {
      for (const host of hosts) this.#statesOnHost(vm, host, placement);
      this.#statesOfFleet(vm, placement);
      this.#migrations(vm);
      this.#incarnation(vm, placement);
    }
    this.#hosts();
    this.#sections();
    this.#strangers();
  }

  #fault(fault: Fault): void {
    this.faults.push(fault);
  }

  #allow(name: string): void {
    this.allowed.set(name, (this.allowed.get(name) ?? 0) + 1);
  }

  #of<N extends string>(name: N, vm?: string): Array<Timed<Named<N>>> {
    return this.#round.heard.filter(
      ({ event }) =>
        event.type === `vedette.${name}.v1` && (vm === undefined || (event.data as { vm?: string }).vm === vm),
    ) as Array<Timed<Named<N>>>;
  }

  // ---- O1 ----------------------------------------------------------------------------------------------------

  #timeline(vm: string) {
    const { deeds, troubles } = this.#round;
    return { deeds: deeds.filter((deed) => deed.vm === vm), troubles, patience: this.#patience };
  }

  #statesOnHost(vm: string, host: string, placement: Placement): void {
    const told: Told[] = [];
    for (const { atMs, event } of this.#of('VMStateChanged', vm).filter((one) => one.event.data.host === host)) {
      const { to, passed, value } = event.data;
      const key = `${vm}@${host}`;
      const before = this.#memory.values.get(key);
      this.#memory.values.set(key, { state: to, reason: value.reason, born: JSON.stringify(value.born) });
      if (before?.state !== to || passed.length > 0)
        told.push(...[...passed, to].map((state) => ({ atMs, state: state as string, id: event.id })));
      else if (before.reason !== value.reason || before.born !== JSON.stringify(value.born)) this.#allow('same_state');
      else this.#fault({ kind: 'noise', atMs, vm, level: host, what: `${to} (${event.id}) is what was told before` });
    }
    this.#take(vm, host, explain(told, legsOnHost(this.#timeline(vm), host), placement[host] ?? 'absent'));
  }

  #statesOfFleet(vm: string, placement: Placement): void {
    const told: Told[] = [];
    let last = fleetState(placement);
    for (const { atMs, event } of this.#of('VMChanged', vm)) {
      const { state: word, host, vmVersion } = event.data;
      const state = word === 'gone' || word === 'unknown' ? word : `${word}@${host ?? '-'}`;
      // Addresses, configuration and the rest are told with the state as it is.
      if (state !== last) told.push({ atMs, state, id: `v${vmVersion}` });
      last = state;
    }
    this.#take(vm, 'fleet', explain(told, legsOfFleet(this.#timeline(vm)), fleetState(placement)));
  }

  #take(vm: string, level: string, { faults, excused, lagsMs }: Explanation): void {
    this.checks += faults.length + excused.length + lagsMs.length;
    for (const fault of faults) this.#fault({ ...fault, vm, level });
    for (const excuse of excused) this.#allow(excuse);
    for (const { leg, lagMs } of lagsMs) this.lags.push({ deed: leg.deed, level, lagMs });
  }

  // ---- O2 ----------------------------------------------------------------------------------------------------

  #once({ atMs, event }: Heard): void {
    const { ids, seqs, versions } = this.#memory;
    this.checks += 2;
    const level = event.type.includes('.VMChanged.') || event.type.includes('.HostChanged.') ? 'fleet' : 'observer';
    const { vm } = event.data as { vm?: string };
    const about = { atMs, level, ...(vm === undefined ? {} : { vm }) };
    if (ids.has(event.id)) {
      this.#fault({ kind: 'duplicate', ...about, what: `${event.type} ${event.id} came twice` });
      return;
    }
    ids.add(event.id);
    const [series, count, counts] = seriesOf(event, { seqs, versions });
    const before = counts.get(series);
    counts.set(series, count);
    if (count !== (before ?? 0) + 1)
      this.#fault({ kind: 'gap', ...about, what: `${event.id} follows number ${before ?? 0} of ${series}` });
    const empty = saysNothing(event);
    if (empty) this.#fault({ kind: 'noise', ...about, what: `${event.type} ${event.id} says that nothing changed` });
  }

  // ---- O3 ----------------------------------------------------------------------------------------------------

  #hosts(): void {
    this.checks += this.#round.troubles.length;
    for (const { atMs, event } of [...this.#of('HostStateChanged'), ...this.#of('HostChanged')]) {
      const { host, state, to, reason } = event.data as unknown as Record<string, string>;
      const what = `${event.type} of ${host}: ${to ?? state} (${reason})`;
      this.#fault({ kind: 'false', atMs, level: host ?? '', what });
    }
  }

  // ---- O4 ----------------------------------------------------------------------------------------------------

  #sections(): void {
    for (const { atMs, event } of this.#of('IPChanged')) {
      this.checks++;
      const kept = new Set(event.data.added.map(({ address }) => address));
      const lost = event.data.removed.filter(({ address }) => !kept.has(address));
      if (lost.length > 0 && !this.#follows(event, atMs, silencing))
        this.#section(event, atMs, `addresses removed: ${lost.map(({ address }) => address).join(' ')}`);
    }
    for (const { atMs, event } of this.#of('VMConfigChanged')) {
      this.checks++;
      if (!this.#follows(event, atMs, reconfiguring))
        this.#section(event, atMs, `configuration changed: ${event.data.sections.join(' ')}`);
    }
    for (const { atMs, event } of this.#of('VMConditionChanged')) {
      this.checks++;
      this.#section(
        event,
        atMs,
        `conditions raised: ${event.data.raised.join(' ')} cleared: ${event.data.cleared.join(' ')}`,
      );
    }
  }

  #section(event: ObserverEvent, atMs: number, what: string): void {
    const { vm, host } = event.data as { vm: string; host: string };
    this.#fault({ kind: 'noise', atMs, vm, level: host, what: `${event.id}: ${what}` });
  }

  /** Whether such a deed was done to the guest shortly before, or before a trouble that hid it. */
  #follows(event: ObserverEvent, atMs: number, names: ReadonlySet<DeedName>): boolean {
    const { vm } = event.data as { vm: string };
    return this.#round.deeds.some(
      (deed) => deed.vm === vm && names.has(deed.name) && atMs >= deed.beganMs && atMs <= this.#dueMs(deed),
    );
  }

  #dueMs({ beganMs, endedMs }: Deed): number {
    const { dueMs, recoveryMs } = this.#patience;
    let untilMs = endedMs;
    for (const trouble of [...this.#round.troubles].sort(byStart))
      if (trouble.fromMs <= untilMs + recoveryMs && trouble.untilMs >= beganMs)
        untilMs = Math.max(untilMs, trouble.untilMs);
    // A definition is read again at the poll after the event that said it may have changed.
    return untilMs + 2 * dueMs;
  }

  // ---- O5 ----------------------------------------------------------------------------------------------------

  #migrations(vm: string): void {
    const moves = this.#round.deeds.filter(
      ({ vm: of, name, host, to, after }) =>
        of === vm && name === 'migrate' && to !== undefined && after[to] !== 'absent' && after[host] === 'absent',
    );
    const told = this.#of('VMChanged', vm).filter(({ event }) => event.data.reason === 'migrated');
    this.checks += moves.length;
    const wanted = moves.filter(({ beganMs, endedMs }) => !this.#troubled(beganMs, endedMs));
    const timeline = this.#timeline(vm);
    const back = timeline.deeds.filter((deed) => oldWords(deed, timeline, timeline.troubles).length > 0);
    if (told.length > moves.length + back.length || told.length < wanted.length) {
      const what = `${told.length} migrations told, ${moves.length} made (${wanted.length} in sight)`;
      const atMs = told.at(-1)?.atMs ?? moves.at(-1)?.endedMs ?? 0;
      this.#fault({ kind: told.length > moves.length ? 'false' : 'missed', atMs, vm, level: 'fleet', what });
    }
    if (wanted.length < moves.length) this.#allow('unwatched');
  }

  #troubled(fromMs: number, untilMs: number): boolean {
    const { recoveryMs, dueMs } = this.#patience;
    return this.#round.troubles.some(
      (trouble) => trouble.fromMs - dueMs <= untilMs && trouble.untilMs + recoveryMs >= fromMs,
    );
  }

  #incarnation(vm: string, placement: Placement): void {
    const { incarnations } = this.#memory;
    const known = incarnations.get(vm) ?? 1; // of a VM that the store, new with the run, has just met
    for (const { event } of this.#of('VMChanged', vm)) incarnations.set(vm, event.data.incarnation);
    const last = incarnations.get(vm);
    if (last === undefined) return;
    this.checks++;
    const { least, most } = this.#births(vm, placement);
    if (last - known >= least && last - known <= most) return;
    const what = `${last - known} new incarnations told, ${least === most ? most : `${least} to ${most}`} made`;
    this.#fault({ kind: last - known > most ? 'false' : 'missed', atMs: this.#endMs(), vm, level: 'fleet', what });
  }

  /**
   * One for each time it was defined anew. It must be told where it was undefined and defined on the same host in sight,
   * or had been told to be gone; else it may have been moved by hand, or be the same transient guest again.
   */
  #births(vm: string, placement: Placement): { readonly least: number; readonly most: number } {
    let [least, most] = [0, 0];
    let before = placement;
    let left: Deed | undefined;
    for (const deed of this.#round.deeds.filter((one) => one.vm === vm)) {
      const isGone = fleetState(deed.after) === 'gone';
      const returned = fleetState(before) === 'gone' && !isGone;
      if (returned || (deed.name === 'recreate' && deed.refused === undefined)) {
        most++;
        const sinceMs = left?.beganMs ?? (returned ? Number.NEGATIVE_INFINITY : deed.beganMs);
        if (this.#mustBeAnew(vm, sinceMs, deed, left)) least++;
        else this.#allow('same_guest');
        if (returned) left = undefined;
      }
      if (isGone && fleetState(before) !== 'gone') left = deed;
      before = deed.after;
    }
    return { least, most };
  }

  /** @param left the deed by which it went; undefined: a former round's, or the same deed's */
  #mustBeAnew(vm: string, sinceMs: number, deed: Deed, left: Deed | undefined): boolean {
    if (sinceMs === Number.NEGATIVE_INFINITY) return true; // it was gone when the round began
    const toldGone = this.#of('VMChanged', vm).some(
      ({ atMs, event }) => event.data.state === 'gone' && atMs >= sinceMs && atMs <= deed.endedMs,
    );
    const sameHost = deed.name === 'recreate' || (left?.name === 'undefine' && left.host === deed.host);
    return toldGone || (sameHost && !this.#troubled(sinceMs, deed.endedMs));
  }

  #endMs(): number {
    return this.#round.heard.at(-1)?.atMs ?? 0;
  }

  /** What was told of a VM that is none of the guests. */
  #strangers(): void {
    for (const { atMs, event } of this.#round.heard) {
      const { vm } = event.data as { vm?: string };
      if (vm === undefined || this.#round.before.has(vm)) continue;
      this.#fault({ kind: 'false', atMs, vm, level: 'fleet', what: `${event.type} of a VM that does not exist` });
    }
  }
}

function byStart(a: Trouble, b: Trouble): number {
  return a.fromMs - b.fromMs;
}

/** The series that an event is counted in, and its number there. */
function seriesOf(
  event: AnyEvent,
  { seqs, versions }: { readonly seqs: Map<string, number>; readonly versions: Map<string, number> },
): [series: string, count: number, counts: Map<string, number>] {
  if (event.type === 'vedette.VMChanged.v1') return [`VM ${event.data.vm}`, event.data.vmVersion, versions];
  if (event.type === 'vedette.HostChanged.v1') return [`host ${event.data.host}`, event.data.hostVersion, versions];
  const { host, version } = event.data;
  return [`${host}, epoch ${version.epoch}`, version.seq, seqs];
}

function saysNothing(event: ObserverEvent | FleetEvent): boolean {
  switch (event.type) {
    case 'vedette.VMChanged.v1':
      return event.data.reason !== 'discovered' && Object.keys(event.data.previous).length === 0;
    case 'vedette.VMConditionChanged.v1':
      return event.data.raised.length === 0 && event.data.cleared.length === 0;
    default:
      return false;
  }
}
