import {
  type Condition,
  type ConditionsValue,
  conditionNames,
  type GuestValue,
  type StateValue,
  type VMState,
  vmStates,
} from '@vedette/model';
import type { FetchedSection, VMEntry } from '../knowledge.ts';
import { readHash, wordsRead } from './binary-text.ts';
import { type Details, detailsWritten, isWritableAddress, writeDetails } from './details.ts';
import { setFigures } from './figures.ts';
import {
  conditionsShift,
  flagBits,
  lastPresentShift,
  sectionIs,
  sectionOrder,
  sectionsShift,
  words,
} from './layout.ts';
import { placeOf } from './records.ts';
import type { Saying } from './shared-texts.ts';
import type { OddParts, VMTable } from './vm-table.ts';

/** What is kept of a VM at rest: everything else of a {@link VMEntry} is as in a new one. */
export type RestingEntry = Omit<
  VMEntry,
  'pending' | 'sent' | 'retries' | 'documentsAsked' | 'windowStartMs' | 'eventsInWindow'
>;

const statePlaces = new Map<VMState, number>(vmStates.map((state, place) => [state, place]));

/**
 * Writes a VM into its record, over what stood there before; its host and id stay. The record rests from then on.
 *
 * @param known the details that it woke with: where they are still the same objects they stay written
 */
export function pack(table: VMTable, row: number, entry: RestingEntry, known: Details | undefined): void {
  const page = table.records.page(row);
  const at = placeOf(row);
  const odd: Writable<OddParts> = { published: {} };
  const former = page[at + words.flags] as number;
  let flags = former & flagBits.namedByText;
  flags |= packNumbers(page, at, entry);
  flags |= packState(table, page, at, entry.published.state, odd);
  flags |= packSections(page, at, entry, odd);
  flags |= packConfig(page, at, entry, flags, odd);
  flags |= packGuest(page, at, entry.published.guest, odd);
  flags |= packConditions(entry.published.conditions, odd);
  const details = detailsToWrite(entry, flags);
  if (isStillWritten(details, known, former)) flags |= former & flagBits.hasAddresses;
  else flags |= packDetails(table, page, at, details, odd);
  if (!isEmpty(odd)) {
    table.odd.set(row, odd);
    flags |= flagBits.odd;
  } else if ((former & flagBits.odd) !== 0) table.odd.delete(row);
  page[at + words.flags] = flags;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };
type Odd = Writable<OddParts>;

function isEmpty({ published, versions, sections, names }: OddParts): boolean {
  if (versions !== undefined || sections !== undefined || names !== undefined) return false;
  return Object.keys(published).length === 0;
}

function packNumbers(held: Uint32Array, at: number, entry: RestingEntry): number {
  setRevision(held, at, entry.rev);
  held[at + words.listedIn] = entry.listedIn;
  held[at + words.hintedDuring] = entry.hintedDuring + 1;
  setFigures(held, at, entry);
  return entry.addressesFresh ? flagBits.addressesFresh : 0;
}

/** A revision is a whole number, safe as such: more than 32 bits, in two words. */
export function setRevision(held: Uint32Array, at: number, rev: number): void {
  held[at + words.rev] = rev;
  held[at + words.revHigh] = rev / 0x1_0000_0000;
}

export function revisionOf(held: Uint32Array, at: number): number {
  return (held[at + words.revHigh] as number) * 0x1_0000_0000 + (held[at + words.rev] as number);
}

function packState(table: VMTable, held: Uint32Array, at: number, value: StateValue | undefined, odd: Odd): number {
  packSaying(table, held, at, value);
  if (value === undefined) return 0;
  const { activation, born, lastPresent } = value;
  const fits = isWord(activation.epoch) && isWord(activation.seq) && born === undefined;
  held[at + words.activationEpoch] = fits ? activation.epoch : 0;
  held[at + words.activationSeq] = fits ? activation.seq : 0;
  if (!fits) odd.versions = { activation, ...(born === undefined ? {} : { born }) };
  const present = lastPresent === undefined ? 0 : (statePlaces.get(lastPresent) ?? 0) + 1;
  return flagBits.hasState | (value.held ? flagBits.held : 0) | (present << lastPresentShift);
}

function packSaying(table: VMTable, held: Uint32Array, at: number, value: Saying | undefined): void {
  const former = held[at + words.saying] as number;
  if (former !== 0 && value !== undefined && isSame(table.sayings.get(former), value)) return;
  held[at + words.saying] = value === undefined ? 0 : table.sayings.use(value);
  if (former !== 0) table.sayings.end(former);
}

function isSame(a: Saying, b: Saying): boolean {
  return a.state === b.state && a.reason === b.reason && a.raw.state === b.raw.state && a.raw.reason === b.raw.reason;
}

function isWord(number: number): boolean {
  return number >>> 0 === number;
}

function packSections(held: Uint32Array, at: number, { listed, taken }: RestingEntry, odd: Odd): number {
  let flags = 0;
  for (let index = 0; index < sectionOrder.length; index++) {
    const name = sectionOrder[index] as FetchedSection;
    const hash = taken[name];
    const fits = (listed[name] === undefined || listed[name] === hash) && (hash === undefined || readHash(hash));
    if (!fits) {
      odd.sections = { listed: { ...listed }, taken: { ...taken } };
      return flagBits.oddSections;
    }
    if (hash === undefined) continue;
    held[at + words.sections + 2 * index] = wordsRead[0] as number;
    held[at + words.sections + 2 * index + 1] = wordsRead[1] as number;
    const is = listed[name] === undefined ? sectionIs.taken : sectionIs.listedAndTaken;
    flags |= is << (sectionsShift + 2 * index);
  }
  return flags;
}

/** The hashes in the register are those of the sections, once both are told; else the register is kept as it is. */
function packConfig(
  page: Uint32Array,
  at: number,
  { published, listedName }: RestingEntry,
  flags: number,
  odd: Odd,
): number {
  const { config } = published;
  if (config === undefined) return 0;
  const fits =
    config.document === undefined &&
    (flags & flagBits.oddSections) === 0 &&
    isSectionHash(page, at, flags, 0, config.hashes.info) &&
    isSectionHash(page, at, flags, 1, config.hashes.config);
  if (!fits) {
    odd.published.config = config;
    return 0;
  }
  return flagBits.hasConfig | (config.name === listedName ? flagBits.sameName : 0);
}

/** Whether this is the hash that the record has for a section; an empty one where it has none. */
function isSectionHash(held: Uint32Array, at: number, flags: number, index: number, hash: string): boolean {
  if (((flags >>> (sectionsShift + 2 * index)) & 3) === sectionIs.unknown) return hash === '';
  const place = at + words.sections + 2 * index;
  return readHash(hash) && wordsRead[0] === held[place] && wordsRead[1] === held[place + 1];
}

function packGuest(held: Uint32Array, at: number, guest: GuestValue | undefined, odd: Odd): number {
  if (guest === undefined) return 0;
  if (guest.document === undefined && guest.hash === '') return flagBits.hasGuest;
  if (guest.document !== undefined || !readHash(guest.hash)) {
    odd.published.guest = guest;
    return 0;
  }
  held[at + words.guestHash] = wordsRead[0] as number;
  held[at + words.guestHash + 1] = wordsRead[1] as number;
  return flagBits.hasGuest | flagBits.hasGuestHash;
}

const conditionsInOrder = conditionNames.toSorted();

function packConditions(conditions: ConditionsValue | undefined, odd: Odd): number {
  if (conditions === undefined) return 0;
  let bits = 0;
  for (const condition of conditions) bits |= 1 << conditionsInOrder.indexOf(condition);
  const kept = conditionsOf(bits);
  if (kept.length !== conditions.length || kept.some((condition, index) => condition !== conditions[index])) {
    odd.published.conditions = conditions;
    return 0;
  }
  return flagBits.hasConditions | (bits << conditionsShift);
}

/** Sorted, as the register has them. */
export function conditionsOf(bits: number): Condition[] {
  return conditionsInOrder.filter((_, index) => (bits & (1 << index)) !== 0);
}

/** `flags` says whether there is a name in the config register, and another one than the listed. */
function detailsToWrite({ published, listedName }: RestingEntry, flags: number): Details {
  const ownName = (flags & (flagBits.hasConfig | flagBits.sameName)) === flagBits.hasConfig;
  return { listedName, configName: ownName ? published.config?.name : undefined, addresses: published.addresses };
}

/** All of it stands in the record's block already; what is kept as objects does not. */
function isStillWritten(details: Details, known: Details | undefined, former: number): boolean {
  return (
    known !== undefined &&
    (former & (flagBits.odd | flagBits.oddNames)) === 0 &&
    known.addresses === details.addresses &&
    known.listedName === details.listedName &&
    known.configName === details.configName
  );
}

function packDetails(table: VMTable, held: Uint32Array, at: number, details: Details, odd: Odd): number {
  const { listedName, configName, addresses } = details;
  const isPlain = listedName.isWellFormed() && configName?.isWellFormed() !== false;
  const writable = addresses?.every(isWritableAddress) === true;
  let length = isPlain ? writeDetails({ ...details, addresses: writable ? addresses : undefined }) : -1;
  let added = writable ? flagBits.hasAddresses : 0;
  if (length < 0) {
    // Too much for a block: the addresses are what can be long; a name as long as that is kept as it is, too.
    length = isPlain ? writeDetails({ ...details, addresses: undefined }) : -1;
    added = 0;
  }
  if (addresses !== undefined && added === 0) odd.published.addresses = addresses;
  if (length < 0) {
    odd.names = { listedName, ...(configName === undefined ? {} : { configName }) };
    added |= flagBits.oddNames;
  }
  const block = held[at + words.details] as number;
  held[at + words.details] = table.blocks.rewrite(block, detailsWritten, Math.max(0, length));
  return added;
}
