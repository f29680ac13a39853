import type { OutgoingMessage } from '../../port.ts';

/**
 * What a scripted fault does to one message of a publish:
 * - `ok`: nothing;
 * - `in_doubt_stored`: it is stored, the confirmation is lost (a repetition is then recognised by its id);
 * - `in_doubt_lost`: it is lost on the way, and so is any answer;
 * - `refused`: the broker refuses it for good;
 * - `hang`: neither stored nor answered; in doubt when the deadline passes.
 */
export type PublishFault = 'ok' | 'in_doubt_stored' | 'in_doubt_lost' | 'refused' | 'hang';

/** Faults that a test scripts; nothing is scripted at the start. */
export interface ScriptedFaults {
  /** Asked once for each message offered to the broker (once more after it waited for room); unset it with undefined. */
  publish: ((message: OutgoingMessage, connection: string) => PublishFault) | undefined;
}
