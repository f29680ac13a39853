import {
  type FetchOptions,
  type GuestDetails,
  HintChannel,
  type HostCapabilities,
  type HostDriver,
  type HostFetcher,
  PendingCalls,
  type RuntimeRow,
  type RuntimeStats,
  type Section,
  type SectionName,
  type StartOutcome,
  type StartRequest,
} from '@vedette/fetcher';
import { contentHash, type DeviceSample, type HostSample, type SectionDocument, type VMState } from '@vedette/model';
import { type Clock, VedetteError } from '@vedette/runtime';

/** What a test says of one VM. */
export interface FakeVM {
  readonly state: VMState;
  readonly apps?: readonly string[];
  readonly cpuUser?: number;
  readonly recreated?: boolean;
}

/**
 * A source as a test wants it: it lists what it was given, without revisions, as libvirt does. Faults are switched on
 * and off; every call is counted.
 */
export class FakeHost {
  readonly vms = new Map<string, FakeVM>();
  hostUuid = 'uuid-1';
  boot = 'connection-1';
  /** Thrown by every call while it is set. */
  failure: string | undefined;
  /** Calls are held until this settles. */
  held: Promise<void> | undefined;
  unreadable: readonly string[] = [];
  /** Listings that say they are not the whole. */
  partial = false;
  capabilities: HostCapabilities = { delta: false, push: true, heartBeats: false, start: true, guestAgent: true };
  readonly calls = { runtimeStats: 0, guestDetails: 0, deviceStats: 0, start: 0 };
  /** What a start comes to. */
  onStart: (request: StartRequest) => Promise<StartOutcome> = () => Promise.resolve({ outcome: 'started', detail: '' });
  readonly #fetchers = new Set<FakeFetcher>();
  readonly clock: Clock;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  open(): FakeFetcher {
    const fetcher = new FakeFetcher(this);
    this.#fetchers.add(fetcher);
    return fetcher;
  }

  /** Changes VMs and hints their rows. */
  tell(vms: Readonly<Record<string, FakeVM>>): void {
    for (const [vm, fake] of Object.entries(vms)) this.vms.set(vm, fake);
    const rows = Object.keys(vms).map((vm) => this.row(vm));
    for (const { hintChannel } of this.#fetchers) hintChannel.offer({ kind: 'rows', rows });
  }

  row(vm: string): RuntimeRow {
    const fake = this.vms.get(vm);
    if (fake === undefined) throw new Error(`no VM ${vm}`);
    const { state, cpuUser, recreated } = fake;
    const hashes = Object.fromEntries(
      (['info', 'config', 'status', 'guest'] as const).map((section) => [section, this.section(section, vm).hash]),
    );
    return {
      ...{ vm, state, reason: '', raw: { state, reason: '' }, name: `name of ${vm}`, hashes, rev: 0 },
      ...(cpuUser === undefined ? {} : { cpuUser }),
      ...(recreated === undefined ? {} : { recreated }),
    };
  }

  section(section: SectionName, vm: string): Section<Record<string, unknown>> {
    const content = this.#content(section, vm);
    return { observed: 'ok', hash: contentHash([section, content]), content };
  }

  #content(section: SectionName, vm: string): Record<string, unknown> {
    const { apps = [] } = this.vms.get(vm) ?? {};
    if (section === 'guest') return { addresses: [], os: 'Debian', hostname: vm, apps };
    return section === 'status' ? { conditions: [] } : { of: vm };
  }
}

/** One driver for the hosts of a test; `fake:<name>`. */
export function fakeDriver(hosts: Readonly<Record<string, FakeHost>>): HostDriver {
  return {
    schemes: ['fake'],
    open: ({ url }) => {
      const host = hosts[url.slice('fake:'.length)];
      if (host === undefined) throw new VedetteError('VDT_FETCHER_URL');
      return host.open();
    },
  };
}

class FakeFetcher implements HostFetcher {
  readonly hintChannel = new HintChannel();
  readonly #host: FakeHost;
  readonly #calls: PendingCalls;

  constructor(host: FakeHost) {
    this.#host = host;
    this.#calls = new PendingCalls(host.clock);
  }

  get capabilities(): HostCapabilities {
    return this.#host.capabilities;
  }

  runtimeStats(options: FetchOptions): Promise<RuntimeStats> {
    const host = this.#host;
    host.calls.runtimeStats++;
    const rows = (): readonly RuntimeRow[] =>
      [...host.vms.keys()].filter((vm) => !host.unreadable.includes(vm)).map((vm) => host.row(vm));
    return this.#call(options, () => ({
      ...{ hostUuid: host.hostUuid, boot: host.boot, rev: 0, left: [], unreadable: host.unreadable },
      ...{ complete: !host.partial, agrees: !host.partial, rows: rows() },
    }));
  }

  info(vms: readonly string[], options: FetchOptions): Promise<ReadonlyMap<string, Section<SectionDocument>>> {
    return this.#sections('info', vms, options);
  }

  config(vms: readonly string[], options: FetchOptions): Promise<ReadonlyMap<string, Section<SectionDocument>>> {
    return this.#sections('config', vms, options);
  }

  status(vms: readonly string[], options: FetchOptions): Promise<ReadonlyMap<string, Section<never>>> {
    return this.#sections('status', vms, options) as Promise<ReadonlyMap<string, Section<never>>>;
  }

  guestDetails(vms: readonly string[], options: FetchOptions): Promise<ReadonlyMap<string, Section<GuestDetails>>> {
    this.#host.calls.guestDetails++;
    return this.#sections('guest', vms, options) as Promise<ReadonlyMap<string, Section<never>>>;
  }

  deviceStats(options: FetchOptions): Promise<ReadonlyMap<string, DeviceSample>> {
    this.#host.calls.deviceStats++;
    return this.#call(options, () => new Map(Array.from(this.#host.vms.keys(), (vm) => [vm, deviceSample])));
  }

  hostStats(options: FetchOptions): Promise<HostSample> {
    return this.#call(options, () => ({ cpuCount: 4, memoryMiB: 1_024, memoryFreeMiB: 512 }));
  }

  describe(options: FetchOptions): ReturnType<HostFetcher['describe']> {
    const { hostUuid, boot } = this.#host;
    return this.#call(options, () => ({ hostUuid, boot, hostname: 'fake', capabilities: {}, unfit: '' }));
  }

  start(request: StartRequest): Promise<StartOutcome> {
    this.#host.calls.start++;
    return this.#host.onStart(request);
  }

  hints({ signal }: { readonly signal: AbortSignal }): ReturnType<HostFetcher['hints']> {
    return this.hintChannel.hints(signal);
  }

  close(): Promise<void> {
    this.#calls.close();
    this.hintChannel.close();
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #sections(
    section: SectionName,
    vms: readonly string[],
    options: FetchOptions,
  ): Promise<ReadonlyMap<string, Section<Record<string, unknown>>>> {
    const host = this.#host;
    const known = vms.filter((vm) => host.vms.has(vm));
    return this.#call(options, () => new Map(known.map((vm) => [vm, host.section(section, vm)])));
  }

  #call<T>(options: FetchOptions, answer: () => T): Promise<T> {
    const host = this.#host;
    return this.#calls.run('asking the fake', options, async () => {
      if (host.held !== undefined) await host.held;
      if (host.failure !== undefined) throw new VedetteError(host.failure);
      return answer();
    });
  }
}

const deviceSample: DeviceSample = {
  vcpus: [],
  memory: {},
  disks: Array.from({ length: 8 }, (_, disk) => ({ device: `vd${disk}`, path: `/images/${disk}.qcow2`, readBytes: 1 })),
  interfaces: [{ device: 'vnet0', receiveBytes: 1, transmitBytes: 1 }],
};
