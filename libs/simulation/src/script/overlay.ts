import { isActive, type VMState } from '@vedette/model';
import { type DetailPatch, rawOf, reasonOf, type SectionPatch, type VmView } from '../view.ts';
import type { DetailEntry, FlapEntry, PresenceEntry, StateEntry } from './entries.ts';

/** The entries about one VM that may concern one host, each list in the order of its instants. */
export interface VmEntries {
  readonly presence: readonly PresenceEntry[];
  readonly details: readonly DetailEntry[];
}

/**
 * A VM on one host as the script has it at `tMs`: the view by seed, with what the entries up to then put in its place.
 *
 * @param own the view by seed; undefined where the seed does not have it on this host
 * @param blank the VM's identity and details without a state, for one that only the script has here
 */
export function overlaid(
  own: VmView | undefined,
  blank: () => VmView,
  entries: VmEntries,
  host: string,
  tMs: number,
): VmView | undefined {
  let view = own;
  for (const entry of entries.presence) {
    if (entry.atMs > tMs) break;
    view = entry.kind === 'release' ? own : presenceBy(entry, view, blank, tMs);
  }
  if (view === undefined) return undefined;
  const patch = patchBy(entries.details, host, tMs);
  return patch === undefined ? view : { ...view, patch };
}

/** When the script next changes what {@link overlaid} gives, after `tMs`; Infinity: never. */
export function nextEntryMs(entries: VmEntries, tMs: number): number {
  let nextMs = Number.POSITIVE_INFINITY;
  for (const entry of entries.presence) {
    const atMs = entry.kind === 'flap' ? nextFlipMs(entry, tMs) : entry.atMs;
    if (atMs > tMs) nextMs = Math.min(nextMs, atMs);
  }
  for (const { atMs } of entries.details) if (atMs > tMs) nextMs = Math.min(nextMs, atMs);
  return nextMs;
}

function presenceBy(
  entry: Exclude<PresenceEntry, { kind: 'release' }>,
  before: VmView | undefined,
  blank: () => VmView,
  tMs: number,
): VmView | undefined {
  if (entry.kind === 'absent') return undefined;
  const base = before ?? blank();
  const { state, sinceMs } = entry.kind === 'flap' ? flapAt(entry, tMs) : { state: entry.state, sinceMs: entry.atMs };
  const startedAtMs = isActive(state) ? (base.startedAtMs ?? sinceMs) : undefined;
  return { ...base, state, startedAtMs, ...wordsOf(entry, state) };
}

function wordsOf(entry: StateEntry | FlapEntry, state: VMState): Pick<VmView, 'reason' | 'raw'> {
  if (entry.kind === 'flap') return { reason: reasonOf(state), raw: rawOf(state) };
  const { reason = entry.raw?.reason ?? reasonOf(state) } = entry;
  return { reason, raw: entry.raw ?? { state, reason } };
}

function flapAt(entry: FlapEntry, tMs: number): { readonly state: VMState; readonly sinceMs: number } {
  const { states, atMs, periodMs } = entry;
  if (tMs >= entry.untilMs) return { state: states[0], sinceMs: entry.untilMs };
  const turn = Math.floor((tMs - atMs) / periodMs);
  return { state: states[turn % states.length] ?? states[0], sinceMs: atMs + turn * periodMs };
}

function nextFlipMs(entry: FlapEntry, tMs: number): number {
  const { atMs, periodMs, untilMs } = entry;
  if (tMs < atMs) return atMs;
  return Math.min(untilMs, atMs + (Math.floor((tMs - atMs) / periodMs) + 1) * periodMs);
}

function patchBy(entries: readonly DetailEntry[], host: string, tMs: number): DetailPatch | undefined {
  let patch: DetailPatch | undefined;
  for (const entry of entries) {
    if (entry.atMs > tMs) break;
    if (entry.host !== undefined && entry.host !== host) continue;
    patch = { ...patch, ...detailBy(entry, patch), version: (patch?.version ?? 0) + 1 };
  }
  return patch;
}

function detailBy(entry: DetailEntry, before: DetailPatch | undefined): Partial<DetailPatch> {
  switch (entry.kind) {
    case 'name':
      return { name: entry.name };
    case 'addresses':
      return { addresses: entry.addresses };
    case 'conditions':
      return { conditions: entry.conditions };
    case 'recreate':
      return { recreations: (before?.recreations ?? 0) + 1 };
    case 'section': {
      const held = before?.sections?.[entry.section];
      const section: SectionPatch = { observed: entry.observed, members: { ...held?.members, ...entry.members } };
      return { sections: { ...before?.sections, [entry.section]: section } };
    }
  }
}
