import Type from 'typebox';
import { eventSchema, Timestamp } from './envelope.ts';
import { Identifier } from './identifiers.ts';
import {
  Address,
  AddressesValue,
  Condition,
  ConditionsValue,
  ConfigValue,
  ContentHash,
  GuestValue,
  RawState,
  StateValue,
} from './registers.ts';
import { DeviceSample, HostSample } from './samples.ts';
import { FleetHostState, HostMode, HostState, VMState } from './states.ts';
import { Version } from './versions.ts';

/** The events, each defined once: type, validator and JSON Schema all come from here (docs/contracts.md). */

/** Most states that one coalesced change names between `from` and `to`. */
export const maxPassedStates = 16;

const Via = Type.Enum(['poll', 'push', 'resync']);
export type Via = Type.Static<typeof Via>;

const observation = {
  version: Version,
  /** When the observer saw it, RFC 3339 by its own wall clock: a label. */
  observedAt: Timestamp,
  via: Via,
};
const ofVm = { host: Identifier, vm: Identifier, ...observation };
const closed = { additionalProperties: false } as const;
/** A code (`bus_disconnected`, `hosts_failing`) and, after a colon, words. */
const BlindReason = Type.String({ minLength: 1, maxLength: 1024 });
const Sampled = Type.Union([Type.Number({ minimum: 0 }), Type.Null()]);

export const VMStateChanged = eventSchema(
  'VMStateChanged',
  Type.Object(
    {
      ...ofVm,
      /** Left out the first time this observer sees the VM. */
      from: Type.Optional(VMState),
      to: VMState,
      /** States gone through since `from` that no event of their own tells, oldest first. */
      passed: Type.Array(VMState, { maxItems: maxPassedStates }),
      value: StateValue,
    },
    closed,
  ),
);
export type VMStateChanged = Type.Static<typeof VMStateChanged>;

export const IPChanged = eventSchema(
  'IPChanged',
  Type.Object({ ...ofVm, added: Type.Array(Address), removed: Type.Array(Address), value: AddressesValue }, closed),
);
export type IPChanged = Type.Static<typeof IPChanged>;

export const VMConfigChanged = eventSchema(
  'VMConfigChanged',
  Type.Object({ ...ofVm, sections: Type.Array(Type.Enum(['info', 'config'])), value: ConfigValue }, closed),
);
export type VMConfigChanged = Type.Static<typeof VMConfigChanged>;

export const VMGuestChanged = eventSchema('VMGuestChanged', Type.Object({ ...ofVm, value: GuestValue }, closed));
export type VMGuestChanged = Type.Static<typeof VMGuestChanged>;

export const VMConditionChanged = eventSchema(
  'VMConditionChanged',
  Type.Object(
    { ...ofVm, raised: Type.Array(Condition), cleared: Type.Array(Condition), value: ConditionsValue },
    closed,
  ),
);
export type VMConditionChanged = Type.Static<typeof VMConditionChanged>;

/** Columns of equal length, one entry a VM. */
export const SnapshotColumns = Type.Object(
  {
    vm: Type.Array(Identifier),
    state: Type.Array(VMState),
    reason: Type.Array(Type.String({ maxLength: 1024 })),
    raw: Type.Array(RawState),
    activation: Type.Array(Version),
    held: Type.Array(Type.Boolean()),
    /** Left out where no VM of the part was ever defined anew; null for one that was not. */
    born: Type.Optional(Type.Array(Type.Union([Version, Type.Null()]))),
    /** null: never observed since the VM became active; the register is then left as it is. */
    addresses: Type.Array(Type.Union([AddressesValue, Type.Null()])),
    conditions: Type.Array(ConditionsValue),
    /** Empty name or hash: nothing observed yet; the register is then left as it is. */
    name: Type.Array(Type.String({ maxLength: 1024 })),
    infoHash: Type.Array(ContentHash),
    configHash: Type.Array(ContentHash),
    guestHash: Type.Array(ContentHash),
  },
  closed,
);
export type SnapshotColumns = Type.Static<typeof SnapshotColumns>;

/**
 * One part of everything an observer sees. Parts carry consecutive seqs and all name the snapshot's version, the
 * last part's; a part is applied by itself, at that version. Whoever applies the last missing part marks as absent
 * what no part named.
 */
export const HostSnapshot = eventSchema(
  'HostSnapshot',
  Type.Object(
    {
      host: Identifier,
      ...observation,
      snapshot: Version,
      part: Type.Integer({ minimum: 1 }),
      parts: Type.Integer({ minimum: 1 }),
      columns: SnapshotColumns,
    },
    closed,
  ),
);
export type HostSnapshot = Type.Static<typeof HostSnapshot>;

export const HostStateChanged = eventSchema(
  'HostStateChanged',
  Type.Object(
    {
      host: Identifier,
      ...observation,
      from: Type.Optional(HostState),
      to: HostState,
      /** A code (`refused`, `timeout`, `identity_conflict`...) and, after a colon, words. Empty when all is well. */
      reason: Type.String({ maxLength: 1024 }),
      /** VMs this host was last seen with. */
      vms: Type.Integer({ minimum: 0 }),
      hostUuid: Type.Optional(Type.String({ maxLength: 128 })),
      capabilities: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
    },
    closed,
  ),
);
export type HostStateChanged = Type.Static<typeof HostStateChanged>;

/**
 * Volatile, every 15 s at most: what was sampled of a host's VMs, in columns of equal length. A host with many VMs gives
 * several messages, each speaking for the VMs it names. null: the source does not tell, or not now.
 */
export const VMStatsSampled = eventSchema(
  'VMStatsSampled',
  Type.Object(
    {
      host: Identifier,
      observedAt: Timestamp,
      columns: Type.Object(
        {
          vm: Type.Array(Identifier),
          name: Type.Array(Type.String({ maxLength: 1024 })),
          state: Type.Array(VMState),
          /** Shares of one processor since the sample before. */
          cpuUser: Type.Array(Sampled),
          cpuSystem: Type.Array(Sampled),
          memoryPercent: Type.Array(Sampled),
          elapsedS: Type.Array(Sampled),
          /** Left out where devices were not sampled this time; they are every 5 min. */
          devices: Type.Optional(Type.Array(Type.Union([DeviceSample, Type.Null()]))),
        },
        closed,
      ),
    },
    closed,
  ),
);
export type VMStatsSampled = Type.Static<typeof VMStatsSampled>;

/** Volatile, every 15 s at most: the host's own figures. */
export const HostStatsSampled = eventSchema(
  'HostStatsSampled',
  Type.Object({ host: Identifier, observedAt: Timestamp, sample: HostSample }, closed),
);
export type HostStatsSampled = Type.Static<typeof HostStatsSampled>;

/** What an observer publishes for keeps: everything the store applies. */
export type ObserverEvent =
  | VMStateChanged
  | IPChanged
  | VMConfigChanged
  | VMGuestChanged
  | VMConditionChanged
  | HostSnapshot
  | HostStateChanged;

/**
 * Volatile, every 3 s from every member that runs observers: proof that its hosts are watched. `provedAgoMs` holds
 * for all hosts of the member but those in `exceptions`.
 */
export const HostCoverage = eventSchema(
  'HostCoverage',
  Type.Object(
    {
      member: Identifier,
      hosts: Type.Integer({ minimum: 0 }),
      provedAgoMs: Type.Number({ minimum: 0 }),
      /** Hosts whose last proof is older than `provedAgoMs`; null where there has been none in this run. */
      exceptions: Type.Record(Type.String(), Type.Union([Type.Number({ minimum: 0 }), Type.Null()])),
      /** Marks heard and answered by a complete listing begun afterwards, with the last version published before. */
      marks: Type.Array(
        Type.Object({ host: Identifier, mark: Type.Integer({ minimum: 1 }), version: Version }, closed),
      ),
      /** Left out while the member sees: it is blind, and whatever it does not see counts against no host (I2). */
      blind: Type.Optional(Type.Object({ since: Timestamp, why: BlindReason }, closed)),
    },
    closed,
  ),
);
export type HostCoverage = Type.Static<typeof HostCoverage>;

/**
 * A member cannot see its hosts, for a reason of its own: no host is called non-responsive for it (I2). Told when it
 * begins, or as soon as the bus is back, and once more with `until` when it is over; when it was over before it could be
 * told, only the second.
 */
export const MonitorBlind = eventSchema(
  'MonitorBlind',
  Type.Object(
    {
      member: Identifier,
      since: Timestamp,
      why: BlindReason,
      /** Hosts concerned, the most there were. */
      hosts: Type.Integer({ minimum: 0 }),
      /** Since when the member sees again; every host has its full grace from then on. */
      until: Type.Optional(Timestamp),
    },
    closed,
  ),
);
export type MonitorBlind = Type.Static<typeof MonitorBlind>;

/** Volatile: asks every observer of the realms (all when empty) to list at once and to echo the mark. */
export const MarkCast = eventSchema(
  'MarkCast',
  Type.Object({ mark: Type.Integer({ minimum: 1 }), realms: Type.Array(Identifier) }, closed),
);
export type MarkCast = Type.Static<typeof MarkCast>;

/** Why a VM's truth changed; the first that applies, in this order. */
export const vmChangeReasons = [
  'discovered',
  'gone',
  'split_brain',
  'unknown',
  'recovered',
  'migrated',
  'started',
  'stopped',
  'failed',
  'state',
  'addresses',
  'conditions',
  'config',
] as const;
export const VMChangeReason = Type.Enum([...vmChangeReasons]);
export type VMChangeReason = (typeof vmChangeReasons)[number];

/** The fleet's truth about one VM, as `VMChanged` tells it and the store keeps it. */
export const vmTruthFields = {
  state: VMState,
  /** Of `unknown` and `gone`: the last state it was known to be in. */
  lastState: Type.Optional(VMState),
  /** Why the state is what it is: the observer's reason, or what `resolve` says about not knowing. */
  detail: Type.String({ maxLength: 2048 }),
  /** The host whose sighting decides; left out when none does. */
  host: Type.Optional(Identifier),
  /** Hosts that really run it at the same time (split brain), sorted; empty when all is well. */
  conflict: Type.Array(Identifier),
  realm: Type.Optional(Identifier),
  name: Type.String({ maxLength: 1024 }),
  addresses: AddressesValue,
  conditions: ConditionsValue,
} as const;
export const VMTruth = Type.Object(vmTruthFields, closed);
export type VMTruth = Readonly<Type.Static<typeof VMTruth>>;

/** The log position within the store's identity: what `GET /v1/events` resumes from. */
const fleetEnvelope = { position: Type.Integer({ minimum: 1 }) };

export const VMChanged = eventSchema(
  'VMChanged',
  Type.Object(
    {
      ...fleetEnvelope,
      vm: Identifier,
      vmVersion: Type.Integer({ minimum: 1 }),
      incarnation: Type.Integer({ minimum: 1 }),
      reason: VMChangeReason,
      ...vmTruthFields,
      /** The former value of everything that changed; absent fields are unchanged. Empty when discovered. */
      previous: Type.Partial(VMTruth, closed),
    },
    closed,
  ),
);
export type VMChanged = Type.Static<typeof VMChanged>;

export const HostChanged = eventSchema(
  'HostChanged',
  Type.Object(
    {
      ...fleetEnvelope,
      host: Identifier,
      hostVersion: Type.Integer({ minimum: 1 }),
      name: Type.String({ maxLength: 1024 }),
      realm: Identifier,
      from: Type.Optional(FleetHostState),
      state: FleetHostState,
      mode: HostMode,
      reason: Type.String({ maxLength: 1024 }),
      /** VMs that this record speaks for. */
      vms: Type.Integer({ minimum: 0 }),
    },
    closed,
  ),
);
export type HostChanged = Type.Static<typeof HostChanged>;

/** What the updater publishes: the fleet's truth. */
export type FleetEvent = VMChanged | HostChanged;

/** Every event schema by name; what the published contracts and the conformance tests iterate over. */
export const eventSchemas = {
  VMStateChanged,
  IPChanged,
  VMConfigChanged,
  VMGuestChanged,
  VMConditionChanged,
  HostSnapshot,
  HostStateChanged,
  VMStatsSampled,
  HostStatsSampled,
  HostCoverage,
  MonitorBlind,
  MarkCast,
  VMChanged,
  HostChanged,
} as const;
export type EventName = keyof typeof eventSchemas;
