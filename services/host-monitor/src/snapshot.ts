import type { OutgoingMessage } from '@vedette/bus';
import { type SnapshotColumns, subjects, type Version } from '@vedette/model';
import { type EventOrigin, encodeEvent, stateValueAt } from './event-builder.ts';
import { lastSent, type Observation, type RegisterSet, type VMEntry } from './knowledge.ts';

/** One part of a snapshot on its way, with the values that its acknowledgement makes published. */
export interface SnapshotPart {
  readonly message: OutgoingMessage;
  readonly rows: ReadonlyArray<{ readonly entry: VMEntry; readonly values: RegisterSet }>;
}

/**
 * Builds everything this observer sees as parts of at most `maxPartBytes`, with consecutive seqs from `firstSeq`. All
 * register values carry the snapshot's version, the last part's. With `absorb` values still pending are taken in: the
 * first contact of a host is told by its snapshot alone.
 */
export function buildSnapshot(
  origin: EventOrigin,
  entries: Iterable<VMEntry>,
  options: {
    readonly firstSeq: number;
    readonly maxPartBytes: number;
    readonly observation: Observation;
    readonly absorb: boolean;
  },
): SnapshotPart[] {
  const groups = groupBySize(entries, options.maxPartBytes);
  const snapshot = { epoch: origin.epoch, seq: options.firstSeq + groups.length - 1 };
  return groups.map((group, index) => {
    const version = { epoch: origin.epoch, seq: options.firstSeq + index };
    const rows = group.map((entry) => ({
      entry,
      values: options.absorb ? valuesAt(entry, snapshot) : sentValues(entry),
    }));
    const data = {
      host: origin.host,
      version,
      ...options.observation,
      snapshot,
      part: index + 1,
      parts: groups.length,
      columns: columnsOf(rows),
    };
    const subject = subjects.hostSnapshot(origin.host);
    return { message: encodeEvent(origin, { name: 'HostSnapshot', subject, version, data }), rows };
  });
}

function sentValues(entry: VMEntry): RegisterSet {
  return { ...entry.published, ...entry.sent };
}

function valuesAt(entry: VMEntry, snapshot: { readonly epoch: number; readonly seq: number }): RegisterSet {
  const { pending } = entry;
  const values = sentValues(entry);
  if (pending?.state !== undefined) values.state = stateValueAt(lastSent(entry, 'state'), pending.state, snapshot);
  if (pending?.addresses !== undefined) values.addresses = pending.addresses.value;
  if (pending?.config !== undefined) values.config = pending.config.value;
  if (pending?.guest !== undefined) values.guest = pending.guest.value;
  if (pending?.conditions !== undefined) values.conditions = pending.conditions.value;
  return values;
}

function columnsOf(rows: SnapshotPart['rows']): SnapshotColumns {
  const columns: SnapshotColumns = {
    vm: [],
    state: [],
    reason: [],
    raw: [],
    activation: [],
    held: [],
    addresses: [],
    conditions: [],
    name: [],
    infoHash: [],
    configHash: [],
    guestHash: [],
  };
  const born: Array<Version | null> = [];
  for (const { entry, values } of rows) {
    const { state } = values;
    if (state === undefined) continue;
    born.push(state.born ?? null);
    columns.vm.push(entry.vm);
    columns.state.push(state.state);
    columns.reason.push(state.reason);
    columns.raw.push(state.raw);
    columns.activation.push(state.activation);
    columns.held.push(state.held);
    columns.addresses.push(entry.addressesFresh && values.addresses !== undefined ? [...values.addresses] : null);
    columns.conditions.push([...(values.conditions ?? [])]);
    columns.name.push(values.config?.name ?? entry.listedName);
    columns.infoHash.push(values.config?.hashes.info ?? '');
    columns.configHash.push(values.config?.hashes.config ?? '');
    columns.guestHash.push(values.guest?.hash ?? '');
  }
  return born.every((one) => one === null) ? columns : { ...columns, born };
}

/** Bytes of JSON that one VM takes without its addresses, rounded up: ids, states, conditions, hashes, punctuation. */
const rowBytes = 500;
const addressBytes = 180;
/** Bytes of the envelope and the column names. */
const frameBytes = 1024;

/** At least one group, so that a host without VMs has a snapshot too. */
function groupBySize(entries: Iterable<VMEntry>, maxPartBytes: number): VMEntry[][] {
  let group: VMEntry[] = [];
  let bytes = frameBytes;
  const groups = [group];
  for (const entry of entries) {
    const addresses = entry.pending?.addresses?.value ?? lastSent(entry, 'addresses') ?? [];
    const texts = 3 * (entry.vm.length + entry.listedName.length + (lastSent(entry, 'config')?.name.length ?? 0));
    const size = rowBytes + texts + addresses.length * addressBytes;
    if (bytes + size > maxPartBytes && group.length > 0) {
      group = [];
      groups.push(group);
      bytes = frameBytes;
    }
    group.push(entry);
    bytes += size;
  }
  return groups;
}
