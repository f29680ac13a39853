import { VedetteError } from '@vedette/runtime';

/** Longest reason that is put into an event. */
const maxReasonLength = 512;

/** A failed attempt in the words of a HostStateChanged: `code: what happened`. */
export function failureReason(error: unknown): string {
  const text =
    error instanceof VedetteError ? `${shortCode(error.code)}: ${error.message}` : `failed: ${messageOf(error)}`;
  return text.length > maxReasonLength ? `${text.slice(0, maxReasonLength - 1)}…` : text;
}

/** What a driver says, or the bus itself in the causes of what it says. */
const busAwayCodes: ReadonlySet<string> = new Set(['VDT_FETCHER_BUS_AWAY', 'VDT_BUS_DISCONNECTED']);
/** Most errors in a chain of causes that are looked at. */
const maxCauses = 8;

/** Whether an attempt failed because our own bus was away: its driver asks over the bus (I2). */
export function isBusAway(error: unknown): boolean {
  let cause = error;
  for (let depth = 0; depth < maxCauses && cause instanceof Error; depth++) {
    if (VedetteError.is(cause) && busAwayCodes.has(cause.code)) return true;
    ({ cause } = cause);
  }
  return false;
}

/** `VDT_FETCHER_REFUSED` reads `refused`. */
function shortCode(code: string): string {
  return code.replace(/^VDT_[A-Z]+_/, '').toLowerCase();
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
