import { DOMAIN_BYTES, type Domain, decodeDomain, encodeDomain, encodeUuid } from './domain.ts';
import { decodeTypedParams, type TypedParams } from './typed-params.ts';
import type { XdrDecoder, XdrEncoder } from './xdr.ts';

/**
 * The calls of libvirt's remote program that this client makes: number, arguments, result. The numbers and structures
 * are those of libvirt's remote_protocol.x, whose compatibility libvirt keeps for ever.
 */
export interface Procedure<Args, Result> {
  readonly number: number;
  /** As it reads in errors. */
  readonly name: string;
  readonly encode: (encoder: XdrEncoder, args: Args) => unknown;
  readonly decode: (decoder: XdrDecoder) => Result;
}

export const REMOTE_PROGRAM = 0x20008086;
export const REMOTE_VERSION = 1;

/** Bounds of remote_protocol.x: longer lists are refused. */
const DOMAINS_MAX = 16_384;
const STATS_PARAMS_MAX = 262_144;
const GUEST_INFO_PARAMS_MAX = 2_048;
const INTERFACES_MAX = 2_048;
const ADDRESSES_MAX = 2_048;
const NODE_STATS_MAX = 16;
const AUTH_TYPES_MAX = 20;

const nothing = (): void => undefined;

export const authList: Procedure<void, readonly number[]> = {
  number: 66,
  name: 'auth list',
  encode: nothing,
  decode: (decoder) => decoder.array(AUTH_TYPES_MAX, 4, () => decoder.int()),
};

export const authPolkit: Procedure<void, boolean> = {
  number: 70,
  name: 'auth polkit',
  encode: nothing,
  decode: (decoder) => decoder.int() !== 0,
};

export const supportsFeature: Procedure<number, boolean> = {
  number: 60,
  name: 'supports feature',
  encode: (encoder, feature) => encoder.int(feature),
  decode: (decoder) => decoder.int() !== 0,
};

export const open: Procedure<{ readonly uri: string; readonly flags: number }, void> = {
  number: 1,
  name: 'open',
  encode: (encoder, { uri, flags }) => encoder.optional(uri, () => encoder.string(uri)).uint(flags),
  decode: nothing,
};

export const close: Procedure<void, void> = { number: 2, name: 'close', encode: nothing, decode: nothing };

export const getVersion: Procedure<void, number> = {
  number: 4,
  name: 'get hypervisor version',
  encode: nothing,
  decode: (decoder) => decoder.unsignedHyper(),
};

export const getLibVersion: Procedure<void, number> = {
  number: 157,
  name: 'get libvirt version',
  encode: nothing,
  decode: (decoder) => decoder.unsignedHyper(),
};

export const getHostname: Procedure<void, string> = {
  number: 59,
  name: 'get hostname',
  encode: nothing,
  decode: (decoder) => decoder.string(),
};

export const getCapabilities: Procedure<void, string> = {
  number: 7,
  name: 'get capabilities',
  encode: nothing,
  decode: (decoder) => decoder.string(),
};

/** What the machine is made of. */
export interface NodeInfo {
  readonly cpuModel: string;
  readonly memoryKiB: number;
  /** Active CPUs. */
  readonly cpus: number;
  readonly mhz: number;
  readonly numaNodes: number;
  readonly socketsPerNode: number;
  readonly coresPerSocket: number;
  readonly threadsPerCore: number;
}

export const nodeGetInfo: Procedure<void, NodeInfo> = {
  number: 6,
  name: 'get node info',
  encode: nothing,
  decode: (decoder) => ({
    cpuModel: decodeCharArray(decoder, 32),
    memoryKiB: decoder.unsignedHyper(),
    cpus: decoder.int(),
    mhz: decoder.int(),
    numaNodes: decoder.int(),
    socketsPerNode: decoder.int(),
    coresPerSocket: decoder.int(),
    threadsPerCore: decoder.int(),
  }),
};

/** `char x[n]` travels as n words. */
function decodeCharArray(decoder: XdrDecoder, length: number): string {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; at++) bytes[at] = decoder.int() & 0xff;
  const end = bytes.indexOf(0);
  return bytes.toString('utf8', 0, end === -1 ? length : end);
}

export interface NodeStats {
  readonly values: ReadonlyMap<string, number>;
  /** How many values there are: asked with 0 wanted, the answer is this count and no values. */
  readonly count: number;
}

function decodeNodeStats(decoder: XdrDecoder): NodeStats {
  const values = new Map<string, number>();
  decoder.array(NODE_STATS_MAX, 12, () => values.set(decoder.string(), decoder.unsignedHyper()));
  return { values, count: decoder.int() };
}

/** For all CPUs together. */
export const nodeGetCpuStats: Procedure<number, NodeStats> = {
  number: 227,
  name: 'get node cpu stats',
  encode: (encoder, wanted) => encoder.int(-1).int(wanted).uint(0),
  decode: decodeNodeStats,
};

/** For all NUMA cells together. */
export const nodeGetMemoryStats: Procedure<number, NodeStats> = {
  number: 228,
  name: 'get node memory stats',
  encode: (encoder, wanted) => encoder.int(wanted).int(-1).uint(0),
  decode: decodeNodeStats,
};

export const listAllDomains: Procedure<void, readonly Domain[]> = {
  number: 273,
  name: 'list domains',
  encode: (encoder) => encoder.int(1).uint(0), // want the domains, not only their number; active and inactive
  decode: (decoder) => {
    const domains = decoder.array(DOMAINS_MAX, DOMAIN_BYTES, decodeDomain);
    decoder.uint(); // their number once more
    return domains;
  },
};

export const domainLookupByUuid: Procedure<string, Domain> = {
  number: 24,
  name: 'look up domain',
  encode: (encoder, uuid) => encodeUuid(encoder, uuid),
  decode: decodeDomain,
};

export interface DomainState {
  /** virDomainState; see {@link domainStates}. */
  readonly state: number;
  /** Its meaning depends on the state. */
  readonly reason: number;
}

export const domainGetState: Procedure<Domain, DomainState> = {
  number: 212,
  name: 'get domain state',
  encode: (encoder, domain) => {
    encodeDomain(encoder, domain);
    encoder.uint(0);
  },
  decode: (decoder) => ({ state: decoder.int(), reason: decoder.int() }),
};

export interface DomainInfo {
  /** As in {@link DomainState}. */
  readonly state: number;
  readonly maxMemoryKiB: number;
  readonly memoryKiB: number;
  readonly vcpus: number;
  /** Since the domain was started; 0 when it is not active. */
  readonly cpuTimeNs: number;
}

export const domainGetInfo: Procedure<Domain, DomainInfo> = {
  number: 16,
  name: 'get domain info',
  encode: encodeDomain,
  decode: (decoder) => ({
    state: decoder.uint(),
    maxMemoryKiB: decoder.unsignedHyper(),
    memoryKiB: decoder.unsignedHyper(),
    vcpus: decoder.uint(),
    cpuTimeNs: decoder.unsignedHyper(),
  }),
};

export const domainGetXml: Procedure<{ readonly domain: Domain; readonly flags: number }, string> = {
  number: 14,
  name: 'get domain XML',
  encode: (encoder, { domain, flags }) => {
    encodeDomain(encoder, domain);
    encoder.uint(flags);
  },
  decode: (decoder) => decoder.string(),
};

export interface DomainStats {
  readonly domain: Domain;
  readonly params: TypedParams;
}

export interface StatsRequest {
  /** None: all domains. */
  readonly domains: readonly Domain[];
  readonly groups: number;
  readonly flags: number;
}

export const getAllDomainStats: Procedure<StatsRequest, readonly DomainStats[]> = {
  number: 344,
  name: 'get domain stats',
  encode: (encoder, { domains, groups, flags }) =>
    encoder
      .array(domains, encodeDomain)
      .uint(groups >>> 0)
      .uint(flags >>> 0),
  decode: (decoder) =>
    decoder.array(DOMAINS_MAX, DOMAIN_BYTES + 4, () => ({
      domain: decodeDomain(decoder),
      params: decodeTypedParams(decoder, STATS_PARAMS_MAX),
    })),
};

export interface GuestAddress {
  readonly family: 'ipv4' | 'ipv6';
  readonly address: string;
  readonly prefixLength: number;
}

export interface GuestInterface {
  /** As the source calls it: the guest's own name from the agent, the host's from leases and neighbours. */
  readonly name: string;
  readonly mac: string | undefined;
  readonly addresses: readonly GuestAddress[];
}

export const domainInterfaceAddresses: Procedure<
  { readonly domain: Domain; readonly source: number },
  readonly GuestInterface[]
> = {
  number: 353,
  name: 'get interface addresses',
  encode: (encoder, { domain, source }) => {
    encodeDomain(encoder, domain);
    encoder.uint(source).uint(0);
  },
  decode: (decoder) => decoder.array(INTERFACES_MAX, 12, decodeGuestInterface),
};

function decodeGuestInterface(decoder: XdrDecoder): GuestInterface {
  return {
    name: decoder.string(),
    mac: decoder.optional(() => decoder.string()),
    addresses: decoder.array(ADDRESSES_MAX, 12, () => ({
      family: decoder.int() === 0 ? 'ipv4' : 'ipv6',
      address: decoder.string(),
      prefixLength: decoder.uint(),
    })),
  };
}

export const domainGetGuestInfo: Procedure<{ readonly domain: Domain; readonly types: number }, TypedParams> = {
  number: 418,
  name: 'get guest info',
  encode: (encoder, { domain, types }) => {
    encodeDomain(encoder, domain);
    encoder.uint(types).uint(0);
  },
  decode: (decoder) => decodeTypedParams(decoder, GUEST_INFO_PARAMS_MAX),
};

export const domainAgentSetResponseTimeout: Procedure<{ readonly domain: Domain; readonly timeoutS: number }, void> = {
  number: 420,
  name: 'set agent response timeout',
  encode: (encoder, { domain, timeoutS }) => {
    encodeDomain(encoder, domain);
    encoder.int(timeoutS).uint(0);
  },
  decode: (decoder) => {
    decoder.int(); // 0: errors come as errors
  },
};

export const domainCreateWithFlags: Procedure<{ readonly domain: Domain; readonly flags: number }, Domain> = {
  number: 196,
  name: 'start domain',
  encode: (encoder, { domain, flags }) => {
    encodeDomain(encoder, domain);
    encoder.uint(flags);
  },
  decode: decodeDomain,
};

/** Returns the number of the registration, which lasts as long as the connection. */
export const registerDomainEvent: Procedure<number, number> = {
  number: 316,
  name: 'register for domain events',
  encode: (encoder, eventId) => encoder.int(eventId).optional(undefined, nothing), // of every domain
  decode: (decoder) => decoder.int(),
};
