import type { FetchOptions, GuestDetails, HostFetcher, Section, Sections, StatusDocument } from '@vedette/fetcher';
import { contentHash, type SectionDocument } from '@vedette/model';
import type { FetchedSection, Observation, SectionGroup, VMEntry } from './knowledge.ts';
import type { Outbox } from './outbox.ts';

export const sectionGroups: readonly SectionGroup[] = ['config', 'guest', 'status'];

/** Those with documents, which the store may ask for. */
export const documentGroups: readonly SectionGroup[] = ['config', 'guest'];

const sectionsOf: Readonly<Record<SectionGroup, readonly FetchedSection[]>> = {
  config: ['info', 'config'],
  guest: ['guest'],
  status: ['status'],
};

/** What could not be had is asked for again after so many polls, at most. */
const longestRetryPolls = 20;

/** One fetch of a group: of which VMs, and the hashes that were listed when it was asked. */
export interface SectionFetch {
  readonly group: SectionGroup;
  readonly asked: ReadonlyArray<{ readonly entry: VMEntry; readonly listed: VMEntry['listed'] }>;
}

/** What one fetch of a group brought. */
export type SectionReply =
  | { readonly group: 'config'; readonly info: Sections<SectionDocument>; readonly config: Sections<SectionDocument> }
  | { readonly group: 'guest'; readonly guest: Sections<GuestDetails> }
  | { readonly group: 'status'; readonly status: Sections<StatusDocument> };

/** Fetches one group for the VMs named. Rejects as the driver does; that removes nothing (I2). */
export async function fetchSections(
  fetcher: HostFetcher,
  group: SectionGroup,
  vms: readonly string[],
  options: FetchOptions,
): Promise<SectionReply> {
  if (group === 'guest') return { group, guest: await fetcher.guestDetails(vms, options) };
  if (group === 'status') return { group, status: await fetcher.status(vms, options) };
  const [info, config] = await Promise.all([fetcher.info(vms, options), fetcher.config(vms, options)]);
  return { group, info, config };
}

/**
 * Whether a listing named content of this group that was not taken in yet, or somebody asked for it; and it is not put
 * off until a later poll than the last one, `pollNumber`.
 */
export function wantsSections(entry: VMEntry, group: SectionGroup, pollNumber: number): boolean {
  if (!isLacking(entry, group) && !entry.documentsAsked.has(group)) return false;
  const retry = entry.retries?.[group];
  if (retry === undefined || pollNumber >= retry.fromPoll) return true;
  return sectionsOf[group].some((name) => entry.listed[name] !== retry.listed[name]);
}

/** Whether nothing of any group is to be asked for; the usual case, told quickly. */
export function hasAll({ listed, taken, documentsAsked }: VMEntry): boolean {
  return (
    (listed.info === undefined || listed.info === taken.info) &&
    (listed.config === undefined || listed.config === taken.config) &&
    (listed.guest === undefined || listed.guest === taken.guest) &&
    (listed.status === undefined || listed.status === taken.status) &&
    documentsAsked.size === 0
  );
}

function isLacking({ listed, taken }: VMEntry, group: SectionGroup): boolean {
  for (const name of sectionsOf[group]) if (listed[name] !== undefined && listed[name] !== taken[name]) return true;
  return false;
}

/**
 * Has a group that could not be had asked for again after 1, 2, 4 ... polls, unless another hash is listed before.
 *
 * @param listed the hashes listed when it was asked for
 */
export function putOff(entry: VMEntry, group: SectionGroup, listed: VMEntry['listed'], pollNumber: number): void {
  const failures = (entry.retries?.[group]?.failures ?? 0) + 1;
  const polls = Math.min(2 ** (failures - 1), longestRetryPolls);
  entry.retries = { ...entry.retries, [group]: { failures, fromPoll: pollNumber + polls, listed } };
}

/** Takes one VM's part of a reply into the outbox; what is not `ok` leaves everything as it was. Returns whether it was. */
export function takeSections(
  outbox: Outbox,
  entry: VMEntry,
  listed: VMEntry['listed'],
  reply: SectionReply,
  observation: Observation,
): boolean {
  if (!takeGroup(outbox, entry, reply, observation)) return false;
  delete entry.retries?.[reply.group];
  for (const name of sectionsOf[reply.group]) {
    // What came, not what was asked for: the content may have changed on the way, and back again since.
    const hash = sectionOf(reply, name)?.get(entry.vm)?.hash || listed[name];
    if (hash !== undefined) entry.taken[name] = hash;
  }
  if (entry.documentsAsked.has(reply.group)) {
    entry.documentsAsked = new Set([...entry.documentsAsked].filter((group) => group !== reply.group));
  }
  return true;
}

function takeGroup(outbox: Outbox, entry: VMEntry, reply: SectionReply, observation: Observation): boolean {
  switch (reply.group) {
    case 'config':
      return takeConfig(outbox, entry, reply, observation);
    case 'guest':
      return takeGuest(outbox, entry, reply, observation);
    case 'status':
      return takeStatus(outbox, entry, reply, observation);
  }
}

function sectionOf(reply: SectionReply, name: FetchedSection): Sections<unknown> | undefined {
  return (reply as { readonly [S in FetchedSection]?: Sections<unknown> })[name];
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

function takeStatus(
  outbox: Outbox,
  entry: VMEntry,
  reply: Extract<SectionReply, { group: 'status' }>,
  observation: Observation,
): boolean {
  const status = reply.status.get(entry.vm);
  if (!isFinal(status)) return false;
  if (status.content !== undefined) outbox.observeConditions(entry, status.content.conditions, observation);
  return true;
}

/** Asking again for the same hash would bring nothing new: it was had, or never can be. */
function isFinal<T>(section: Section<T> | undefined): section is Section<T> {
  return section !== undefined && section.observed !== 'unavailable';
}
