import type { ErrorReport } from './faults.ts';

/** What the store's front sends to one of its threads. Arguments travel as JSON: faster than cloning for events. */
export interface ThreadRequest {
  readonly id: number;
  readonly name: string;
  readonly args: string;
}

/** Each request has one reply. */
export type ThreadReply =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: ErrorReport };

/** Every thread understands these two besides what its file can be asked: to open a file, and to close it again. */
export const openRequest = 'open';
export const closeRequest = 'close';
