import {
  AddressesValue,
  Condition,
  ConditionsValue,
  ConfigValue,
  FleetHostState,
  fleetHostStates,
  GuestValue,
  HostMode,
  Identifier,
  StateValue,
  Version,
  VMState,
  vmStates,
} from '@vedette/model';
import type { HistoryRecord, HostRecord, VMDetail, VMRecord } from '@vedette/store';
import Type from 'typebox';

/**
 * The records as programs see them: one schema each, from which the type, the OpenAPI document and the tests come,
 * and the function that makes it from the store's record. Times are RFC 3339 by the wall clock of this process:
 * labels; `ageMs` is the measure.
 */

const closed = { additionalProperties: false } as const;
const Time = (description: string) => Type.String({ minLength: 20, maxLength: 40, description });
const knowledge = {
  observedAt: Type.Union([Time('when that was last proved; null: never in this run'), Type.Null()]),
  ageMs: Type.Union([
    Type.Number({ minimum: 0, description: 'milliseconds since the last proof (a poll or a heart-beat)' }),
    Type.Null(),
  ]),
} as const;

const vmFields = {
  id: Identifier,
  name: Type.String({ description: 'empty while unknown' }),
  state: VMState,
  lastState: Type.Optional(VMState),
  detail: Type.String({ description: 'why the state is what it is' }),
  host: Type.Optional(Identifier),
  conflict: Type.Array(Identifier, { description: 'hosts that run it at the same time; empty when all is well' }),
  realm: Type.Optional(Identifier),
  addresses: AddressesValue,
  conditions: ConditionsValue,
  vmVersion: Type.Integer({ minimum: 1 }),
  incarnation: Type.Integer({ minimum: 1 }),
  everRan: Type.Enum(['yes', 'no', 'unknown']),
  firstSeen: Time('when it was first seen'),
  lastChanged: Time('when the fleet was last told of a change'),
  ...knowledge,
} as const;

/** One VM in a listing. */
export const VMView = Type.Object(vmFields, { ...closed, title: 'VM' });
export type VMView = Readonly<Type.Static<typeof VMView>>;

const Register = <T extends Type.TSchema>(value: T) => Type.Optional(Type.Object({ version: Version, value }, closed));

const SightingView = Type.Object(
  {
    observer: Identifier,
    registers: Type.Object(
      {
        state: Register(StateValue),
        addresses: Register(AddressesValue),
        config: Register(ConfigValue),
        guest: Register(GuestValue),
        conditions: Register(Type.Array(Condition)),
      },
      closed,
    ),
    activation: Version,
    term: Type.Number(),
    committedMark: Type.Number(),
  },
  { ...closed, title: 'Sighting' },
);

/** One VM with what every observer says of it. */
export const VMDetailView = Type.Object(
  { ...vmFields, sightings: Type.Array(SightingView) },
  { ...closed, title: 'VMDetail' },
);
export type VMDetailView = Readonly<Type.Static<typeof VMDetailView>>;

export const HostView = Type.Object(
  {
    id: Identifier,
    name: Type.String(),
    realm: Identifier,
    url: Type.String({ description: 'how it is reached; carries no secret' }),
    origin: Type.Enum(['configuration', 'person'], { description: 'who named it last' }),
    state: FleetHostState,
    mode: HostMode,
    reason: Type.String({ description: 'why the state is what it is; empty when all is well' }),
    observable: Type.Boolean({ description: 'false: its VMs read as unknown' }),
    vms: Type.Integer({ minimum: 0, description: 'VMs whose truth it decides' }),
    waiting: Type.Integer({ minimum: 0, description: 'VMs that cannot be called gone before it has answered' }),
    hostUuid: Type.Optional(Type.String()),
    capabilities: Type.Record(Type.String(), Type.Unknown()),
    hostVersion: Type.Integer({ minimum: 0 }),
    epoch: Type.Integer({ minimum: 0 }),
    snapshot: Version,
    ...knowledge,
  },
  { ...closed, title: 'Host' },
);
export type HostView = Readonly<Type.Static<typeof HostView>>;

/** What a host left behind that was removed. */
export const RemovalView = Type.Object(
  {
    id: Identifier,
    name: Type.String(),
    vms: Type.Integer({ minimum: 0, description: 'VMs that no other host has: they read as unknown now' }),
  },
  { ...closed, title: 'Removal' },
);
export type RemovalView = Readonly<Type.Static<typeof RemovalView>>;

/** One line of what was seen of a VM. */
export const HistoryView = Type.Object(
  {
    sequence: Type.Integer({ minimum: 0, description: 'grows with every record of the store' }),
    at: Time('when it was seen, by the clock of who saw it'),
    by: Type.String({ description: 'the observer that said so, or `fleet`' }),
    name: Type.String({ description: 'the event, for instance `VMStateChanged`' }),
    vm: Identifier,
    via: Type.String({ description: 'poll, push or resync; empty for the fleet' }),
    data: Type.Record(Type.String(), Type.Unknown(), { description: "the event's data, less what stands beside it" }),
  },
  { ...closed, title: 'HistoryEntry' },
);
export type HistoryView = Readonly<Type.Static<typeof HistoryView>>;

/** A number for every state that anything is in. */
function Counts<S extends string>(states: readonly S[]) {
  const properties = Object.fromEntries(states.map((state) => [state, Type.Optional(Type.Integer({ minimum: 0 }))]));
  return Type.Unsafe<Partial<Record<S, number>>>(Type.Object(properties, closed));
}

export const StatusView = Type.Object(
  {
    version: Type.String({ description: 'of Vedette' }),
    node: Type.String({ description: 'version of Node.js' }),
    pid: Type.Integer(),
    startedAt: Time('when the API was started'),
    uptimeMs: Type.Number({ minimum: 0 }),
    store: Type.String({ description: "the store's identity; part of every stream position" }),
    position: Type.String({ description: 'the stream position now' }),
    streams: Type.Integer({ minimum: 0, description: 'open event streams' }),
    vms: Counts(vmStates),
    hosts: Counts(fleetHostStates),
  },
  { ...closed, title: 'Status' },
);
export type StatusView = Readonly<Type.Static<typeof StatusView>>;

/** @param wallMs the wall clock now */
export function vmView(record: VMRecord, wallMs: number): VMView {
  const { truth } = record;
  return {
    id: record.id,
    name: truth.name,
    state: truth.state,
    ...(truth.lastState === undefined ? {} : { lastState: truth.lastState }),
    detail: truth.detail,
    ...(truth.host === undefined ? {} : { host: truth.host }),
    conflict: truth.conflict,
    ...(truth.realm === undefined ? {} : { realm: truth.realm }),
    addresses: truth.addresses,
    conditions: truth.conditions,
    vmVersion: record.vmVersion,
    incarnation: record.incarnation,
    everRan: record.everRan,
    firstSeen: timeText(record.firstSeenMs),
    lastChanged: timeText(record.lastChangedMs),
    ...proof(record.ageMs, wallMs),
  };
}

/** @param wallMs the wall clock now */
export function vmDetailView(record: VMDetail, wallMs: number): VMDetailView {
  return { ...vmView(record, wallMs), sightings: record.sightings as VMDetailView['sightings'] };
}

/** @param wallMs the wall clock now */
export function hostView(record: HostRecord, wallMs: number): HostView {
  const { id, name, realm, url, origin, state, mode, reason, observable, vms, waiting, hostUuid, capabilities } =
    record;
  return {
    ...{ id, name, realm, url, origin, state, mode, reason, observable, vms, waiting },
    ...(hostUuid === undefined ? {} : { hostUuid }),
    capabilities,
    hostVersion: record.hostVersion,
    epoch: record.epoch,
    snapshot: record.snapshot,
    ...proof(record.ageMs, wallMs),
  };
}

export function historyView({ sequence, atMs, by, name, vm, via, data }: HistoryRecord): HistoryView {
  return { sequence, at: timeText(atMs), by, name, vm, via, data };
}

function proof(ageMs: number | null, wallMs: number): { observedAt: string | null; ageMs: number | null } {
  return { observedAt: ageMs === null ? null : timeText(wallMs - ageMs), ageMs };
}

function timeText(wallMs: number): string {
  return new Date(wallMs).toISOString();
}
