import { isProviderObserver } from './identifiers.ts';
import type { Sighting } from './sightings.ts';
import { isActive, isMigrating, stateClass, type VMState } from './states.ts';
import { compareVersions, zeroVersion } from './versions.ts';

/**
 * The fleet's truth about one VM (I5): a pure function of what observers said and of what is known about them. No
 * clock: what orders sightings across hosts is the term, never a time. The rules are those of docs/contracts.md:
 *
 * R1. A provider decides only for a VM that no hypervisor ever had; else it is shown beside, and its complete listing
 *     without the VM says more where nobody else can (R5, R7).
 * R2. An observable active sighting wins. What arrives yields to others; what leaves yields to a higher term, the
 *     destination's: a lower one is of a host that has not told yet that the VM left it before. While all that are left
 *     migrate the source is shown; else the highest term.
 * R3. Two observable, active, non-migrating sightings that both outlived a mark cast after both are a split brain.
 * R4. Active only where nobody can look: unknown, unless a down sighting has a higher term.
 * R5. Else the highest term. Moved away with no destination seen: unknown until somebody says more.
 * R6. Absent: unknown until every watched host of the realm (and the provider) confirms; then down elsewhere, or gone;
 *     but moved (R5) where another host's leaving by migration may be later than the absence.
 * R7. What only a removed host said stays unknown.
 */

/** What the store knows about an observer when it resolves. */
export interface ObserverView {
  /** Owned, within its grace, without identity conflict, not removed. */
  readonly observable: boolean;
  readonly removed: boolean;
  readonly realm: string;
  /** The highest mark it echoed that counts. */
  readonly echoedMark: number;
}

export interface ResolveContext {
  /** Undefined: never heard of; treated as removed. */
  observer(id: string): ObserverView | undefined;
  /** Watched, not removed hosts of `realm` that have not echoed a mark above `mark`, sorted; asked for R6 only. */
  unanswered(realm: string, mark: number): readonly string[];
}

/** A decision about state; addresses, names and the rest are taken from `deciding` by {@link truthOf}. */
export interface Resolution {
  readonly state: VMState;
  readonly lastState: VMState | undefined;
  readonly detail: string;
  /** The sighting that decides; undefined when there is none at all. */
  readonly deciding: Sighting | undefined;
  readonly conflict: readonly string[];
  /** Observers whose answer is waited for; the sweeper casts marks while there are any, or `contested` holds. */
  readonly waitingFor: readonly string[];
  /** Two active sightings that no mark has confirmed yet. */
  readonly contested: boolean;
}

const nobody: readonly string[] = [];

/** Decides what is true of a VM. `sightings` may be in any order; those without a state register are ignored. */
export function resolve(sightings: readonly Sighting[], context: ResolveContext): Resolution {
  const seen = sightings.filter((sighting) => sighting.registers.state !== undefined).sort(byTerm);
  const hypervisors = seen.filter((sighting) => !isProviderObserver(sighting.observer));
  const providers = seen.filter((sighting) => isProviderObserver(sighting.observer));
  if (hypervisors.length === 0) return resolveByProvider(providers, context);
  const known = { hypervisors, providers, context };
  return resolveActive(known) ?? resolveHiddenActive(known) ?? resolveInactive(known);
}

/** Everything there is to decide by; both lists by falling term. */
interface Known {
  readonly hypervisors: readonly Sighting[];
  readonly providers: readonly Sighting[];
  readonly context: ResolveContext;
}

/** Highest term first; of equal ones the smallest observer id. */
function byTerm(a: Sighting, b: Sighting): number {
  return b.term - a.term || (a.observer < b.observer ? -1 : a.observer > b.observer ? 1 : 0);
}

function stateOf(sighting: Sighting): VMState {
  return sighting.registers.state?.value.state ?? 'unknown';
}

function isDown(sighting: Sighting): boolean {
  return stateClass(stateOf(sighting)) === 'down';
}

function hasLeft(sighting: Sighting): boolean {
  return stateClass(stateOf(sighting)) === 'left';
}

/** The last state in which the observer saw the VM present. */
function lastPresentOf(sighting: Sighting): VMState | undefined {
  return hasLeft(sighting) ? sighting.registers.state?.value.lastPresent : stateOf(sighting);
}

function settled(sighting: Sighting, over: Partial<Resolution> = {}): Resolution {
  return {
    state: stateOf(sighting),
    lastState: undefined,
    detail: sighting.registers.state?.value.reason ?? '',
    deciding: sighting,
    conflict: nobody,
    waitingFor: nobody,
    contested: false,
    ...over,
  };
}

function unknown(deciding: Sighting | undefined, lastState: VMState | undefined, detail: string): Resolution {
  return {
    state: 'unknown',
    lastState,
    detail,
    deciding,
    conflict: nobody,
    waitingFor: nobody,
    contested: false,
  };
}

function observable(sighting: Sighting, context: ResolveContext): boolean {
  return context.observer(sighting.observer)?.observable === true;
}

function removed(sighting: Sighting, context: ResolveContext): boolean {
  return context.observer(sighting.observer)?.removed !== false;
}

/** R2, R3 */
function resolveActive({ hypervisors, context }: Known): Resolution | undefined {
  const active = hypervisors.filter((sighting) => isActive(stateOf(sighting)) && observable(sighting, context));
  const leaving = active.find((sighting) => stateOf(sighting) === 'migrating_out');
  const settledOnes = active.filter((sighting) => !isMigrating(stateOf(sighting)) && isLater(sighting, leaving));
  const first = settledOnes[0];
  if (first === undefined) {
    const shown = leaving ?? active[0];
    return shown === undefined ? undefined : settled(shown);
  }
  return settled(first, settledOnes.length === 1 ? {} : splitBrain(settledOnes, context));
}

function isLater(sighting: Sighting, leaving: Sighting | undefined): boolean {
  return leaving === undefined || sighting.term > leaving.term || isUnordered(sighting);
}

/** R3: confirmed pair by pair, so that a third sighting takes nothing back of what two others have proved. */
function splitBrain(active: readonly Sighting[], context: ResolveContext): Partial<Resolution> {
  const echoed = (sighting: Sighting): number => context.observer(sighting.observer)?.echoedMark ?? 0;
  const outlived = (a: Sighting, b: Sighting): boolean =>
    Math.min(echoed(a), echoed(b)) > Math.max(a.committedMark, b.committedMark);
  const conflict = active
    .filter((sighting) => active.some((other) => other !== sighting && outlived(sighting, other)))
    .map((sighting) => sighting.observer)
    .sort();
  const contested = active.some((sighting, index) =>
    active.slice(index + 1).some((other) => !outlived(sighting, other)),
  );
  if (conflict.length === 0) return { contested };
  return { conflict, contested, detail: `split_brain: active on ${conflict.join(', ')}` };
}

/** R4, R7 */
function resolveHiddenActive(known: Known): Resolution | undefined {
  const hidden = known.hypervisors.find((sighting) => isActive(stateOf(sighting)));
  if (hidden === undefined) return undefined;
  const down = known.hypervisors.find(isDown);
  if (down !== undefined && down.term > hidden.term) return undefined;
  return removed(hidden, known.context) ? resolveRemoved(hidden, known) : unobservable(hidden);
}

/** R5, R6, R7 */
function resolveInactive(known: Known): Resolution {
  // A hidden active sighting that a down one outranks (R4) decides nothing any more.
  const deciding = known.hypervisors.find((sighting) => !isActive(stateOf(sighting))) as Sighting;
  if (isDown(deciding) || removed(deciding, known.context)) return resolveDown(deciding, known);
  return hasMoved(deciding) ? resolveMoved(deciding, known) : resolveAbsent(deciding, known);
}

function hasMoved(sighting: Sighting): boolean {
  const state = stateOf(sighting);
  return state === 'migrated_away' || (state === 'absent' && lastPresentOf(sighting) === 'migrating_out');
}

/** R5 */
function resolveMoved(deciding: Sighting, known: Known): Resolution {
  const lastState = lastPresentOf(deciding);
  return deleted(deciding, known) ?? unknown(deciding, lastState, 'moved: the destination has not been seen');
}

/** Seen active once, but nobody knows when among the others (its activation was held): it may be the latest of all. */
function isUnordered({ term, activation }: Sighting): boolean {
  return term === 0 && compareVersions(activation, zeroVersion) > 0;
}

function resolveDown(deciding: Sighting, known: Known): Resolution {
  return removed(deciding, known.context) ? resolveRemoved(deciding, known) : asObserved(deciding, known.context);
}

/** The state seen, or unknown with it where the observer cannot be asked. */
function asObserved(deciding: Sighting, context: ResolveContext): Resolution {
  return observable(deciding, context) ? settled(deciding) : unobservable(deciding);
}

function unobservable(deciding: Sighting): Resolution {
  return unknown(deciding, stateOf(deciding), `unobservable: ${deciding.observer} cannot be asked`);
}

/** R7 */
function resolveRemoved(deciding: Sighting, known: Known): Resolution {
  const detail = `removed: ${deciding.observer} was removed`;
  return deleted(deciding, known) ?? unknown(deciding, lastPresentOf(deciding), detail);
}

/**
 * R1: no provider of the VM lists it any more, where it has one, and no other host has it. What a provider's sighting
 * says to have left was missing in a complete, unfiltered listing.
 */
function deleted(deciding: Sighting, { hypervisors, providers, context }: Known): Resolution | undefined {
  const asked = providers.filter((sighting) => !removed(sighting, context));
  const elsewhere = hypervisors.some((sighting) => sighting !== deciding && !hasLeft(sighting));
  if (asked.length === 0 || elsewhere || !asked.every(hasLeft)) return undefined;
  const detail = 'deleted: no provider lists it any more';
  return settled(deciding, { state: 'gone', lastState: lastPresentOf(deciding), detail });
}

/** The mark that an echo must be above to say that all these sightings still stand. */
export function lastCommittedMark(sightings: readonly Sighting[]): number {
  return sightings.reduce((mark, { committedMark }) => Math.max(mark, committedMark), 0);
}

/**
 * The mark that an answer must be above to confirm an absence: not only the deciding one counts, which may be old, but
 * also what another host said since (it may just have let go of the VM). A host that has it down has let go of nothing,
 * so that a VM defined where everybody knows it to be gone needs no new confirmation.
 */
export function absenceMark(sightings: readonly Sighting[]): number {
  return lastCommittedMark(sightings.filter((sighting) => !isDown(sighting)));
}

/** R6 */
function resolveAbsent(deciding: Sighting, known: Known): Resolution {
  const { hypervisors, providers, context } = known;
  const realm = context.observer(deciding.observer)?.realm ?? '';
  const listing = providers.filter((sighting) => !hasLeft(sighting) && !removed(sighting, context));
  const waitingFor = [
    ...context.unanswered(realm, absenceMark(hypervisors)),
    ...listing.map((sighting) => sighting.observer),
  ];
  const lastState = lastPresentOf(deciding);
  if (waitingFor.length > 0) {
    return { ...unknown(deciding, lastState, absentDetail(waitingFor)), waitingFor };
  }
  const moved = hypervisors.find((sighting) => hasMoved(sighting) && isUnordered(sighting));
  if (moved !== undefined) return resolveMoved(moved, known);
  const down = hypervisors.find(isDown);
  if (down !== undefined) return resolveDown(down, known);
  return settled(deciding, { state: 'gone', lastState, detail: 'absent: every host of the realm confirms' });
}

/** Names at most three hosts: with thousands outstanding the sentence must stay one. */
function absentDetail(waitingFor: readonly string[]): string {
  const named = waitingFor.slice(0, 3).join(', ');
  const more = waitingFor.length > 3 ? ` and ${waitingFor.length - 3} more` : '';
  return `absent: waiting for ${named}${more}`;
}

/** R1: of several providers one that lists the VM, before one that was removed. */
function resolveByProvider(providers: readonly Sighting[], context: ResolveContext): Resolution {
  const asked = providers.filter((sighting) => !removed(sighting, context));
  const deciding = asked.find((sighting) => !hasLeft(sighting)) ?? asked[0] ?? providers[0];
  if (deciding === undefined) return unknown(undefined, undefined, 'unseen: no observer has reported it');
  if (asked.length === 0) return resolveRemoved(deciding, { hypervisors: [], providers, context });
  return hasLeft(deciding)
    ? settled(deciding, { state: 'gone', lastState: lastPresentOf(deciding) })
    : asObserved(deciding, context);
}
