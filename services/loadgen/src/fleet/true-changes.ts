import type { VMState } from '@vedette/model';
import type { Fleet } from '@vedette/simulation';

/** A change of one VM's state on one host, as it really was; `absent`: the host has it no more. */
export interface TrueChange {
  readonly atMs: number;
  readonly state: VMState;
  /** When the next one followed; Infinity: not within what was looked at. */
  untilMs: number;
}

/** By VM: every change within the window, oldest first; VMs to which nothing happened are left out. */
export type HostChanges = ReadonlyMap<string, readonly TrueChange[]>;

/**
 * What happened on a host after `fromMs` and up to `toMs`, of the fleet's time: worked out from the fleet alone, so it
 * is what should have been told, whatever was. For fleets without a script.
 */
export function changesOn(fleet: Fleet, host: number, fromMs: number, toMs: number): HostChanges {
  const { vmsPerHost } = fleet.options;
  const changes = new Map<string, TrueChange[]>();
  const add = (vm: string, state: VMState | undefined, atMs: number): void => {
    const change: TrueChange = { atMs, state: state ?? 'absent', untilMs: Number.POSITIVE_INFINITY };
    const held = changes.get(vm);
    const last = held?.at(-1);
    if (last !== undefined) last.untilMs = atMs;
    if (held === undefined) changes.set(vm, [change]);
    else held.push(change);
  };
  for (let seat = 0; seat < vmsPerHost; seat++) walkSeat(fleet, host * vmsPerHost + seat, 'home', fromMs, toMs, add);
  const partner = fleet.options.churn.migrationsPerMinute === 0 ? undefined : fleet.topology.partnerOf(host);
  if (partner === undefined) return changes;
  for (let seat = 0; seat < vmsPerHost; seat++) walkSeat(fleet, partner * vmsPerHost + seat, 'away', fromMs, toMs, add);
  return changes;
}

function walkSeat(
  fleet: Fleet,
  seat: number,
  side: 'home' | 'away',
  fromMs: number,
  toMs: number,
  add: (vm: string, state: VMState | undefined, atMs: number) => void,
): void {
  const { seats } = fleet;
  const at = (tMs: number) => {
    const identity = seats.identity(seat, seats.generationAt(seat, tMs));
    return { identity, state: seats.view(identity, side, tMs)?.state };
  };
  let now = at(fromMs);
  for (let tMs = seats.nextChangeMs(now.identity, side, fromMs); tMs <= toMs; ) {
    const next = at(tMs);
    if (next.identity.vm !== now.identity.vm) {
      if (now.state !== undefined) add(now.identity.vm, undefined, tMs);
      if (next.state !== undefined) add(next.identity.vm, next.state, tMs);
    } else if (next.state !== now.state) add(next.identity.vm, next.state, tMs);
    now = next;
    tMs = seats.nextChangeMs(now.identity, side, tMs);
  }
}
