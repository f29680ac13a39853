import { type ConfigValue, type GuestValue, type StateValue, type VMState, vmStates } from '@vedette/model';
import { type FetchedSection, newEntry, type RegisterSet, type VMEntry } from '../knowledge.ts';
import { hashText } from './binary-text.ts';
import { contentOf } from './blocks.ts';
import { type Details, readDetails } from './details.ts';
import { figuresOf } from './figures.ts';
import {
  conditionsShift,
  flagBits,
  lastPresentShift,
  sectionIs,
  sectionOrder,
  sectionsShift,
  words,
} from './layout.ts';
import { conditionsOf, revisionOf } from './packing.ts';
import { placeOf } from './records.ts';
import type { OddParts, VMTable } from './vm-table.ts';

/** A VM of a record, as it was packed, with the details that stand in its block. */
export interface Woken {
  readonly entry: VMEntry;
  readonly details: Details;
}

export function unpack(table: VMTable, row: number): Woken {
  const page = table.records.page(row);
  const at = placeOf(row);
  const flags = page[at + words.flags] as number;
  const odd = (flags & flagBits.odd) === 0 ? undefined : table.odd.get(row);
  const details = detailsOf(table, row);
  const entry = newEntry(table.vmOf(row));
  unpackSections(page, at, flags, odd, entry);
  entry.published = unpackRegisters(table, page, at, flags, odd, details);
  entry.listedName = details.listedName;
  entry.addressesFresh = (flags & flagBits.addressesFresh) !== 0;
  entry.rev = revisionOf(page, at);
  entry.hintedDuring = (page[at + words.hintedDuring] as number) - 1;
  entry.listedIn = page[at + words.listedIn] as number;
  const figures = figuresOf(page, at);
  entry.cpuUser = figures.cpuUser;
  entry.cpuSystem = figures.cpuSystem;
  entry.memoryPercent = figures.memoryPercent;
  entry.startedMs = figures.startedMs;
  return { entry, details };
}

function unpackRegisters(
  table: VMTable,
  page: Uint32Array,
  at: number,
  flags: number,
  odd: OddParts | undefined,
  details: Details,
): RegisterSet {
  const registers: RegisterSet = { ...odd?.published };
  if ((flags & flagBits.hasState) !== 0) registers.state = unpackState(table, page, at, flags, odd);
  if (details.addresses !== undefined) registers.addresses = details.addresses;
  if ((flags & flagBits.hasConfig) !== 0) registers.config = unpackConfig(page, at, flags, details);
  if ((flags & flagBits.hasGuest) !== 0) registers.guest = unpackGuest(page, at, flags);
  if ((flags & flagBits.hasConditions) !== 0) registers.conditions = conditionsOf((flags >>> conditionsShift) & 0xf);
  return registers;
}

/** Its names and addresses; names that do not fit a block stand in its odd parts. */
export function detailsOf(table: VMTable, row: number): Details {
  const held = table.records.page(row);
  const at = placeOf(row);
  const flags = held[at + words.flags] as number;
  const odd = (flags & flagBits.oddNames) === 0 ? undefined : table.odd.get(row)?.names;
  if (odd !== undefined) return { listedName: odd.listedName, configName: odd.configName, addresses: undefined };
  const block = held[at + words.details] as number;
  if (block === 0) return { listedName: '', configName: undefined, addresses: undefined };
  return readDetails(table.blocks.slabOf(block), contentOf(block), {
    configName: (flags & (flagBits.hasConfig | flagBits.sameName)) === flagBits.hasConfig,
    addresses: (flags & flagBits.hasAddresses) !== 0,
  });
}

export function lastPresentOf(flags: number): VMState | undefined {
  const place = (flags >>> lastPresentShift) & 0x1f;
  return place === 0 ? undefined : vmStates[place - 1];
}

function unpackState(
  table: VMTable,
  held: Uint32Array,
  at: number,
  flags: number,
  odd: OddParts | undefined,
): StateValue {
  const { state, reason, raw } = table.sayings.get(held[at + words.saying] as number);
  const activation = odd?.versions?.activation ?? {
    epoch: held[at + words.activationEpoch] as number,
    seq: held[at + words.activationSeq] as number,
  };
  const born = odd?.versions?.born;
  const lastPresent = lastPresentOf(flags);
  return {
    ...{ state, reason, raw, activation, held: (flags & flagBits.held) !== 0 },
    ...(born === undefined ? {} : { born }),
    ...(lastPresent === undefined ? {} : { lastPresent }),
  };
}

function unpackSections(
  held: Uint32Array,
  at: number,
  flags: number,
  odd: OddParts | undefined,
  { listed, taken }: Pick<VMEntry, 'listed' | 'taken'>,
): void {
  if (odd?.sections !== undefined) {
    Object.assign(listed, odd.sections.listed);
    Object.assign(taken, odd.sections.taken);
    return;
  }
  for (let index = 0; index < sectionOrder.length; index++) {
    const is = (flags >>> (sectionsShift + 2 * index)) & 3;
    if (is === sectionIs.unknown) continue;
    const name = sectionOrder[index] as FetchedSection;
    const hash = sectionHash(held, at, index);
    taken[name] = hash;
    if (is === sectionIs.listedAndTaken) listed[name] = hash;
  }
}

function sectionHash(held: Uint32Array, at: number, index: number): string {
  const place = at + words.sections + 2 * index;
  return hashText(held[place] as number, held[place + 1] as number);
}

function unpackConfig(held: Uint32Array, at: number, flags: number, details: Details): ConfigValue {
  const known = (index: number): string =>
    ((flags >>> (sectionsShift + 2 * index)) & 3) === sectionIs.unknown ? '' : sectionHash(held, at, index);
  return { name: details.configName ?? details.listedName, hashes: { info: known(0), config: known(1) } };
}

function unpackGuest(held: Uint32Array, at: number, flags: number): GuestValue {
  if ((flags & flagBits.hasGuestHash) === 0) return { hash: '' };
  return { hash: hashText(held[at + words.guestHash] as number, held[at + words.guestHash + 1] as number) };
}
