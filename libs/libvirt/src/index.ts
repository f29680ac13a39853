export { type LibvirtAddress, parseLibvirtUri } from './address.ts';
export type { AgentCalls } from './agent-calls.ts';
export {
  type ConnectOptions,
  connectLibvirt,
  type LibvirtConnection,
  type StatsOptions,
} from './connection.ts';
export {
  type AddressSource,
  addressSources,
  domainStates,
  errorCodes,
  type GuestInfoType,
  groupsWithoutMonitor,
  guestInfoTypes,
  lifecycleEvents,
  type StatsGroup,
  statsFlags,
  statsGroups,
  xmlFlags,
} from './constants.ts';
export type { Domain } from './domain.ts';
export type { EventStream, EventsLost } from './event-stream.ts';
export type { DomainEvent, DomainEventType } from './events.ts';
export type { DomainInfo, DomainState, DomainStats, GuestAddress, GuestInterface, NodeInfo } from './procedures.ts';
export { RemoteError, remoteErrorOf } from './remote-error.ts';
export type { CallOptions } from './rpc.ts';
export { LibvirtSession, type SessionEvent, type SessionOptions } from './session.ts';
export { type Dial, dialUnix, type Transport, type TransportHandlers } from './transport.ts';
export type { TypedParams, TypedValue } from './typed-params.ts';
export {
  type DomainDefinition,
  type DomainDisk,
  type DomainGraphics,
  type DomainInterface,
  parseDomainXml,
} from './xml/domain-definition.ts';
export { type HostCapabilities, parseHostCapabilities } from './xml/host-capabilities.ts';
export { find, findAll, parseXml, type XmlElement, type XmlLimits } from './xml/reader.ts';
