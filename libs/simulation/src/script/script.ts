import type { DetailEntry, FaultEntry, HostEntry, PresenceEntry, ScriptEntry } from './entries.ts';
import type { HostFault } from './faults.ts';
import { nextEntryMs, type VmEntries } from './overlay.ts';

const none: readonly never[] = [];

/**
 * What is to happen besides what the seed decides. Entries may be added at any time and in any order, also for
 * instants that have passed: what holds at an instant follows from all entries and that instant alone. Of entries
 * about the same thing at the same instant the one added last counts.
 */
export class FleetScript {
  /** By host, then by VM. */
  readonly #presence = new Map<string, Map<string, PresenceEntry[]>>();
  readonly #details = new Map<string, DetailEntry[]>();
  readonly #hosts = new Map<string, HostEntry[]>();
  readonly #listeners = new Set<() => void>();
  #entries = 0;

  /** Entries added so far; another number, another script. */
  get size(): number {
    return this.#entries;
  }

  /** @throws RangeError for an entry without a time or with one that ends before it begins */
  add(...entries: ReadonlyArray<ScriptEntry | readonly ScriptEntry[]>): void {
    const flat = entries.flat() as ScriptEntry[];
    for (const entry of flat) check(entry);
    for (const entry of flat) this.#add(entry);
    this.#entries += flat.length;
    for (const listener of this.#listeners) listener();
  }

  /** Calls `listener` after each {@link add}, until the returned function is called. */
  onAdd(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** VMs that the script has, or had, or will have on the host. */
  vmsOf(host: string): Iterable<string> {
    return this.#presence.get(host)?.keys() ?? none;
  }

  /** What concerns a VM on a host; undefined when nothing does. */
  entriesOf(host: string, vm: string): VmEntries | undefined {
    const presence = this.#presence.get(host)?.get(vm);
    const details = this.#details.get(vm);
    if (presence === undefined && details === undefined) return undefined;
    return { presence: presence ?? none, details: details ?? none };
  }

  /** The last begun fault of the host that holds at `tMs`, of those that `matches` accepts. */
  faultAt<F extends HostFault>(host: string, tMs: number, matches: (fault: HostFault) => fault is F): F | undefined {
    let held: F | undefined;
    for (const entry of this.#hosts.get(host) ?? none) {
      if (entry.atMs > tMs) break;
      if (entry.kind === 'recover') held = undefined;
      else if (entry.kind === 'fault' && tMs < endOf(entry) && matches(entry.fault)) held = entry.fault;
    }
    return held;
  }

  /** How often the host's agent has restarted by `tMs`. */
  restartsBy(host: string, tMs: number): number {
    return (this.#hosts.get(host) ?? none).filter(({ kind, atMs }) => kind === 'restart' && atMs <= tMs).length;
  }

  /** The first instant after `tMs` at which an entry about the host or one of its VMs begins or ends; Infinity: none. */
  nextChangeMs(host: string, tMs: number): number {
    let nextMs = Number.POSITIVE_INFINITY;
    for (const entry of this.#hosts.get(host) ?? none) {
      for (const atMs of [entry.atMs, endOf(entry)]) if (atMs > tMs) nextMs = Math.min(nextMs, atMs);
    }
    for (const presence of this.#presence.get(host)?.values() ?? none) {
      nextMs = Math.min(nextMs, nextEntryMs({ presence, details: none }, tMs));
    }
    for (const details of this.#details.values()) {
      nextMs = Math.min(nextMs, nextEntryMs({ presence: none, details }, tMs));
    }
    return nextMs;
  }

  #add(entry: ScriptEntry): void {
    switch (entry.kind) {
      case 'state':
      case 'absent':
      case 'release':
      case 'flap': {
        const ofHost = this.#presence.get(entry.host) ?? new Map<string, PresenceEntry[]>();
        this.#presence.set(entry.host, ofHost);
        insert(ofHost, entry.vm, entry);
        return;
      }
      case 'restart':
      case 'fault':
      case 'recover':
        insert(this.#hosts, entry.host, entry);
        return;
      default:
        insert(this.#details, entry.vm, entry);
    }
  }
}

function endOf(entry: HostEntry): number {
  return entry.kind === 'fault' ? ((entry satisfies FaultEntry).untilMs ?? Number.POSITIVE_INFINITY) : entry.atMs;
}

function check(entry: ScriptEntry): void {
  if (!Number.isFinite(entry.atMs)) throw new RangeError(`a script entry (${entry.kind}) has no time`);
  if ('untilMs' in entry && entry.untilMs !== undefined && !(entry.untilMs >= entry.atMs)) {
    throw new RangeError(`a script entry (${entry.kind}) ends at ${entry.untilMs}, before its beginning`);
  }
  if (entry.kind === 'flap' && !(entry.periodMs > 0)) throw new RangeError(`a flap needs a period above 0`);
}

/** Keeps each list in the order of its instants; of equal ones in the order of their coming. */
function insert<E extends ScriptEntry>(lists: Map<string, E[]>, key: string, entry: E): void {
  const list = lists.get(key);
  if (list === undefined) {
    lists.set(key, [entry]);
    return;
  }
  let at = list.length;
  while (at > 0 && (list[at - 1] as E).atMs > entry.atMs) at--;
  list.splice(at, 0, entry);
}
