import { VedetteError } from '@vedette/runtime';
import '../errors.ts';

/** Where a page ended, by the key that its rows are ordered by; stable while rows come and go. */
export type CursorKind = 'vms' | 'addresses' | 'hosts' | 'history';

type Place = ReadonlyArray<string | number>;

const shapes: Readonly<Record<CursorKind, readonly string[]>> = {
  vms: ['number'],
  addresses: ['string', 'number'],
  hosts: ['string'],
  history: ['number'],
};

export function encodeCursor(kind: CursorKind, place: Place): string {
  return Buffer.from(JSON.stringify([kind, ...place])).toString('base64url');
}

/** @throws VedetteError VDT_STORE_CURSOR for one that {@link encodeCursor} did not write for this kind of page */
export function decodeCursor<const P extends Place>(kind: CursorKind, cursor: string): P {
  const [writtenFor, ...place] = parse(cursor);
  const fits = place.length === shapes[kind].length && place.every((part, at) => typeof part === shapes[kind][at]);
  if (writtenFor !== kind || !fits) throw new VedetteError('VDT_STORE_CURSOR', { path: '/cursor' });
  return place as unknown as P;
}

function parse(cursor: string): readonly unknown[] {
  try {
    const parts: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    if (Array.isArray(parts)) return parts;
  } catch (cause) {
    throw new VedetteError('VDT_STORE_CURSOR', { path: '/cursor', cause });
  }
  throw new VedetteError('VDT_STORE_CURSOR', { path: '/cursor' });
}
