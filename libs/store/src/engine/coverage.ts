import type { HostCoverage } from '@vedette/model';
import type { CoverageChange, WatchedHost } from './engine.ts';
import type { CoverageRecord } from './records.ts';

/** How often what a member proved is kept: enough for the ages that are shown after a restart. */
const recordEveryMs = 5_000;

interface HostProof {
  removed: boolean;
  /** The member that named it; undefined: whoever runs its observer speaks for it. */
  member: string | undefined;
  /** As the engine was last told; `unjudged` since the store was opened, or since the engine could not be told. */
  status: 'unjudged' | 'covered' | 'silent';
  /** Monotonic ms of the last coverage that spoke for it, or of what came later of registration and opening. */
  coveredMs: number;
  /** Monotonic ms of the last proof; may lie before the store was opened. */
  provedMs: number | undefined;
}

/**
 * Who is watched, and how old what is known is (I12). Lives in front of the engine, in memory, on the monotonic clock
 * of the store's process.
 *
 * C1. A coverage speaks for the hosts that it names, and for every host whose observer was opened since the store was
 *     and not closed, unless another member has named that one.
 * C2. Judging starts anew when the store is opened, a host is registered or its observer is opened: whoever is then
 *     not heard of for the failure time is unwatched. A removed host never is.
 * C3. Proof that one run of a member has not given yet does not wipe what an earlier run gave.
 */
export class CoverageBook {
  readonly #hosts = new Map<string, HostProof>();
  /** Observers opened since the store was, and not closed. */
  readonly #open = new Set<string>();
  readonly #recordedMs = new Map<string, number>();

  /** @param nowMs monotonic, @param wallMs wall clock, both of this moment */
  constructor(hosts: readonly WatchedHost[], coverages: readonly CoverageRecord[], nowMs: number, wallMs: number) {
    const ages = new RecordedAges(coverages, wallMs);
    for (const { id, removed, member } of hosts) {
      const ageMs = ages.of(id, member);
      this.#hosts.set(id, { ...newProof(nowMs), removed, provedMs: ageMs === null ? undefined : nowMs - ageMs });
    }
  }

  registered(ids: readonly string[], nowMs: number): void {
    for (const id of ids) {
      const host = this.#hosts.get(id);
      if (host === undefined) this.#hosts.set(id, newProof(nowMs));
      else if (host.removed) Object.assign(host, { removed: false, status: 'unjudged', coveredMs: nowMs });
    }
  }

  removed(ids: readonly string[]): void {
    for (const id of ids) {
      const host = this.#hosts.get(id);
      if (host !== undefined) host.removed = true;
    }
  }

  opened(id: string, nowMs: number): void {
    this.#open.add(id);
    const host = this.#hosts.get(id);
    if (host !== undefined) Object.assign(host, { member: undefined, coveredMs: Math.max(host.coveredMs, nowMs) });
  }

  closed(id: string): void {
    this.#open.delete(id);
  }

  /** Takes in what a member proves; what the engine has to write of it. */
  heard(data: HostCoverage['data'], nowMs: number, wallMs: number): CoverageChange {
    const { member, provedAgoMs, marks } = data;
    const exceptions = new Map(Object.entries(data.exceptions));
    const named = new Set([...exceptions.keys(), ...marks.map((mark) => mark.host)]);
    const watched: string[] = [];
    const ages: Array<[string, number | null]> = [];
    for (const [id, host] of this.#hosts) {
      const names = named.has(id);
      const runs = this.#open.has(id) && (host.member === undefined || host.member === member);
      if (host.removed || !(names || runs)) continue;
      const agoMs = exceptions.has(id) ? exceptions.get(id) : provedAgoMs;
      if (typeof agoMs === 'number') host.provedMs = nowMs - agoMs; // C3: null leaves it as it is
      if (exceptions.has(id)) ages.push([id, this.ageMs(id, nowMs)]);
      if (host.status !== 'covered' || (names && host.member !== member)) watched.push(id);
      if (names) host.member = member;
      host.status = 'covered';
      host.coveredMs = nowMs;
    }
    const due = watched.length > 0 || nowMs - (this.#recordedMs.get(member) ?? -Infinity) >= recordEveryMs;
    if (due) this.#recordedMs.set(member, nowMs);
    return { member, marks, watched, record: due ? { member, wallMs, provedAgoMs, exceptions: ages } : undefined };
  }

  /** Hosts that nobody has spoken for within `failureMs` and that were not named here since. */
  silent(failureMs: number, nowMs: number): readonly string[] {
    const silent: string[] = [];
    for (const [id, host] of this.#hosts) {
      if (host.removed || host.status === 'silent' || nowMs - host.coveredMs <= failureMs) continue;
      silent.push(id);
      host.status = 'silent';
    }
    return silent;
  }

  /** The engine could not be told: everything is judged, and told, again. */
  untold(): void {
    for (const host of this.#hosts.values()) host.status = 'unjudged';
  }

  /** Milliseconds since the last proof; null where there has been none. */
  ageMs(id: string | undefined, nowMs: number): number | null {
    const provedMs = id === undefined ? undefined : this.#hosts.get(id)?.provedMs;
    return provedMs === undefined ? null : Math.max(0, nowMs - provedMs);
  }
}

function newProof(nowMs: number): HostProof {
  return { removed: false, member: undefined, status: 'unjudged', coveredMs: nowMs, provedMs: undefined };
}

/** Ages by what members last had kept, by wall clock: all there is after a restart, and for an offline reader. */
export class RecordedAges {
  readonly #members: ReadonlyMap<
    string,
    { readonly sharedMs: number; readonly hosts: ReadonlyMap<string, number | null> }
  >;

  constructor(records: Iterable<CoverageRecord>, wallMs: number) {
    const members = new Map<string, { sharedMs: number; hosts: ReadonlyMap<string, number | null> }>();
    for (const record of records) {
      const sinceMs = Math.max(0, wallMs - record.wallMs);
      const hosts = record.exceptions.map(([host, ageMs]) => [host, ageMs === null ? null : ageMs + sinceMs] as const);
      members.set(record.member, { sharedMs: record.provedAgoMs + sinceMs, hosts: new Map(hosts) });
    }
    this.#members = members;
  }

  of(host: string, member: string | undefined): number | null {
    const ages = member === undefined ? undefined : this.#members.get(member);
    if (ages === undefined) return null;
    const own = ages.hosts.get(host);
    return own === undefined ? ages.sharedMs : own;
  }
}
