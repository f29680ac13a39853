import type { Bus, Subscription } from '@vedette/bus';
import { decodeStats, type HostStatsSampled, type VMStatsSampled } from '@vedette/model';
import type { Clock, RunPart } from '@vedette/runtime';
import { SampleCounters } from './counters.ts';
import type { DomainEntry, HostEntry } from './entries.ts';
import { label } from './labels.ts';
import { entryOf, rankOf } from './sightings.ts';

export interface DomainSamplesLimits {
  /** A VM that no message named for this long is dropped: four samples missed. */
  readonly vmForgetMs: number;
  /** Device figures older than this are no longer shown: two samples missed. */
  readonly devicesForgetMs: number;
  /** A host of which nothing was heard for this long is down (`libvirt_up` 0). */
  readonly hostSilentMs: number;
  /** A host of which nothing was heard for this long is dropped. */
  readonly hostForgetMs: number;
  /** VMs held at most; further ones are left out and counted. */
  readonly maxVms: number;
  /** Hosts held at most; further ones, and their VMs, are left out and counted. */
  readonly maxHosts: number;
}

export const defaultSampleLimits: DomainSamplesLimits = {
  vmForgetMs: 60_000,
  devicesForgetMs: 11 * 60_000,
  hostSilentMs: 60_000,
  hostForgetMs: 24 * 3_600_000,
  maxVms: 200_000,
  maxHosts: 20_000,
};

export interface DomainSamplesOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly limits?: Partial<DomainSamplesLimits>;
}

/** One moment of what is held. */
export interface SampleView {
  readonly nowMs: number;
  readonly domains: readonly DomainEntry[];
  readonly hosts: readonly HostEntry[];
}

interface HeldHost {
  readonly labels: string;
  heardMs: number;
  sample: HostStatsSampled['data']['sample'] | undefined;
  sampleHeardMs: number;
}

/** How often what is outdated is looked for while nobody scrapes. */
const sweepIntervalMs = 30_000;

/**
 * The last sample of every VM and host, as the monitors publish them.
 *
 * X1. One entry a VM. A host that says less of it (it moved away, it lies there switched off) does not displace one
 *     that runs it; of equals the last message counts, so a VM that moved is its new host's at once.
 * X2. No message for the stated time, and the entry is gone: nothing stale is ever shown as new, and the age of what is
 *     shown is shown.
 * X3. Device figures never outlive the run of the VM they are of.
 * X4. Bounded in VMs and hosts; a VM with two vCPUs, a disk and an interface takes 2.1 KB. No timer, for a VM or
 *     otherwise: what is outdated is dropped when somebody looks, and when a message comes.
 */
export class DomainSamples implements RunPart, AsyncDisposable {
  readonly name = 'domain samples';
  readonly counters = new SampleCounters();
  readonly #bus: Bus;
  readonly #clock: Clock;
  readonly #limits: DomainSamplesLimits;
  readonly #vms = new Map<string, DomainEntry>();
  readonly #hosts = new Map<string, HeldHost>();
  #subscription: Subscription | undefined;
  #sweptMs: number;

  constructor({ bus, clock, limits = {} }: DomainSamplesOptions) {
    this.#bus = bus;
    this.#clock = clock;
    this.#limits = { ...defaultSampleLimits, ...limits };
    this.#sweptMs = clock.now();
  }

  /** Listens from now on. @throws what `Bus.subscribe` throws */
  async start(): Promise<void> {
    this.#subscription = await this.#bus.subscribe({
      patterns: ['vedette.v1.stats.vm.*', 'vedette.v1.stats.host.*'],
      handler: (subject, payload) => this.take(subject, payload),
    });
  }

  /** Listens no more; what is held stays to be read. Idempotent. */
  async stop(): Promise<void> {
    const subscription = this.#subscription;
    this.#subscription = undefined;
    await subscription?.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** VMs held now, outdated ones included until they are swept. */
  get vms(): number {
    return this.#vms.size;
  }

  get hosts(): number {
    return this.#hosts.size;
  }

  /** Takes in one message as it came; a malformed one changes nothing and is counted. Never throws. */
  take(subject: string, payload: Uint8Array): void {
    this.counters.messages++;
    const read = decodeStats(payload);
    if (!read.ok || read.value.subject !== subject) this.counters.messagesRefused++;
    else if (read.value.type === 'vedette.VMStatsSampled.v1') this.#takeVms(read.value.data);
    else this.#takeHost(read.value.data);
  }

  /** What is held at this moment. What is outdated is dropped first. */
  view(): SampleView {
    const nowMs = this.#clock.now();
    this.#sweep(nowMs);
    const domains = [...this.#vms.values()];
    const perHost = new Map<string, number>();
    for (const { host } of domains) perHost.set(host, (perHost.get(host) ?? 0) + 1);
    const hosts = Array.from(this.#hosts, ([host, held]): HostEntry => {
      const up = nowMs - held.heardMs <= this.#limits.hostSilentMs;
      return { host, ...held, up, domains: perHost.get(host) ?? 0 };
    });
    return { nowMs, domains, hosts };
  }

  #takeHost({ host, sample }: HostStatsSampled['data']): void {
    const held = this.#heard(host);
    if (held === undefined) return;
    held.sample = sample;
    held.sampleHeardMs = held.heardMs;
  }

  #takeVms({ host, columns }: VMStatsSampled['data']): void {
    const held = this.#heard(host);
    if (held === undefined) return;
    const nowMs = held.heardMs;
    for (let row = 0; row < columns.vm.length; row++) {
      const vm = columns.vm[row] as string;
      const known = this.#vms.get(vm);
      const entry = entryOf({ host, columns, row, nowMs, known });
      if (known !== undefined && known.host !== host && this.#outranks(known, entry, nowMs)) continue;
      if (rankOf(entry.state) === 0) this.#vms.delete(vm);
      else if (known === undefined && this.#vms.size >= this.#limits.maxVms) this.counters.vmsLeftOut++;
      else this.#vms.set(vm, entry);
    }
    if (nowMs - this.#sweptMs >= sweepIntervalMs) this.#sweep(nowMs);
  }

  /** X1. */
  #outranks(known: DomainEntry, entry: DomainEntry, nowMs: number): boolean {
    return nowMs - known.heardMs <= this.#limits.vmForgetMs && rankOf(known.state) > rankOf(entry.state);
  }

  #heard(host: string): HeldHost | undefined {
    const heardMs = this.#clock.now();
    const known = this.#hosts.get(host);
    if (known !== undefined) {
      known.heardMs = heardMs;
      return known;
    }
    if (this.#hosts.size >= this.#limits.maxHosts) {
      this.counters.hostsLeftOut++;
      return undefined;
    }
    const held = { labels: label('host', host), heardMs, sample: undefined, sampleHeardMs: 0 };
    this.#hosts.set(host, held);
    return held;
  }

  /** X2. */
  #sweep(nowMs: number): void {
    const { vmForgetMs, devicesForgetMs, hostSilentMs, hostForgetMs } = this.#limits;
    this.#sweptMs = nowMs;
    for (const [vm, entry] of this.#vms) {
      if (nowMs - entry.heardMs > vmForgetMs) this.#vms.delete(vm);
      else if (entry.devices !== undefined && nowMs - entry.devicesHeardMs > devicesForgetMs) {
        this.#vms.set(vm, { ...entry, devices: undefined });
      }
    }
    for (const [host, held] of this.#hosts) {
      if (nowMs - held.heardMs > hostForgetMs) this.#hosts.delete(host);
      else if (nowMs - held.sampleHeardMs > hostSilentMs) held.sample = undefined;
    }
  }
}
