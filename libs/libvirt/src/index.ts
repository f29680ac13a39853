export {
  type LibvirtAddress,
  type LibvirtTransport,
  libvirtTransports,
  parseLibvirtUri,
  type SocketMode,
  type SshAddress,
  type SshProxy,
  type TcpAddress,
  type TlsAddress,
  type UnixAddress,
} from './address.ts';
export type { AgentCalls } from './agent-calls.ts';
export { type ConnectOptions, connectLibvirt } from './connect.ts';
export type { LibvirtConnection, StatsOptions } from './connection.ts';
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
export { dialAddress } from './dial.ts';
export type { Domain } from './domain.ts';
export type { EventStream, EventsLost } from './event-stream.ts';
export {
  type DomainEvent,
  type DomainEventType,
  domainEventTypes,
  type IoErrorAction,
  type MemoryFailureAction,
  type MemoryFailureRecipient,
  type WatchdogAction,
} from './events.ts';
export type { HostObject, NodeCpuTimes } from './host-procedures.ts';
export type {
  DomainControlInfo,
  DomainDiskError,
  DomainJobInfo,
  DomainJobOperation,
  DomainJobStats,
  DomainJobType,
} from './job-procedures.ts';
export type { KeepAliveOptions } from './keep-alive.ts';
export type { DomainInfo, DomainState, DomainStats, GuestAddress, GuestInterface, NodeInfo } from './procedures.ts';
export { RemoteError, remoteErrorOf } from './remote-error.ts';
export type { CallOptions } from './rpc.ts';
export { LibvirtSession, type SessionEvent, type SessionOptions } from './session.ts';
export { type Dial, dialTcp, dialUnix, type Transport, type TransportHandlers } from './transport.ts';
export type { TypedParams, TypedValue } from './typed-params.ts';
export {
  type DomainBalloon,
  type DomainDefinition,
  type DomainDisk,
  type DomainGraphics,
  type DomainInterface,
  type DomainWatchdog,
  parseDomainXml,
} from './xml/domain-definition.ts';
export { type HostCapabilities, parseHostCapabilities } from './xml/host-capabilities.ts';
export { find, findAll, parseXml, type XmlElement, type XmlLimits } from './xml/reader.ts';
