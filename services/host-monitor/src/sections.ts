import type { FetchOptions, GuestDetails, HostFetcher, Section, Sections } from '@vedette/fetcher';
import { contentHash, type SectionDocument } from '@vedette/model';
import type { FetchedSection, Observation, SectionGroup, VMEntry } from './knowledge.ts';
import type { Outbox } from './outbox.ts';

export const sectionGroups: readonly SectionGroup[] = ['config', 'guest'];

const sectionsOf: Readonly<Record<SectionGroup, readonly FetchedSection[]>> = {
  config: ['info', 'config'],
  guest: ['guest'],
};

/** One fetch of a group: of which VMs, and the hashes that were listed when it was asked. */
export interface SectionFetch {
  readonly group: SectionGroup;
  readonly asked: ReadonlyArray<{ readonly entry: VMEntry; readonly listed: VMEntry['listed'] }>;
}

/** What one fetch of a group brought. */
export type SectionReply =
  | { readonly group: 'config'; readonly info: Sections<SectionDocument>; readonly config: Sections<SectionDocument> }
  | { readonly group: 'guest'; readonly guest: Sections<GuestDetails> };

/** Fetches one group for the VMs named. Rejects as the driver does; that removes nothing (I2). */
export async function fetchSections(
  fetcher: HostFetcher,
  group: SectionGroup,
  vms: readonly string[],
  options: FetchOptions,
): Promise<SectionReply> {
  if (group === 'guest') return { group, guest: await fetcher.guestDetails(vms, options) };
  const [info, config] = await Promise.all([fetcher.info(vms, options), fetcher.config(vms, options)]);
  return { group, info, config };
}

/** Whether a listing named content of this group that was not taken in yet, or somebody asked for it. */
export function wantsSections(entry: VMEntry, group: SectionGroup): boolean {
  if (entry.documentsAsked.has(group)) return true;
  return sectionsOf[group].some((name) => entry.listed[name] !== undefined && entry.listed[name] !== entry.taken[name]);
}

/** Takes one VM's part of a reply into the outbox; what is not `ok` leaves everything as it was. */
export function takeSections(
  outbox: Outbox,
  entry: VMEntry,
  listed: VMEntry['listed'],
  reply: SectionReply,
  observation: Observation,
): void {
  const taken =
    reply.group === 'config'
      ? takeConfig(outbox, entry, reply, observation)
      : takeGuest(outbox, entry, reply, observation);
  if (!taken) return;
  for (const name of sectionsOf[reply.group]) {
    // What came, not what was asked for: the content may have changed on the way, and back again since.
    const hash = sectionOf(reply, name)?.get(entry.vm)?.hash || listed[name];
    if (hash !== undefined) entry.taken[name] = hash;
  }
  if (entry.documentsAsked.has(reply.group)) {
    entry.documentsAsked = new Set([...entry.documentsAsked].filter((group) => group !== reply.group));
  }
}

function sectionOf(reply: SectionReply, name: FetchedSection): Sections<unknown> | undefined {
  if (reply.group === 'guest') return name === 'guest' ? reply.guest : undefined;
  return name === 'guest' ? undefined : reply[name];
}

function takeConfig(
  outbox: Outbox,
  entry: VMEntry,
  reply: Extract<SectionReply, { group: 'config' }>,
  observation: Observation,
): boolean {
  const info = reply.info.get(entry.vm);
  const config = reply.config.get(entry.vm);
  if (!isFinal(info) || !isFinal(config)) return false;
  if (info.content === undefined && config.content === undefined) return true;
  const name = info.content?.name;
  outbox.observeConfig(
    entry,
    {
      name: typeof name === 'string' ? name : entry.listedName,
      hashes: { info: info.hash, config: config.hash },
      document: { info: info.content ?? {}, config: config.content ?? {} },
    },
    observation,
    entry.documentsAsked.has('config'),
  );
  return true;
}

function takeGuest(
  outbox: Outbox,
  entry: VMEntry,
  reply: Extract<SectionReply, { group: 'guest' }>,
  observation: Observation,
): boolean {
  const guest = reply.guest.get(entry.vm);
  if (!isFinal(guest)) return false;
  if (guest.content === undefined) return true;
  const { addresses, os, hostname, apps } = guest.content;
  outbox.observeAddresses(entry, addresses, observation);
  const document = { os, hostname, appsHash: apps.length === 0 ? '' : contentHash(apps) };
  const known = os !== '' || hostname !== '' || apps.length > 0;
  const hash = known ? contentHash(document) : '';
  outbox.observeGuest(entry, { hash, document }, observation, known && entry.documentsAsked.has('guest'));
  return true;
}

/** Asking again for the same hash would bring nothing new: it was had, or never can be. */
function isFinal<T>(section: Section<T> | undefined): section is Section<T> {
  return section !== undefined && section.observed !== 'unavailable';
}
