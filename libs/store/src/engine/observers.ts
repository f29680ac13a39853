import {
  compareVersions,
  type FleetHostState,
  isProviderObserver,
  type ObserverView,
  type Version,
  zeroVersion,
} from '@vedette/model';
import type { Counters, ObserverFacts, ObserverRecord } from './records.ts';
import type { Tables } from './tables.ts';

/** What an identity conflict is announced with: the host answers, but it may be another one. */
const identityConflict = 'identity_conflict';

/** What the fleet is told of a host: a person's or provider's word, then that nobody watches it, then its monitor's. */
export function fleetStateOf(observer: ObserverRecord): { readonly state: FleetHostState; readonly reason: string } {
  const { host, report } = observer;
  if (host?.removedBy !== undefined) return { state: 'removed', reason: `removed by ${host.removedBy}` };
  if (host?.unwatched) return { state: 'unwatched', reason: 'unwatched: no monitor reports that it watches this host' };
  return report?.value ?? { state: 'connecting', reason: '' };
}

/** What decides how the VMs of an observer read. */
export function factsOf(observer: ObserverRecord): ObserverFacts {
  const { host } = observer;
  const { state, reason } = fleetStateOf(observer);
  const answers = state === 'up' || state === 'connecting' || state === 'non_operational';
  return {
    observable: host !== undefined && answers && !reason.startsWith(identityConflict),
    removed: host === undefined || host.removedBy !== undefined,
    unwatched: host?.unwatched ?? false,
    realm: host?.realm ?? '',
    echoedMark: observer.echoedMark,
    snapshot: observer.snapshot,
  };
}

/**
 * All observers of the store, held in memory and written through. Nothing else asks the tables about observers while
 * a transaction runs.
 */
export class ObserverBook {
  readonly #tables: Tables;
  readonly #counters: Counters;
  readonly #records = new Map<string, ObserverRecord>();
  readonly #facts = new Map<string, ObserverFacts>();
  /** Facts of those that are registered. */
  readonly #views = new Map<string, ObserverFacts>();
  /** Answers of {@link unanswered}; emptied when a host or its echo changes. */
  readonly #unanswered = new Map<string, readonly string[]>();
  readonly #appliedDirty = new Set<ObserverRecord>();

  constructor(tables: Tables, counters: Counters) {
    this.#tables = tables;
    this.#counters = counters;
    for (const record of tables.observers()) this.#hold(record);
  }

  all(): IterableIterator<ObserverRecord> {
    return this.#records.values();
  }

  get(id: string): ObserverRecord | undefined {
    return this.#records.get(id);
  }

  /** The observer, as a new record without registration and epoch if it was never heard of. */
  getOrAdd(id: string): ObserverRecord {
    const held = this.#records.get(id);
    if (held !== undefined) return held;
    const record: ObserverRecord = {
      number: ++this.#counters.observers,
      id,
      epoch: 0,
      closed: false,
      applied: { through: 0, beyond: [] },
      snapshot: zeroVersion,
      partial: [],
      echoedMark: 0,
      marks: [],
      report: undefined,
      hostUuid: undefined,
      capabilities: undefined,
      host: undefined,
    };
    this.#hold(record);
    return record;
  }

  /** Keeps the record; its facts are taken anew. */
  save(record: ObserverRecord): void {
    this.#hold(record);
    this.#unanswered.clear();
    this.#tables.saveObserver(record, this.facts(record.id) as ObserverFacts);
  }

  /** Only what was applied changed: written once, when the transaction ends. */
  appliedChanged(record: ObserverRecord): void {
    this.#appliedDirty.add(record);
  }

  flush(): void {
    for (const record of this.#appliedDirty) this.#tables.saveApplied(record);
    this.#appliedDirty.clear();
  }

  facts(id: string): ObserverFacts | undefined {
    return this.#facts.get(id);
  }

  /** As `resolve` wants it; undefined for what is not registered. */
  view(id: string): ObserverView | undefined {
    return this.#views.get(id);
  }

  snapshotOf(id: string): Version {
    return this.#records.get(id)?.snapshot ?? zeroVersion;
  }

  /** As `resolve` wants it. */
  unanswered(realm: string, mark: number): readonly string[] {
    const key = `${mark} ${realm}`;
    const known = this.#unanswered.get(key);
    if (known !== undefined) return known;
    const ids: string[] = [];
    for (const [id, facts] of this.#facts) if (holdsBack(id, facts, realm, mark)) ids.push(id);
    ids.sort();
    this.#unanswered.set(key, ids);
    return ids;
  }

  #hold(record: ObserverRecord): void {
    this.#records.set(record.id, record);
    const facts = factsOf(record);
    this.#facts.set(record.id, facts);
    if (record.host !== undefined) this.#views.set(record.id, facts);
  }
}

/** Whether an absence in `realm`, committed at `mark`, waits for this host (resolve, R6). */
export function holdsBack(id: string, facts: ObserverFacts, realm: string, mark: number): boolean {
  return !facts.removed && facts.realm === realm && facts.echoedMark <= mark && !isProviderObserver(id);
}

/** Whether what was told at `version` is applied: only then does a mark echoed there count. */
export function hasApplied(record: ObserverRecord, version: Version): boolean {
  return compareVersions({ epoch: record.epoch, seq: record.applied.through }, version) >= 0;
}
