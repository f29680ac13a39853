import type { DeviceSample, DiskSample, InterfaceSample, VcpuSample } from '@vedette/model';
import type { DomainEntry, HostEntry } from './entries.ts';
import { libvirtState } from './libvirt-states.ts';

/** A metric: what it is called, and where its values come from. The table of docs/domain-metrics.md. */
export interface Described {
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  readonly help: string;
  readonly unit: string;
  /** Where in a sample the value stands (libs/model/src/samples.ts, VMStatsSampled, HostStatsSampled). */
  readonly source: string;
}

/** The value for one subject; undefined: not told, and then there is no series. */
type Value<S> = (subject: S) => number | null | undefined;

/** A family with one series for each subject of its kind. */
export interface FamilyOf<S> extends Described {
  readonly value: Value<S>;
}

/** A VM with the ages of its figures at the moment of the scrape, in seconds. */
export interface SeenDomain {
  readonly entry: DomainEntry;
  readonly ageS: number;
  readonly devicesAgeS: number;
}

const gauge = <S>(name: string, unit: string, source: string, help: string, value: Value<S>): FamilyOf<S> => ({
  ...{ name, type: 'gauge', unit, source, help, value },
});
const counter = <S>(name: string, unit: string, source: string, help: string, value: Value<S>): FamilyOf<S> => ({
  ...{ name, type: 'counter', unit, source, help, value },
});

/** One series for each host. Every 15 s. */
export const hostFamilies: readonly FamilyOf<HostEntry>[] = [
  gauge('libvirt_up', '0, 1', 'any message of the host within 60 s', 'Whether the host is being sampled.', (host) =>
    Number(host.up),
  ),
  gauge('libvirt_domains', 'VMs', 'VMs held of the host', 'Number of domains.', (host) =>
    host.up ? host.domains : undefined,
  ),
  gauge('vedette_host_cpus', 'processors', 'sample.cpuCount', 'Processors of the host.', ({ sample }) => {
    return sample?.cpuCount;
  }),
  gauge('vedette_host_memory_bytes', 'bytes', 'sample.memoryMiB', 'Memory of the host.', ({ sample }) =>
    bytesOfMiB(sample?.memoryMiB),
  ),
  gauge('vedette_host_memory_free_bytes', 'bytes', 'sample.memoryFreeMiB', 'Free memory of the host.', ({ sample }) =>
    bytesOfMiB(sample?.memoryFreeMiB),
  ),
  ...(
    [
      ['user', 'cpuUser'],
      ['system', 'cpuSystem'],
      ['idle', 'cpuIdle'],
      ['iowait', 'cpuIoWait'],
    ] as const
  ).map(([name, field]) =>
    gauge<HostEntry>(
      `vedette_host_cpu_${name}_ratio`,
      'ratio of all processors',
      `sample.${field}`,
      `Share of the host's processors together spent in ${name}.`,
      ({ sample }) => sample?.[field],
    ),
  ),
];

/** Two families that have a label of their own for each series. Every 15 s. */
export const stateFamily: Described = {
  ...{ name: 'libvirt_domain_info_state', type: 'gauge', unit: 'virDomainState', source: 'state' },
  help: 'Code of the domain state.',
};
export const ageFamily: Described = {
  ...{ name: 'libvirt_domain_sample_age_seconds', type: 'gauge', unit: 'seconds', source: 'when it was heard here' },
  help: 'Age of the figures shown: group="state" of those of every 15 s, group="devices" of those of every 5 min.',
};

/** Once is no news: a job of libvirt's own, a snapshot say, may have been in the way. */
const missedUntilTimedOut = 2;

/** One series for each VM. Every 15 s. */
export const domainFamilies: readonly FamilyOf<SeenDomain>[] = [
  gauge('libvirt_domain_info', '1', 'name, host, vm', 'Identity of the domain.', () => 1),
  gauge(
    'libvirt_domain_timed_out',
    '0, 1',
    'state; devices null twice in a row',
    'Whether the domain does not answer its hypervisor, or its devices could not be sampled twice; active ones only.',
    ({ entry }) => {
      if (libvirtState(entry.state).down) return undefined;
      return Number(entry.state === 'not_responding' || entry.devicesMissed >= missedUntilTimedOut);
    },
  ),
  gauge(
    'vedette_vm_cpu_user_ratio',
    'ratio of one processor',
    'cpuUser',
    'Share of one processor used in user mode since the sample before.',
    ({ entry }) => entry.cpuUser,
  ),
  gauge(
    'vedette_vm_cpu_system_ratio',
    'ratio of one processor',
    'cpuSystem',
    'Share of one processor used in system mode since the sample before.',
    ({ entry }) => entry.cpuSystem,
  ),
  gauge('vedette_vm_memory_used_ratio', 'ratio', 'memoryPercent', 'Share of its memory the guest uses.', ({ entry }) =>
    entry.memoryPercent === null ? undefined : entry.memoryPercent / 100,
  ),
  gauge('vedette_vm_elapsed_seconds', 'seconds', 'elapsedS', 'Time since the domain was started.', ({ entry }) => {
    return entry.elapsedS;
  }),
];

const devices = ({ entry }: SeenDomain): DeviceSample | undefined => entry.devices;
const ofDevices = (
  type: 'counter' | 'gauge',
  name: string,
  unit: string,
  source: string,
  help: string,
  value: Value<DeviceSample>,
): FamilyOf<SeenDomain> => ({
  ...{ name, type, unit, help, source: `devices.${source}` },
  value: (domain) => {
    const sample = devices(domain);
    return sample === undefined ? undefined : value(sample);
  },
});

const memory = (
  name: string,
  field: keyof DeviceSample['memory'],
  help: string,
  unit = 'bytes',
  type: 'counter' | 'gauge' = 'gauge',
): FamilyOf<SeenDomain> =>
  ofDevices(type, `libvirt_domain_memory_stats_${name}`, unit, `memory.${field}`, help, (sample) => {
    return sample.memory[field];
  });

/** One series for each VM. Every 5 min, with its devices. */
export const deviceFamilies: readonly FamilyOf<SeenDomain>[] = [
  ofDevices(
    'gauge',
    'libvirt_domain_info_maximum_memory_bytes',
    'bytes',
    'memory.maximumBytes',
    'Maximum allowed memory of the domain.',
    ({ memory: { maximumBytes } }) => maximumBytes,
  ),
  ofDevices(
    'gauge',
    'libvirt_domain_info_memory_usage_bytes',
    'bytes',
    'memory.currentBytes',
    'Memory usage of the domain: what its balloon leaves it.',
    ({ memory: { currentBytes } }) => currentBytes,
  ),
  ofDevices(
    'gauge',
    'libvirt_domain_info_virtual_cpus',
    'processors',
    'currentVcpus',
    'Number of virtual CPUs of the domain.',
    ({ currentVcpus }) => currentVcpus,
  ),
  ofDevices(
    'counter',
    'libvirt_domain_info_cpu_time_seconds_total',
    'seconds',
    'cpuTimeS',
    'CPU time used by the domain.',
    ({ cpuTimeS }) => cpuTimeS,
  ),
  memory('actual_balloon_bytes', 'currentBytes', 'Current balloon value.'),
  memory('available_bytes', 'availableBytes', 'Memory the guest sees.'),
  memory('unused_bytes', 'unusedBytes', 'Memory the guest leaves completely unused.'),
  memory('usable_bytes', 'usableBytes', 'Memory the guest could give up without swapping.'),
  memory('rss_bytes', 'rssBytes', 'Resident set size of the process running the domain.'),
  memory('disk_cache_bytes', 'diskCachesBytes', 'Memory the guest uses for reclaimable caches.'),
  memory('swap_in_bytes', 'swapInBytes', 'Memory the guest has read from swap.'),
  memory('swap_out_bytes', 'swapOutBytes', 'Memory the guest has written to swap.'),
  memory('major_fault_total', 'majorFaults', 'Page faults of the guest that needed disk I/O.', 'faults', 'counter'),
  memory('minor_fault_total', 'minorFaults', 'Page faults of the guest without disk I/O.', 'faults', 'counter'),
  gauge(
    'libvirt_domain_memory_stats_used_percent',
    'percent',
    '(devices.memory.availableBytes - usableBytes) / availableBytes; without these memoryPercent',
    'Memory the guest uses, in percent of what it sees.',
    usedPercent,
  ),
  ofDevices('gauge', 'libvirt_domain_vcpu_current', 'processors', 'currentVcpus', 'Online vCPUs.', (sample) => {
    return sample.currentVcpus;
  }),
  ofDevices('gauge', 'libvirt_domain_vcpu_maximum', 'processors', 'maximumVcpus', 'vCPUs at most.', (sample) => {
    return sample.maximumVcpus;
  }),
];

/** One series for each vCPU, with the label `vcpu`. Every 5 min. */
export const vcpuFamilies: readonly FamilyOf<VcpuSample>[] = [
  gauge('libvirt_domain_vcpu_state', '0 off, 1 running, 2 blocked', 'state', 'State of the vCPU.', (v) => v.state),
  counter('libvirt_domain_vcpu_time_seconds_total', 'seconds', 'timeS', 'Time used by the vCPU.', (v) => v.timeS),
  counter(
    'libvirt_domain_vcpu_wait_seconds_total',
    'seconds',
    'waitS',
    'Time the vCPU wanted to run and the host ran something else.',
    (v) => v.waitS,
  ),
  counter(
    'libvirt_domain_vcpu_delay_seconds_total',
    'seconds',
    'delayS',
    'Time the vCPU waited in the queue of the host; the guest sees it as steal time.',
    (v) => v.delayS,
  ),
];

const disk = (
  type: 'counter' | 'gauge',
  name: string,
  unit: string,
  field: Exclude<keyof DiskSample, 'device' | 'path'>,
  help: string,
): FamilyOf<DiskSample> => ({
  ...{ name: `libvirt_domain_block_stats_${name}`, type, unit, source: field, help },
  value: (sample) => sample[field],
});

/** One series for each disk, with the label `target_device`. Every 5 min. */
export const diskFamilies: readonly FamilyOf<DiskSample>[] = [
  disk('counter', 'read_bytes_total', 'bytes', 'readBytes', 'Bytes read from the device.'),
  disk('counter', 'read_requests_total', 'requests', 'readRequests', 'Read requests to the device.'),
  disk('counter', 'read_time_seconds_total', 'seconds', 'readTimeS', 'Time spent on reads from the device.'),
  disk('counter', 'write_bytes_total', 'bytes', 'writeBytes', 'Bytes written to the device.'),
  disk('counter', 'write_requests_total', 'requests', 'writeRequests', 'Write requests to the device.'),
  disk('counter', 'write_time_seconds_total', 'seconds', 'writeTimeS', 'Time spent on writes to the device.'),
  disk('counter', 'flush_requests_total', 'requests', 'flushRequests', 'Flush requests to the device.'),
  disk('counter', 'flush_time_seconds_total', 'seconds', 'flushTimeS', 'Time spent on flushes of the device.'),
  disk('gauge', 'capacity_bytes', 'bytes', 'capacityBytes', 'Logical size of the image.'),
  disk('gauge', 'allocation', 'bytes', 'allocationBytes', 'Highest written offset, or what the image takes.'),
  disk('gauge', 'physicalsize_bytes', 'bytes', 'physicalBytes', 'Size of the container of the image.'),
];

const network = (
  name: string,
  unit: string,
  field: Exclude<keyof InterfaceSample, 'device'>,
  help: string,
): FamilyOf<InterfaceSample> => ({
  ...{ name: `libvirt_domain_interface_stats_${name}_total`, type: 'counter', unit, source: field, help },
  value: (sample) => sample[field],
});

/** One series for each interface, with the label `target_device`. Every 5 min. */
export const interfaceFamilies: readonly FamilyOf<InterfaceSample>[] = [
  network('receive_bytes', 'bytes', 'receiveBytes', 'Bytes received.'),
  network('receive_packets', 'packets', 'receivePackets', 'Packets received.'),
  network('receive_errors', 'packets', 'receiveErrors', 'Errors on receiving.'),
  network('receive_drops', 'packets', 'receiveDrops', 'Packets dropped on receiving.'),
  network('transmit_bytes', 'bytes', 'transmitBytes', 'Bytes transmitted.'),
  network('transmit_packets', 'packets', 'transmitPackets', 'Packets transmitted.'),
  network('transmit_errors', 'packets', 'transmitErrors', 'Errors on transmitting.'),
  network('transmit_drops', 'packets', 'transmitDrops', 'Packets dropped on transmitting.'),
];

/** A metric as docs/domain-metrics.md lists it. */
export interface Family extends Described {
  readonly labels: readonly string[];
  readonly cadence: '15 s' | '5 min';
}

const ofDomain = ['domain', 'host', 'uuid'];

/** Every metric of hosts and domains, in the order of the page. */
export const allFamilies: readonly Family[] = [
  ...listed(hostFamilies, '15 s', ['host']),
  ...listed([stateFamily], '15 s', [...ofDomain, 'state_desc']),
  ...listed([ageFamily], '15 s', [...ofDomain, 'group']),
  ...listed(domainFamilies, '15 s', ofDomain),
  ...listed(deviceFamilies, '5 min', ofDomain),
  ...listed(vcpuFamilies, '5 min', [...ofDomain, 'vcpu'], 'devices.vcpus[].'),
  ...listed(diskFamilies, '5 min', [...ofDomain, 'target_device'], 'devices.disks[].'),
  ...listed(interfaceFamilies, '5 min', [...ofDomain, 'target_device'], 'devices.interfaces[].'),
];

function listed(
  families: readonly Described[],
  cadence: Family['cadence'],
  labels: readonly string[],
  within = '',
): readonly Family[] {
  return families.map(({ name, type, help, unit, source }) => {
    return { name, type, help, unit, source: `${within}${source}`, labels, cadence };
  });
}

function usedPercent({ entry }: SeenDomain): number | null | undefined {
  const { availableBytes, usableBytes } = entry.devices?.memory ?? {};
  if (availableBytes === undefined || usableBytes === undefined || availableBytes === 0) return entry.memoryPercent;
  return ((availableBytes - usableBytes) / availableBytes) * 100;
}

function bytesOfMiB(mib: number | undefined): number | undefined {
  return mib === undefined ? undefined : mib * 1024 * 1024;
}
