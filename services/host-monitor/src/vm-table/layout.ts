import { conditionNames, vmStates } from '@vedette/model';
import type { FetchedSection } from '../knowledge.ts';

/**
 * One VM at rest is one record of 120 bytes: two or three lines of a processor's cache, where a table of columns would
 * touch a line a field. Fields are places among the record's 32-bit words; what may need more takes two.
 */
export const recordWords = 30;

export const words = {
  /** Four words: the UUID; or one, the number of a text (see `flagBits.namedByText`). */
  id: 0,
  nextInBucket: 4,
  host: 5,
  nextOfHost: 6,
  previousOfHost: 7,
  saying: 8,
  flags: 9,
  activationEpoch: 10,
  activationSeq: 11,
  /** Two words a section, in the order of {@link sectionOrder}. */
  sections: 12,
  /** Two words: of the guest register, which is another than that of the section. */
  guestHash: 20,
  rev: 22,
  listedIn: 23,
  /** One more than the poll's number; 0: never. */
  hintedDuring: 24,
  /** The block with names and addresses; 0: none. */
  details: 25,
  revHigh: 26,
  /** Two words: see figures.ts. */
  figures: 27,
  started: 29,
} as const;

export const flagBits = {
  /** Somebody works on it as an object: that object counts, what stands here is old. */
  awake: 1 << 0,
  namedByText: 1 << 1,
  addressesFresh: 1 << 2,
  hasState: 1 << 3,
  held: 1 << 4,
  hasAddresses: 1 << 5,
  hasConfig: 1 << 6,
  hasGuest: 1 << 7,
  hasConditions: 1 << 8,
  /** The name in the config register is the listed one. */
  sameName: 1 << 9,
  hasGuestHash: 1 << 10,
  /** Some of it does not fit the form and is kept as objects. */
  odd: 1 << 11,
  /** The hashes of the sections are among that. */
  oddSections: 1 << 12,
  /** The names are among that. */
  oddNames: 1 << 13,
} as const;

/** Four bits, one a condition, in the order of the model's names. */
export const conditionsShift = 14;
/** Five bits: one more than the place of the last present state among the model's states; 0: none. */
export const lastPresentShift = 18;
/** Two bits a section: see {@link sectionIs}. */
export const sectionsShift = 23;

/** What is known of a section's hash. A VM at rest lacks none: what was listed was taken in. */
export const sectionIs = { unknown: 0, listedAndTaken: 1, taken: 2 } as const;

export const sectionOrder: readonly FetchedSection[] = ['info', 'config', 'guest', 'status'];

if (vmStates.length > 30 || conditionNames.length > 4) throw new RangeError('a record of a VM has no room for these');
