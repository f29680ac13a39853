import { createMemoryBroker } from '@vedette/bus/memory';
import { channels, type DeviceSample, type EventData, envelope, type HostSample, type VMState } from '@vedette/model';
import { SimulatedClock } from '@vedette/runtime/simulated-clock';
import {
  DomainSamples,
  type DomainSamplesLimits,
  type ExpositionFormat,
  sampleText,
} from '../../src/exporter/index.ts';

export interface VmRow {
  readonly vm: string;
  readonly name?: string;
  readonly state?: VMState;
  readonly elapsedS?: number;
  readonly memoryPercent?: number;
  /** undefined: devices were not sampled this time; null: nothing to be had of this VM's. */
  readonly devices?: DeviceSample | null;
}

export function vmStats(host: string, rows: readonly VmRow[]): Buffer {
  const devices = rows.map((row) => row.devices);
  const data: EventData<'VMStatsSampled'> = {
    host,
    observedAt: '2026-01-01T00:00:00Z',
    columns: {
      vm: rows.map(({ vm }) => vm),
      name: rows.map(({ vm, name = `name-${vm}` }) => name),
      state: rows.map(({ state = 'running' }) => state),
      cpuUser: rows.map(() => 0.5),
      cpuSystem: rows.map(() => null),
      memoryPercent: rows.map(({ memoryPercent = null }) => memoryPercent),
      elapsedS: rows.map(({ elapsedS = null }) => elapsedS),
      ...(devices.every((one) => one === undefined) ? {} : { devices: devices.map((one) => one ?? null) }),
    },
  };
  return event('VMStatsSampled', data);
}

export function hostStats(host: string, sample: Partial<HostSample> = {}): Buffer {
  const whole = { cpuCount: 8, memoryMiB: 1024, memoryFreeMiB: 512.5, ...sample };
  return event('HostStatsSampled', { host, observedAt: '2026-01-01T00:00:00Z', sample: whole });
}

function event<N extends 'VMStatsSampled' | 'HostStatsSampled'>(name: N, data: EventData<N>): Buffer {
  const subject = channels[name].subjectOf(data);
  return Buffer.from(
    JSON.stringify(envelope({ name, id: 'm1/stats/1', source: '/vedette/test/m1', subject, wallMs: 0, data })),
  );
}

export const smallDevices: DeviceSample = {
  cpuTimeS: 12.5,
  currentVcpus: 1,
  maximumVcpus: 2,
  vcpus: [{ vcpu: 0, state: 1, timeS: 10, waitS: 1.5, delayS: 0.25 }],
  memory: { maximumBytes: 2048, currentBytes: 1024, availableBytes: 1000, usableBytes: 250, rssBytes: 4096 },
  disks: [{ device: 'vda', path: '/a', readBytes: 1, readRequests: 2, readTimeS: 0.5, capacityBytes: 100 }],
  interfaces: [{ device: 'vnet0', receiveBytes: 7, transmitDrops: 0 }],
};

/** Samples on a bus of their own and a simulated clock. */
export class SampleWorld implements AsyncDisposable {
  readonly clock = new SimulatedClock({ wallStartMs: 0 });
  readonly broker = createMemoryBroker({ clock: this.clock });
  readonly monitor = this.broker.connect({ name: 'monitor' });
  readonly samples: DomainSamples;

  constructor(limits: Partial<DomainSamplesLimits> = {}) {
    const bus = this.broker.connect({ name: 'exporter' });
    this.samples = new DomainSamples({ bus, clock: this.clock, limits });
  }

  static async start(limits: Partial<DomainSamplesLimits> = {}): Promise<SampleWorld> {
    const world = new SampleWorld(limits);
    await world.samples.start();
    return world;
  }

  async vms(host: string, ...rows: readonly VmRow[]): Promise<void> {
    this.monitor.send(channels.VMStatsSampled.subjectOf({ host } as EventData<'VMStatsSampled'>), vmStats(host, rows));
    await this.clock.advance(0);
  }

  async host(host: string, sample: Partial<HostSample> = {}): Promise<void> {
    const subject = channels.HostStatsSampled.subjectOf({ host } as EventData<'HostStatsSampled'>);
    this.monitor.send(subject, hostStats(host, sample));
    await this.clock.advance(0);
  }

  page(format: ExpositionFormat = 'prometheus'): string {
    return [...sampleText(this.samples.view(), format)].join('');
  }

  /** The lines of the page with this text in them, comments left out. */
  lines(text: string): string[] {
    return this.page()
      .split('\n')
      .filter((line) => line.includes(text) && !line.startsWith('#'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.samples.stop();
    await this.broker.close();
  }
}
