import { isPattern, isSubject, maxSubjectBytes } from '@vedette/model';
import { VedetteError } from '@vedette/runtime';
import './errors.ts';
import type { CallOptions, ConsumeOptions, ServeOptions } from './port.ts';

/**
 * What every driver refuses before anything is sent, in the same words (B4, B5).
 */

/** @throws VedetteError VDT_BUS_SUBJECT */
export function checkSubject(subject: string): void {
  if (!isSubject(subject)) throw subjectError('subject', subject);
}

/** @throws VedetteError VDT_BUS_SUBJECT; VDT_BUS_USAGE for an empty list */
export function checkPatterns(patterns: readonly string[]): void {
  if (patterns.length === 0) throw new VedetteError('VDT_BUS_USAGE', { message: 'patterns is empty' });
  for (const pattern of patterns) if (!isPattern(pattern)) throw subjectError('pattern', pattern);
}

function subjectError(kind: 'subject' | 'pattern', text: string): VedetteError {
  const shown = text.length <= maxSubjectBytes ? text : `${text.slice(0, maxSubjectBytes)}...`;
  return new VedetteError('VDT_BUS_SUBJECT', {
    message: `${JSON.stringify(shown)} (${text.length} characters) is not a ${kind} that the bus carries`,
  });
}

/** @throws VedetteError VDT_BUS_USAGE, or the reason of a signal that has aborted already */
export function checkCall(options: CallOptions): void {
  if (!Number.isFinite(options.timeoutMs) || options.timeoutMs < 0) throw usageError('timeoutMs', options.timeoutMs);
  options.signal?.throwIfAborted();
}

/** @throws VedetteError VDT_BUS_SUBJECT, VDT_BUS_USAGE, or the reason of a signal that has aborted already */
export function checkConsume(options: ConsumeOptions): void {
  if (!isSubject(options.group) || options.group.includes('.')) throw usageError('group', options.group);
  checkPatterns(options.patterns);
  checkCount('maxInFlight', options.maxInFlight, 1);
  options.signal?.throwIfAborted();
}

/** @throws VedetteError VDT_BUS_SUBJECT, VDT_BUS_USAGE */
export function checkServe(options: ServeOptions): void {
  checkPatterns([options.pattern]);
  checkCount('concurrency', options.concurrency, 1);
  checkCount('maxQueued', options.maxQueued, 0);
}

/** @throws VedetteError VDT_BUS_USAGE */
export function checkCount(name: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least) throw usageError(name, value);
}

function usageError(name: string, value: unknown): VedetteError {
  return new VedetteError('VDT_BUS_USAGE', {
    message: `${name} ${JSON.stringify(value) ?? 'undefined'} is not allowed`,
  });
}

/** The error of a payload above the limit; undefined for one that fits. Not thrown: for a publish it is an outcome. */
export function oversize(payload: Uint8Array, maxPayloadBytes: number): VedetteError | undefined {
  if (payload.byteLength <= maxPayloadBytes) return undefined;
  return new VedetteError('VDT_BUS_PAYLOAD_TOO_LARGE', {
    message: `a payload of ${payload.byteLength} bytes is above the limit of ${maxPayloadBytes}`,
  });
}
