import type { VMState } from '../states.ts';
import { type MappedState, rawState } from './mapped-state.ts';

/** docs/contracts.md, column Deltacloud: the instance states of its API; drivers offer only some of them. */
export const deltacloudTable: Readonly<Record<string, VMState>> = {
  START: 'starting',
  PENDING: 'starting',
  RUNNING: 'running',
  STOPPING: 'stopping',
  SHUTTING_DOWN: 'stopping',
  STOPPED: 'stopped',
  FINISH: 'stopped',
  ERROR: 'failed',
  UNKNOWN: 'unknown',
};

/** What an instance's state means; compared without case, as `instance_states` writes them small. */
export function deltacloudState(text: string): MappedState {
  const word = text.toUpperCase();
  const state = Object.hasOwn(deltacloudTable, word) ? deltacloudTable[word] : undefined;
  return { state: state ?? 'unknown', reason: '', raw: rawState(text, ''), mapped: state !== undefined };
}
