import { createMemoryBroker } from '@vedette/bus/memory';
import { channels, type DeviceSample, type EventData, envelope } from '@vedette/model';
import { RealClock, seededRandom } from '@vedette/runtime';
import { DomainSamples, type MetricsGroup, sampleText } from '../src/exporter/index.ts';

/**
 * What the metrics of many VMs cost: taking their samples in, holding them, and making a page of them. Each VM has two
 * vCPUs, a disk and an interface, with figures of ten digits.
 *
 * Run: `node --expose-gc services/api/bench/exposition.bench.ts [VMS]` (10,000 unless said). Not measured: the network,
 * and the reader.
 */
const vms = Number(process.argv[2] ?? 10_000);
const vmsPerHost = 100;
const hosts = Math.ceil(vms / vmsPerHost);
const random = seededRandom(1);
const count = (): number => Math.floor(random() * 1e10);
const seconds = (): number => count() / 1_000;

const clock = new RealClock();
const samples = new DomainSamples({ bus: createMemoryBroker({ clock }).connect({ name: 'bench' }), clock });

const heapBefore = heapUsed();
const withDevices = takeAll(true);
const heldBytes = heapUsed() - heapBefore;
const without = takeAll(false);
const perMessage = ({ cpuMs, bytes }: { cpuMs: number; bytes: number }): string =>
  `${(cpuMs / hosts).toFixed(2)} ms CPU and ${(bytes / hosts / 1024).toFixed(0)} KiB each`;
console.log(`${hosts} messages of ${vmsPerHost} VMs, with devices: ${perMessage(withDevices)}`);
console.log(`${hosts} messages of ${vmsPerHost} VMs, without:      ${perMessage(without)}`);
console.log(`held: ${(heldBytes / vms).toFixed(0)} bytes of heap a VM, ${samples.counters.messagesRefused} refused`);
for (const groups of [['hosts', 'domains', 'devices'], ['domains'], ['devices']] as const) measurePages(groups);

function measurePages(groups: readonly MetricsGroup[]): void {
  for (let round = 0; round < 3; round++) {
    const cpu = process.cpuUsage();
    const beganMs = clock.now();
    let bytes = 0;
    let pieces = 0;
    for (const piece of sampleText(samples.view(), 'prometheus', new Set(groups))) {
      bytes += Buffer.from(piece).length;
      pieces++;
    }
    const cpuMs = process.cpuUsage(cpu).user / 1_000;
    const wallMs = clock.now() - beganMs;
    console.log(
      `page of ${groups.join(', ')}: ${(bytes / 1e6).toFixed(1)} MB in ${pieces} pieces, ` +
        `${(bytes / vms).toFixed(0)} bytes and ${((cpuMs / vms) * 1_000).toFixed(0)} us CPU a VM, ${wallMs.toFixed(0)} ms`,
    );
  }
}

function takeAll(devices: boolean): { cpuMs: number; bytes: number } {
  let cpuUs = 0;
  let bytes = 0;
  for (let host = 0; host < hosts; host++) {
    const data = stats(host, devices);
    const subject = channels.VMStatsSampled.subjectOf(data);
    const event = { name: 'VMStatsSampled' as const, id: `bench/${host}`, source: '/vedette/bench/1', subject, data };
    const payload = Buffer.from(JSON.stringify(envelope({ ...event, wallMs: clock.wallNow() })));
    const cpu = process.cpuUsage();
    samples.take(subject, payload);
    cpuUs += process.cpuUsage(cpu).user;
    bytes += payload.length;
  }
  return { cpuMs: cpuUs / 1_000, bytes };
}

function stats(host: number, devices: boolean): EventData<'VMStatsSampled'> {
  const vm = Array.from({ length: vmsPerHost }, (_, at) => uuid(host * vmsPerHost + at));
  return {
    host: `kvm-${host}.rack.example`,
    observedAt: '2026-01-01T00:00:00Z',
    columns: {
      vm,
      name: vm.map((_, at) => `instance-${(host * vmsPerHost + at).toString(16).padStart(8, '0')}`),
      state: vm.map(() => 'running'),
      cpuUser: vm.map(() => random()),
      cpuSystem: vm.map(() => random()),
      memoryPercent: vm.map(() => random() * 100),
      elapsedS: vm.map(() => 1_000_000),
      ...(devices ? { devices: vm.map(deviceSample) } : {}),
    },
  };
}

function uuid(number: number): string {
  return `6f1c2b9e-8d4a-4c3e-9b7f-${number.toString(16).padStart(12, '0')}`;
}

function deviceSample(): DeviceSample {
  return {
    ...{ cpuTimeS: seconds(), cpuUserS: seconds(), cpuSystemS: seconds(), maximumVcpus: 4, currentVcpus: 2 },
    vcpus: [0, 1].map((vcpu) => ({ vcpu, state: 1, timeS: seconds(), waitS: seconds(), delayS: seconds() })),
    memory: {
      ...{ maximumBytes: count(), currentBytes: count(), availableBytes: count(), unusedBytes: count() },
      ...{ usableBytes: count(), diskCachesBytes: count(), swapInBytes: count(), swapOutBytes: count() },
      ...{ majorFaults: count(), minorFaults: count(), rssBytes: count() },
    },
    disks: [
      {
        ...{ device: 'vda', path: `/var/lib/libvirt/images/${uuid(count())}`, readRequests: count() },
        ...{ readBytes: count(), readTimeS: seconds(), writeRequests: count(), writeBytes: count() },
        ...{ writeTimeS: seconds(), flushRequests: count(), flushTimeS: seconds(), capacityBytes: count() },
        ...{ allocationBytes: count(), physicalBytes: count() },
      },
    ],
    interfaces: [
      {
        ...{ device: 'vnet12', receiveBytes: count(), receivePackets: count(), receiveErrors: 0, receiveDrops: 0 },
        ...{ transmitBytes: count(), transmitPackets: count(), transmitErrors: 0, transmitDrops: 0 },
      },
    ],
  };
}

function heapUsed(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}
