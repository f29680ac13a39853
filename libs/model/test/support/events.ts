import {
  canonicalAddresses,
  channels,
  type DeviceSample,
  type EventData,
  type EventName,
  envelope,
  type SnapshotColumns,
  type StateValue,
  type VMTruth,
} from '../../src/index.ts';
import { stateValue, version } from './fleet.ts';

/** Valid events of every kind: what tests of doors and contracts start from. */

const observation = { version: version(17, 3), observedAt: '2026-02-03T04:05:06.789Z', via: 'poll' } as const;
const ofVm = { host: 'h.1', vm: 'v1', ...observation };

export const someAddresses = canonicalAddresses(
  ['10.0.0.1', '2001:db8::1'].map((address) => ({
    address,
    mac: '52:54:00:00:00:01',
    interface: 'eth0',
    source: 'agent' as const,
  })),
);

export function columnsOf(vms: readonly string[], state: StateValue = stateValue('running')): SnapshotColumns {
  const each = <T>(value: T): T[] => vms.map(() => value);
  return {
    vm: [...vms],
    state: each(state.state),
    reason: each(state.reason),
    raw: each(state.raw),
    activation: each(state.activation),
    held: each(state.held),
    addresses: vms.map((_, row) => (row === 0 ? [...someAddresses] : null)),
    conditions: each([]),
    name: vms.map((vm) => `name of ${vm}`),
    infoHash: each('a1'),
    configHash: each('b2'),
    guestHash: each(''),
  };
}

const exampleDevices: DeviceSample = {
  cpuTimeS: 12.5,
  currentVcpus: 2,
  vcpus: [{ vcpu: 0, state: 1, timeS: 6.25 }],
  memory: { maximumBytes: 2 ** 31, rssBytes: 2 ** 30 },
  disks: [{ device: 'vda', path: '/var/lib/images/v1.qcow2', readBytes: 4096 }],
  interfaces: [{ device: 'vnet0', receiveBytes: 10, transmitDrops: 0 }],
};

const truth: VMTruth = {
  state: 'running',
  detail: '',
  host: 'h.1',
  conflict: [],
  realm: 'r1',
  name: 'web',
  addresses: [...someAddresses],
  conditions: [],
};

export const exampleData: { readonly [N in EventName]: EventData<N> } = {
  VMStateChanged: {
    ...ofVm,
    from: 'running',
    to: 'paused',
    passed: ['saving'],
    value: stateValue('paused', { reason: 'user', activation: version(9, 2) }),
  },
  IPChanged: { ...ofVm, added: [...someAddresses], removed: [], value: [...someAddresses] },
  VMConfigChanged: {
    ...ofVm,
    sections: ['info'],
    value: { name: 'web', hashes: { info: 'a1', config: '' }, document: { info: { vcpus: 2 }, config: {} } },
  },
  VMGuestChanged: { ...ofVm, value: { hash: 'c3', document: { os: 'Debian 12', hostname: 'web', appsHash: '' } } },
  VMConditionChanged: { ...ofVm, raised: ['nic'], cleared: [], value: ['io_error', 'nic'] },
  HostSnapshot: {
    host: 'h.1',
    ...observation,
    snapshot: version(18, 3),
    part: 1,
    parts: 2,
    columns: columnsOf(['v1', 'v2']),
  },
  HostStateChanged: { host: 'h.1', ...observation, from: 'connecting', to: 'up', reason: '', vms: 2 },
  VMStatsSampled: {
    host: 'h.1',
    observedAt: observation.observedAt,
    columns: {
      vm: ['v1', 'v2'],
      name: ['web', ''],
      state: ['running', 'stopped'],
      cpuUser: [0.8, null],
      cpuSystem: [0.1, null],
      memoryPercent: [40.5, null],
      elapsedS: [3600, null],
      devices: [exampleDevices, null],
    },
  },
  HostStatsSampled: {
    host: 'h.1',
    observedAt: observation.observedAt,
    sample: { cpuCount: 8, memoryMiB: 32_768, memoryFreeMiB: 1_024.5, cpuUser: 0.25, cpuIdle: 0.75 },
  },
  HostCoverage: {
    member: 'm1',
    hosts: 2,
    provedAgoMs: 12.5,
    exceptions: { 'h.1': 4000, h2: null },
    marks: [{ host: 'h.1', mark: 4, version: version(0, 3) }],
  },
  MonitorBlind: {
    member: 'm1',
    since: '2026-02-03T04:05:06.789Z',
    why: 'bus_disconnected: the connection to the bus is lost',
    hosts: 2,
    until: '2026-02-03T04:06:00.000Z',
  },
  MarkCast: { mark: 4, realms: ['r1'] },
  VMChanged: {
    position: 5,
    vm: 'v1',
    vmVersion: 3,
    incarnation: 1,
    reason: 'started',
    ...structuredClone(truth),
    previous: { state: 'stopped' },
  },
  HostChanged: {
    position: 6,
    host: 'h.1',
    hostVersion: 2,
    name: 'rack 1',
    realm: 'r1',
    from: 'up',
    state: 'unwatched',
    mode: 'active',
    reason: '',
    vms: 2,
  },
};

const ids: { readonly [N in EventName]: string } = {
  VMStateChanged: 'h.1/3/17',
  IPChanged: 'h.1/3/17',
  VMConfigChanged: 'h.1/3/17',
  VMGuestChanged: 'h.1/3/17',
  VMConditionChanged: 'h.1/3/17',
  HostSnapshot: 'h.1/3/17',
  HostStateChanged: 'h.1/3/17',
  VMStatsSampled: 'm1/stats/1',
  HostStatsSampled: 'm1/stats/2',
  HostCoverage: 'm1/1',
  MonitorBlind: 'm1/blind/2026-02-03T04:05:06.789Z/over',
  MarkCast: 'mark/4',
  VMChanged: 'vm/v1/3',
  HostChanged: 'host/h.1/2',
};

/** The whole event; `over` replaces members of its data, the subject follows from the data before. */
export function exampleEvent<N extends EventName>(name: N, over: Partial<EventData<N>> = {}) {
  const data = { ...structuredClone(exampleData[name]), ...over };
  return envelope({
    name,
    id: ids[name],
    source: '/vedette/host-monitor/m1',
    subject: channels[name].subjectOf(exampleData[name]),
    wallMs: Date.UTC(2026, 1, 3),
    data,
  });
}
