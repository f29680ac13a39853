import Type from 'typebox';
import { VMState } from './states.ts';
import { Version } from './versions.ts';

/**
 * The five registers of a sighting (I4). Each is set as a whole, with its own version; the value types here are what
 * events carry, what the store keeps and what `diff` compares.
 */
export const registerNames = ['state', 'addresses', 'config', 'guest', 'conditions'] as const;
export type RegisterName = (typeof registerNames)[number];

const shortText = (description: string) => Type.String({ maxLength: 1024, description });

/** 64 bits in hex: of canonical JSON, see {@link contentHash}. Empty: no content. Opaque when an agent computed it. */
export const ContentHash = Type.String({ maxLength: 64, pattern: '^[0-9A-Za-z]*$' });

export const RawState = Type.Object(
  { state: shortText('the source state, verbatim'), reason: shortText('the source reason, verbatim; empty when none') },
  { additionalProperties: false },
);
export type RawState = Readonly<Type.Static<typeof RawState>>;

export const StateValue = Type.Object(
  {
    state: VMState,
    reason: shortText('why, in words people and programs can use; empty when the source gives none'),
    raw: RawState,
    /** The version at which this observer last saw the VM become active; `zeroVersion` if it never was. */
    activation: Version,
    /** Whether the event of that activation waited for the bus or was coalesced: its position then orders nothing. */
    held: Type.Boolean(),
    /** The version at which this observer saw the VM removed and defined anew under its UUID (M8); left out: never. */
    born: Type.Optional(Version),
    /** Of `absent` and `migrated_away`: the last state in which this observer saw the VM present. */
    lastPresent: Type.Optional(VMState),
  },
  { additionalProperties: false },
);
export type StateValue = Readonly<Type.Static<typeof StateValue>>;

export const AddressFamily = Type.Enum(['ipv4', 'ipv6']);
export const AddressScope = Type.Enum(['public', 'private', 'link']);
export const AddressSource = Type.Enum(['agent', 'lease', 'neighbour', 'provider']);

export const Address = Type.Object(
  {
    address: Type.String({ minLength: 2, maxLength: 45, description: 'canonical text form, without prefix length' }),
    family: AddressFamily,
    scope: AddressScope,
    mac: Type.String({ maxLength: 64, description: 'lower case with colons; empty when the source gives none' }),
    interface: Type.String({ maxLength: 255, description: "the guest's name of the interface; empty when unknown" }),
    source: AddressSource,
  },
  { additionalProperties: false },
);
export type Address = Readonly<Type.Static<typeof Address>>;

/** Sorted by address, then by MAC; no address twice with the same MAC. */
export const AddressesValue = Type.Array(Address, { maxItems: 4096 });
export type AddressesValue = ReadonlyArray<Address>;

/** A section as its source gave it: canonical JSON without secrets and runtime fields. */
export const SectionDocument = Type.Record(Type.String(), Type.Unknown());
export type SectionDocument = Readonly<Record<string, unknown>>;

export const ConfigValue = Type.Object(
  {
    name: Type.String({ maxLength: 1024, description: "the VM's name; empty while unknown" }),
    /** One hash a section; what a snapshot carries in place of the documents. */
    hashes: Type.Object({ info: ContentHash, config: ContentHash }, { additionalProperties: false }),
    /** Left out in snapshots, and in the store until the observer has sent it. */
    document: Type.Optional(
      Type.Object({ info: SectionDocument, config: SectionDocument }, { additionalProperties: false }),
    ),
  },
  { additionalProperties: false },
);
export type ConfigValue = Readonly<Type.Static<typeof ConfigValue>>;

export const GuestValue = Type.Object(
  {
    hash: ContentHash,
    /** Left out in snapshots, and in the store until the observer has sent it. */
    document: Type.Optional(
      Type.Object(
        {
          os: shortText('name and version of the operating system; empty when unknown'),
          hostname: shortText('the name the guest gives itself; empty when unknown'),
          appsHash: ContentHash,
        },
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false },
);
export type GuestValue = Readonly<Type.Static<typeof GuestValue>>;

export const conditionNames = ['watchdog', 'io_error', 'memory', 'nic'] as const;
export const Condition = Type.Enum([...conditionNames]);
export type Condition = (typeof conditionNames)[number];

/** The full set of what is wrong now, sorted, each once. */
export const ConditionsValue = Type.Array(Condition, { maxItems: conditionNames.length });
export type ConditionsValue = ReadonlyArray<Condition>;

/** The value type of each register. */
export interface RegisterValues {
  readonly state: StateValue;
  readonly addresses: AddressesValue;
  readonly config: ConfigValue;
  readonly guest: GuestValue;
  readonly conditions: ConditionsValue;
}

/** A register's value with the version that set it. */
export interface Register<T> {
  readonly version: Version;
  readonly value: T;
}

/** The registers that an observer has set of one VM; one never set is left out. */
export type Registers = { readonly [N in RegisterName]?: Register<RegisterValues[N]> };
