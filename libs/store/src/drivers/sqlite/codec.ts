import type { ObserverRecord } from '../../engine/records.ts';

/** How identifiers, keys and observers become columns (S1, S2 of the schema). */

const uuidBytes = Buffer.alloc(16);

/** The stored form of a VM identifier. Bytes are valid until the next call: bind them at once. */
export function encodeId(id: string): string | Uint8Array {
  return id.length === 36 && writeUuid(id) ? uuidBytes : id;
}

/** Of the one canonical form only: lower case, with dashes. Returns whether `id` has it. */
function writeUuid(id: string): boolean {
  let at = 0;
  for (let place = 0; place < 36; place++) {
    if (place === 8 || place === 13 || place === 18 || place === 23) {
      if (id.charCodeAt(place) !== 0x2d) return false;
      continue;
    }
    const high = nibbles[id.charCodeAt(place++)];
    const low = nibbles[id.charCodeAt(place)];
    if (high === undefined || low === undefined || high < 0 || low < 0) return false;
    uuidBytes[at++] = (high << 4) | low;
  }
  return true;
}

/** The value of a hex digit by its character code; -1 for what is none. */
const nibbles = new Int8Array(128).fill(-1);
for (let digit = 0; digit < 16; digit++) nibbles[digit.toString(16).charCodeAt(0)] = digit;

export function decodeId(stored: string | Uint8Array): string {
  if (typeof stored === 'string') return stored;
  const hex = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** Observers that one store can number. */
const maxObservers = 2 ** 20;

export function documentKey(vm: number, observer: number): number {
  return vm * maxObservers + observer;
}

type ObserverData = Pick<
  ObserverRecord,
  'snapshot' | 'partial' | 'marks' | 'report' | 'hostUuid' | 'capabilities' | 'host'
>;

/** What of an observer is written only when it changes; epoch and applied stand in a table of their own. */
export function encodeObserver(observer: ObserverRecord): string {
  const { snapshot, partial, marks, report, hostUuid, capabilities, host } = observer;
  return JSON.stringify({ snapshot, partial, marks, report, hostUuid, capabilities, host } satisfies ObserverData);
}

export interface ObserverColumns {
  readonly number: number;
  readonly id: string;
  readonly echoedMark: number;
  readonly data: string;
  readonly epoch: number | null;
  readonly closed: number | null;
  readonly through: number | null;
  readonly beyond: string | null;
}

export function decodeObserver(columns: ObserverColumns): ObserverRecord {
  const data = JSON.parse(columns.data) as Partial<ObserverData> & Pick<ObserverData, 'snapshot' | 'partial' | 'marks'>;
  return {
    number: columns.number,
    id: columns.id,
    epoch: columns.epoch ?? 0,
    closed: columns.closed === 1,
    applied: {
      through: columns.through ?? 0,
      beyond: columns.beyond === null ? [] : (JSON.parse(columns.beyond) as Array<[number, number]>),
    },
    echoedMark: columns.echoedMark,
    snapshot: data.snapshot,
    partial: data.partial,
    marks: data.marks,
    report: data.report,
    hostUuid: data.hostUuid,
    capabilities: data.capabilities,
    host: data.host,
  };
}
