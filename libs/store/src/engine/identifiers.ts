import { isIdentifier } from '@vedette/model';
import { VedetteError } from '@vedette/runtime';
import '../errors.ts';

/** @throws VedetteError VDT_STORE_IDENTIFIER */
export function requireIdentifier(id: string, path: string): void {
  if (isIdentifier(id)) return;
  const message = `${JSON.stringify(String(id).slice(0, 100))} cannot be an identifier`;
  throw new VedetteError('VDT_STORE_IDENTIFIER', { message, path });
}
