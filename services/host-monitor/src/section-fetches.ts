import type { ActorContext } from '@vedette/actor';
import type { HostActorArgs, HostActorDeps } from './host-actor-args.ts';
import type { HostMessage, SectionsFetched } from './host-messages.ts';
import { observedNow, type SectionGroup, seenState } from './knowledge.ts';
import type { Outbox } from './outbox.ts';
import {
  documentGroups,
  fetchSections,
  hasAll,
  putOff,
  type SectionFetch,
  sectionGroups,
  takeSections,
  wantsSections,
} from './sections.ts';
import type { HostVMs } from './vm-table/index.ts';

/**
 * The fetches of one host's sections: begun when a listing or a request wants content, taken into the outbox when
 * they come back to the actor as a message. They end with the actor's signal.
 */
export class SectionFetches {
  readonly #deps: HostActorDeps;
  readonly #args: HostActorArgs;
  readonly #context: ActorContext<HostMessage>;
  readonly #entries: HostVMs;
  readonly #outbox: Outbox;
  readonly #fetching = new Set<SectionGroup>();
  /** Of the last poll whose listing was taken in. */
  #pollNumber = 0;

  constructor(
    deps: HostActorDeps,
    args: HostActorArgs,
    context: ActorContext<HostMessage>,
    entries: HostVMs,
    outbox: Outbox,
  ) {
    this.#deps = deps;
    this.#args = args;
    this.#context = context;
    this.#entries = entries;
    this.#outbox = outbox;
  }

  /** A fetch of any group has not come back yet. */
  get underWay(): boolean {
    return this.#fetching.size > 0;
  }

  /** Everything that was listed or asked for has been taken in; nothing is under way or put off. */
  get content(): boolean {
    if (this.underWay) return false;
    for (const entry of this.#entries.awake()) if (!hasAll(entry)) return false;
    return true;
  }

  /** A listing was taken in, the answer to the poll of that number: begins what is wanted now. */
  listed(pollNumber: number): void {
    this.#pollNumber = pollNumber;
    this.fetchWanted();
  }

  /** Begins what is wanted and not under way: one fetch of a group at a time (A2). */
  fetchWanted(): void {
    const wanted: { [G in SectionGroup]?: Array<SectionFetch['asked'][number]> } = {};
    // Those at rest have all.
    for (const entry of this.#entries.awake()) {
      if (hasAll(entry)) continue;
      for (const group of sectionGroups) {
        if (this.#fetching.has(group) || !wantsSections(entry, group, this.#pollNumber)) continue;
        wanted[group] ??= [];
        wanted[group].push({ entry, listed: { ...entry.listed } });
      }
    }
    for (const group of sectionGroups) {
      const asked = wanted[group];
      if (asked !== undefined) this.#fetch({ group, asked });
    }
  }

  #fetch(fetch: SectionFetch): void {
    this.#fetching.add(fetch.group);
    this.#deps.counters.sectionFetches++;
    const { self, signal } = this.#context;
    const vms = fetch.asked.map(({ entry }) => entry.vm);
    const options = { timeoutMs: this.#deps.config.sectionTimeoutMs, signal };
    fetchSections(this.#args.fetcher, fetch.group, vms, options).then(
      (reply) => self.offer({ kind: 'sections', life: signal, fetch, reply, error: undefined }),
      (error: unknown) => self.offer({ kind: 'sections', life: signal, fetch, reply: undefined, error }),
    );
  }

  /** Takes in what came of a fetch; one that failed changes nothing (I2) and is begun anew after the next listing. */
  fetched({ fetch, reply, error }: SectionsFetched): void {
    this.#fetching.delete(fetch.group);
    if (reply === undefined) {
      this.#deps.counters.sectionFailures++;
      this.#deps.logger.debug({ host: this.#args.host.id, section: fetch.group, err: error }, 'sections not fetched');
      return;
    }
    const observation = observedNow(this.#context.clock, 'poll');
    for (const { entry, listed } of fetch.asked) {
      // What was asked of a VM that has left meanwhile is older than that.
      if (this.#entries.get(entry.vm) !== entry || seenState(entry)?.state === 'absent') continue;
      const taken = takeSections(this.#outbox, entry, listed, reply, observation);
      if (!taken) putOff(entry, fetch.group, listed, this.#pollNumber);
    }
  }

  /** Somebody asked for the documents of these VMs: they are fetched and told even if nothing changed. */
  askDocuments(vms: readonly string[]): void {
    const all = new Set(documentGroups);
    for (const vm of vms) {
      const entry = this.#entries.get(vm);
      if (entry === undefined) continue;
      entry.documentsAsked = all;
      entry.retries = undefined;
    }
    this.fetchWanted();
  }
}
