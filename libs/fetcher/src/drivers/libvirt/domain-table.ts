import type { Domain, DomainStats } from '@vedette/libvirt';
import { isIdentifier } from '@vedette/model';
import { DomainEntry } from './domain-entry.ts';

/** Domains remembered after they were undefined; the oldest are forgotten beyond it, and their return is then no news. */
const departedMax = 10_000;
/** libvirt tells of a removal within milliseconds; on a machine that is out of breath it may come after a listing. */
const eventDelayMaxMs = 10_000;

/** What a listing brought. */
export interface Listed {
  readonly present: readonly DomainEntry[];
  readonly unreadable: readonly string[];
}

/**
 * The domains of one host.
 *
 * T1. A domain is another one under an old name (M8) when it was undefined while it was down here, and is defined again.
 *     libvirt says so by an event, or a complete listing lacks it in between. None of these is that: a definition that
 *     replaces one that is there (`virsh edit`), a snapshot reverted to, a saved domain restored, a transient domain
 *     started again after it vanished with its stop, a domain that left by migration and comes back, or one that comes
 *     from another host by migration.
 * T2. A listing says nothing about what was undefined after it was asked for.
 * T3. A removal that a listing has found is told by an event too, which may come late, even after a listing that has the
 *     domain again: it is not another one.
 * T4. What came and went while nobody listened and nobody listed has not happened: there is no trace of it in libvirt.
 */
export class DomainTable {
  readonly #entries = new Map<string, DomainEntry>();
  /** Undefined while down; the value is the monotonic time when that was learnt. */
  readonly #departed = new Map<string, number>();
  /** Removals found by a listing whose event has not come yet (T3), with the time of the listing. */
  readonly #untoldMs = new Map<string, number>();
  readonly #begin: (entry: DomainEntry) => void;

  /** @param begin called with every new entry */
  constructor(begin: (entry: DomainEntry) => void) {
    this.#begin = begin;
  }

  get(uuid: string): DomainEntry | undefined {
    return this.#entries.get(uuid);
  }

  values(): IterableIterator<DomainEntry> {
    return this.#entries.values();
  }

  /** Takes in a complete listing that was asked for at `askedMs`. */
  take(stats: readonly DomainStats[], askedMs: number, nowMs: number): Listed {
    const present: DomainEntry[] = [];
    const unreadable: string[] = [];
    const seen = new Set<string>();
    for (const { domain, params } of stats) {
      const { uuid } = domain;
      if (!isIdentifier(uuid) || (this.#departed.get(uuid) ?? Number.NEGATIVE_INFINITY) >= askedMs) continue; // T2
      seen.add(uuid);
      const state = params.get('state.state');
      const reason = params.get('state.reason');
      if (typeof state !== 'number' || typeof reason !== 'number') {
        unreadable.push(uuid);
        continue;
      }
      present.push(this.#read(domain, { askedMs, state, reason }));
    }
    for (const entry of this.#entries.values())
      if (!seen.has(entry.domain.uuid)) {
        this.#depart(entry, nowMs, entry.isDownHere);
        if (entry.isDownHere) keep(this.#untoldMs, entry.domain.uuid, nowMs);
      }
    return { present, unreadable };
  }

  /** libvirt said that the domain was undefined: of one that runs nothing follows, it becomes a transient one. */
  undefined(uuid: string, nowMs: number): void {
    const untoldMs = this.#untoldMs.get(uuid) ?? Number.NEGATIVE_INFINITY;
    this.#untoldMs.delete(uuid);
    const entry = this.#entries.get(uuid);
    if (nowMs - untoldMs < eventDelayMaxMs) return; // T3
    if (entry === undefined || (entry.isActive && !entry.stoppedByEvent)) return;
    this.#depart(entry, nowMs, entry.isDownHere || entry.stoppedByEvent);
  }

  /** libvirt said that the domain comes, or came, from another host: it is the one that was undefined here (T1). */
  arrived(uuid: string): void {
    this.#departed.delete(uuid);
    const entry = this.#entries.get(uuid);
    if (entry !== undefined) entry.returned = false;
  }

  #read(
    domain: Domain,
    reading: { readonly askedMs: number; readonly state: number; readonly reason: number },
  ): DomainEntry {
    const { askedMs, state, reason } = reading;
    const entry = this.#entries.get(domain.uuid) ?? this.#newEntry(domain);
    if (askedMs >= entry.stateAskedMs) entry.identify(domain); // else an event was looked into meanwhile
    entry.readAsked(askedMs, state, reason);
    return entry;
  }

  #newEntry(domain: Domain): DomainEntry {
    const entry = new DomainEntry(domain);
    this.#entries.set(domain.uuid, entry);
    this.#begin(entry);
    // T1: whether it arrived is decided when its row goes out; until then nobody may know.
    entry.returned = this.#departed.delete(domain.uuid);
    return entry;
  }

  /** @param wasDown whether its coming back would be another domain's (T1) */
  #depart(entry: DomainEntry, nowMs: number, wasDown: boolean): void {
    const { uuid } = entry.domain;
    this.#entries.delete(uuid);
    if (wasDown) keep(this.#departed, uuid, nowMs);
  }
}

function keep(times: Map<string, number>, uuid: string, nowMs: number): void {
  times.set(uuid, nowMs);
  for (const oldest of times.keys()) {
    if (times.size <= departedMax) break;
    times.delete(oldest);
  }
}
