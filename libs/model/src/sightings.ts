import type { Registers } from './registers.ts';
import type { Version } from './versions.ts';

/** Everything one observer has said about one VM, as merged so far (I4). */
export interface Sighting {
  readonly observer: string;
  readonly registers: Registers;
  /** The newest activation heard of, also from events that were refused as old. */
  readonly activation: Version;
  /** Where in the stream that activation was first heard of; 0 when its event was held. Orders sightings. */
  readonly term: number;
  /** The newest birth heard of (`born` of the state register), also from events refused as old; left out: none. */
  readonly born?: Version;
  /** The highest mark cast when the present state was committed: only a later one can confirm it. */
  readonly committedMark: number;
}
