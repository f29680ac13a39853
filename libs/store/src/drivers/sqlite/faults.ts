import { VedetteError } from '@vedette/runtime';
import '../../errors.ts';

/** Primary result codes of SQLite (sqlite.org/rescode.html) that say what to do next. */
const resultCodes = {
  busy: 5,
  locked: 6,
  readOnly: 8,
  ioError: 10,
  corrupt: 11,
  full: 13,
  cannotOpen: 14,
  notADatabase: 26,
};

const codes: Readonly<Record<number, string>> = {
  [resultCodes.busy]: 'VDT_STORE_LOCKED',
  [resultCodes.locked]: 'VDT_STORE_LOCKED',
  [resultCodes.readOnly]: 'VDT_STORE_CANNOT_OPEN',
  [resultCodes.ioError]: 'VDT_STORE_IO',
  [resultCodes.corrupt]: 'VDT_STORE_CORRUPT',
  [resultCodes.full]: 'VDT_STORE_DISK_FULL',
  [resultCodes.cannotOpen]: 'VDT_STORE_CANNOT_OPEN',
  [resultCodes.notADatabase]: 'VDT_STORE_NOT_A_DATABASE',
};

/** The primary result code of an error of node:sqlite; undefined for any other error. */
function resultCodeOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return undefined;
  return error.errcode & 0xff;
}

/** Whether the file is held by somebody else. */
export function isBusy(error: unknown): boolean {
  const code = resultCodeOf(error);
  return code === resultCodes.busy || code === resultCodes.locked;
}

/** The error to tell callers for one that the driver met; one of ours stays as it is. */
export function storeError(error: unknown, path: string): VedetteError {
  if (VedetteError.is(error)) return error;
  const resultCode = resultCodeOf(error);
  const code = resultCode === undefined ? 'VDT_STORE_FAULT' : (codes[resultCode] ?? 'VDT_STORE_FAULT');
  const words = error instanceof Error ? error.message : String(error);
  return new VedetteError(code, { message: `store ${path}: ${words}`, cause: error });
}

/** An error as it passes between threads. */
export interface ErrorReport {
  readonly code: string;
  readonly message: string;
  readonly action: string;
  readonly path: string | undefined;
  readonly stack: string | undefined;
}

export function reportOf({ code, message, action, path, cause }: VedetteError): ErrorReport {
  return { code, message, action, path, stack: cause instanceof Error ? cause.stack : undefined };
}

export function errorOf({ code, message, action, path, stack }: ErrorReport): VedetteError {
  const cause = stack === undefined ? undefined : Object.assign(new Error(message), { stack });
  return new VedetteError(code, { message, action, ...(path === undefined ? {} : { path }), cause });
}
