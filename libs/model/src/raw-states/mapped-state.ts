import type { RawState } from '../registers.ts';
import type { VMState } from '../states.ts';

/**
 * What a source's own words mean in the states of docs/contracts.md. Every mapping is total: it never throws, and a
 * raw value outside its table is `unknown` with the raw text kept (scenario S10), never a guess.
 */
export interface MappedState {
  readonly state: VMState;
  /**
   * One word, lower case with underscores; empty when the source gives none. Words are chosen so that a change of one
   * is worth an event (diff.ts); what changes without meaning stays in `raw`.
   */
  readonly reason: string;
  readonly raw: RawState;
  /** False when the table has no row for the raw value: whoever maps counts it. */
  readonly mapped: boolean;
}

/** Of a VM that is moving, on which side of the move this host is. Only a driver knows it: from the running job. */
export type MigrationJob = 'incoming' | 'outgoing';

const maxRawLength = 1024;

/** The raw words, verbatim up to what a register holds. */
export function rawState(state: string, reason: string): RawState {
  return { state: bounded(state), reason: bounded(reason) };
}

/** A word of the source as a reason: verbatim but for its bound, its case and its separators. */
export function reasonWord(text: string): string {
  return bounded(text)
    .toLowerCase()
    .replaceAll(/[\s-]+/g, '_');
}

function bounded(text: string): string {
  return text.slice(0, maxRawLength).toWellFormed();
}
