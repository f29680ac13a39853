import { Address, DeviceSample, HostSample, Identifier } from '@vedette/model';
import Type from 'typebox';
import { maxVmsAsked } from './limits.ts';

/** What is answered, by verb, but for `getAllRuntimeStats`, which is read by hand (runtime-stats.ts). */
const revision = Type.Integer({ minimum: 0 });
const shortText = Type.String({ maxLength: 1024 });

const head = { hostUuid: Identifier, boot: Identifier, rev: revision, stateRev: revision };

export const HelloReply = Type.Object({
  ...head,
  agent: Type.Object({ name: shortText, version: shortText, protocol: Type.Integer({ minimum: 0 }) }),
  /** Verbs it serves; others than ours are ignored. */
  verbs: Type.Array(Type.String({ maxLength: 64 }), { maxItems: 256 }),
  /** It may answer `since` with a delta. */
  delta: Type.Boolean(),
  /** It tells changes by itself. */
  hints: Type.Boolean(),
  /** Between two heart-beats; 0: there are none. */
  heartBeatMs: Type.Number({ minimum: 0 }),
  /** Guest details may come from inside the guest. */
  guestAgent: Type.Boolean(),
});
export type HelloReply = Readonly<Type.Static<typeof HelloReply>>;

export const Observation = Type.Enum(['ok', 'unavailable', 'unsupported']);

/** One VM's section: `hash` and `content` if and only if `ok`; `error` says why not. */
const section = <S extends Type.TSchema>(content: S) =>
  Type.Object({
    vmId: Identifier,
    observed: Observation,
    hash: Type.Optional(Type.String({ pattern: '^[0-9A-Za-z]{1,64}$' })),
    content: Type.Optional(content),
    error: Type.Optional(shortText),
  });

/** `missing`: asked for, and left for another question, because the reply was full. */
const sectionsOf = <S extends Type.TSchema>(content: S) =>
  Type.Object({
    ...head,
    sections: Type.Array(section(content), { maxItems: maxVmsAsked }),
    missing: Type.Array(Identifier, { maxItems: maxVmsAsked }),
  });

/** A document of the source's own members. */
export const OpenDocument = Type.Record(Type.String(), Type.Unknown());
export const GuestContent = Type.Object({
  addresses: Type.Array(Address, { maxItems: 4_096 }),
  os: shortText,
  hostname: shortText,
  apps: Type.Array(shortText, { maxItems: 16_384 }),
});

export const DocumentsReply = sectionsOf(OpenDocument);
export const GuestReply = sectionsOf(GuestContent);

export const DeviceStatsReply = Type.Object({
  ...head,
  samples: Type.Array(Type.Object({ vmId: Identifier, sample: DeviceSample })),
  /** The last VM of this page, where there are more. */
  next: Type.Optional(Identifier),
});
export type DeviceStatsReply = Readonly<Type.Static<typeof DeviceStatsReply>>;

export const HostStatsReply = Type.Object({ ...head, sample: HostSample });
export type HostStatsReply = Readonly<Type.Static<typeof HostStatsReply>>;

export const CapabilitiesReply = Type.Object({
  ...head,
  hostname: shortText,
  capabilities: OpenDocument,
  unfit: shortText,
});
export type CapabilitiesReply = Readonly<Type.Static<typeof CapabilitiesReply>>;

export const StartReply = Type.Object({
  ...head,
  outcome: Type.Enum(['started', 'active', 'expired', 'refused']),
  detail: shortText,
});
export type StartReply = Readonly<Type.Static<typeof StartReply>>;
