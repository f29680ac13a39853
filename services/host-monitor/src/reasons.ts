import { VedetteError } from '@vedette/runtime';

/** Longest reason that is put into an event. */
const maxReasonLength = 512;

/** A failed attempt in the words of a HostStateChanged: `code: what happened`. */
export function failureReason(error: unknown): string {
  const text =
    error instanceof VedetteError ? `${shortCode(error.code)}: ${error.message}` : `failed: ${messageOf(error)}`;
  return text.length > maxReasonLength ? `${text.slice(0, maxReasonLength - 1)}…` : text;
}

/** `VDT_FETCHER_REFUSED` reads `refused`. */
function shortCode(code: string): string {
  return code.replace(/^VDT_[A-Z]+_/, '').toLowerCase();
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
