/**
 * The numbers of libvirt's public API (libvirt-domain.h, virterror.h) that this client uses or hands out. They are part
 * of libvirt's ABI: none ever changes its meaning.
 */

/** Groups of bulk statistics. Those marked (monitor) ask QEMU itself and hang with it; the others never do. */
export const statsGroups = {
  state: 1 << 0,
  /** (monitor), since libvirt 8.10: for the time the host's processors polled for this guest. */
  cpuTotal: 1 << 1,
  /** (monitor) */
  balloon: 1 << 2,
  /** (monitor) */
  vcpu: 1 << 3,
  interface: 1 << 4,
  /** (monitor) */
  block: 1 << 5,
  perf: 1 << 6,
  /** (monitor) */
  iothread: 1 << 7,
  memory: 1 << 8,
  /** (monitor) */
  dirtyRate: 1 << 9,
  /** (monitor) */
  vm: 1 << 10,
} as const;

export type StatsGroup = keyof typeof statsGroups;

/** The groups that are answered whatever QEMU does. Processor time without a monitor: LibvirtConnection.domainInfo. */
export const groupsWithoutMonitor: readonly StatsGroup[] = ['state', 'interface'];

export const statsFlags = {
  /**
   * Leave out what would have to wait for a job that another call holds on the domain. The first call that meets a hung
   * QEMU blocks all the same, with this flag too: only calls made while it blocks return.
   */
  noWait: 1 << 29,
} as const;

/** virDomainXMLFlags. */
export const xmlFlags = {
  /** With passwords; refused on a read-only connection. */
  secure: 1 << 0,
  /** The definition for the next start instead of the running one. */
  inactive: 1 << 1,
} as const;

/** virDomainInterfaceAddressesSource. */
export const addressSources = { lease: 0, agent: 1, arp: 2 } as const;

export type AddressSource = keyof typeof addressSources;

/** virDomainGuestInfoTypes. */
export const guestInfoTypes = {
  users: 1 << 0,
  os: 1 << 1,
  timezone: 1 << 2,
  hostname: 1 << 3,
  filesystems: 1 << 4,
  disks: 1 << 5,
  interfaces: 1 << 6,
} as const;

export type GuestInfoType = keyof typeof guestInfoTypes;

/** virDomainState: the first number of a state. */
export const domainStates = {
  noState: 0,
  running: 1,
  blocked: 2,
  paused: 3,
  shutdown: 4,
  shutoff: 5,
  crashed: 6,
  pmSuspended: 7,
} as const;

/** virDomainEventType: what a lifecycle event says happened. */
export const lifecycleEvents = {
  defined: 0,
  undefined: 1,
  started: 2,
  suspended: 3,
  resumed: 4,
  stopped: 5,
  shutdown: 6,
  pmSuspended: 7,
  crashed: 8,
} as const;

/** virErrorNumber: those that are told apart. */
export const errorCodes = {
  internalError: 1,
  noSupport: 3,
  operationDenied: 29,
  rpc: 39,
  noDomain: 42,
  authFailed: 45,
  operationInvalid: 55,
  operationTimeout: 68,
  argumentUnsupported: 74,
  authCancelled: 79,
  operationUnsupported: 84,
  agentUnresponsive: 86,
  resourceBusy: 87,
  accessDenied: 88,
  authUnavailable: 94,
  agentUnsynced: 97,
  agentCommandTimeout: 112,
  agentCommandFailed: 113,
} as const;
