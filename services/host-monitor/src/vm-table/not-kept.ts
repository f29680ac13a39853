import type { Address, ConfigValue, GuestValue, StateValue } from '@vedette/model';
import type { RegisterSet, VMEntry } from '../knowledge.ts';
import type { Figures } from './figures.ts';
import type { RestingEntry } from './packing.ts';
import type { Saying } from './shared-texts.ts';

type None<T extends never> = T;

/** Members that a record has no place for. None: who adds one to any of these types hears of it here. */
export type NotKept = [
  None<Exclude<keyof VMEntry, keyof RestingEntry | NotResting>>,
  None<Exclude<keyof RestingEntry, KeptOfEntry | keyof Figures>>,
  None<Exclude<keyof RegisterSet, 'state' | 'addresses' | 'config' | 'guest' | 'conditions'>>,
  None<Exclude<keyof StateValue, keyof Saying | 'activation' | 'held' | 'born' | 'lastPresent'>>,
  None<Exclude<keyof ConfigValue, 'name' | 'hashes' | 'document'>>,
  None<Exclude<keyof GuestValue, 'hash' | 'document'>>,
  None<Exclude<keyof Address, 'address' | 'family' | 'scope' | 'mac' | 'interface' | 'source'>>,
];

/** As in a new entry while a VM rests. */
type NotResting = 'pending' | 'sent' | 'retries' | 'documentsAsked' | 'windowStartMs' | 'eventsInWindow';

type KeptOfEntry =
  | 'vm'
  | 'published'
  | 'listed'
  | 'taken'
  | 'listedName'
  | 'addressesFresh'
  | 'rev'
  | 'hintedDuring'
  | 'listedIn';
