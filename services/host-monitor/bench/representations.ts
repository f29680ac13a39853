import type { RuntimeStats } from '@vedette/fetcher';
import type { AddressesValue } from '@vedette/model';
import { defaultMonitorConfig } from '../src/config.ts';
import { MonitorCounters } from '../src/counters.ts';
import type { KnownVMs, Observation } from '../src/knowledge.ts';
import { Listings } from '../src/listing.ts';
import { Outbox } from '../src/outbox.ts';
import { takeSections } from '../src/sections.ts';
import { HostVMs, VMTable } from '../src/vm-table/index.ts';
import { type BenchVM, configOf, guestOf, infoOf, statusOf } from './bench-fleet.ts';

/** What one host's VMs are kept in: given listings, and sections once. */
export interface HostState {
  /** The first listing, and all sections after it; told and acknowledged. */
  begin(vms: readonly BenchVM[], stats: RuntimeStats): void;
  /** A later listing; told and acknowledged. */
  poll(pollNumber: number, stats: RuntimeStats): void;
}

const polled: Observation = { observedAt: '2026-01-01T00:00:00.000Z', via: 'poll' };
const counters = new MonitorCounters();
let nowMs = 100_000;
const clock = { now: () => nowMs };

/** The monitor's own listings and outbox, on whatever keeps the entries. */
class MonitorState implements HostState {
  readonly #entries: KnownVMs;
  readonly #outbox: Outbox;
  readonly #listings: Listings;

  constructor(entries: KnownVMs, host: number) {
    const origin = { host: `host-${host}`, epoch: 1, source: '/vedette/host-monitor/m1', wallNow: clock.now };
    this.#entries = entries;
    this.#outbox = new Outbox(origin, defaultMonitorConfig, entries, { firstContact: true });
    this.#listings = new Listings(entries, this.#outbox, counters, clock);
  }

  begin(vms: readonly BenchVM[], stats: RuntimeStats): void {
    this.#listings.take(1, stats, polled);
    this.#listings.take(1, stats, polled);
    for (const one of vms) this.#takeSections(one);
    this.#outbox.requestSnapshot(polled);
    this.#tell();
  }

  poll(pollNumber: number, stats: RuntimeStats): void {
    this.#listings.take(pollNumber, stats, polled);
    this.#tell();
  }

  #takeSections(one: BenchVM): void {
    const entry = this.#entries.get(one.vm);
    if (entry === undefined) return;
    const { vm } = one;
    const config = {
      group: 'config',
      info: new Map([[vm, infoOf(one)]]),
      config: new Map([[vm, configOf(one)]]),
    } as const;
    takeSections(this.#outbox, entry, entry.listed, config, polled);
    const guest = { group: 'guest', guest: new Map([[vm, guestOf(one)]]) } as const;
    takeSections(this.#outbox, entry, entry.listed, guest, polled);
    const status = { group: 'status', status: new Map([[vm, statusOf()]]) } as const;
    takeSections(this.#outbox, entry, entry.listed, status, polled);
  }

  #tell(): void {
    nowMs += 1_000;
    for (;;) {
      const batch = this.#outbox.nextBatch(nowMs, polled);
      if (batch.length === 0) break;
      this.#outbox.settle(batch.map(() => ({ status: 'stored' })));
    }
  }
}

/** The same with VMs at rest in one table. */
class TableState implements HostState {
  readonly #vms: HostVMs;
  readonly #state: MonitorState;

  constructor(table: VMTable, host: number) {
    this.#vms = new HostVMs(table);
    this.#state = new MonitorState(this.#vms, host);
  }

  begin(vms: readonly BenchVM[], stats: RuntimeStats): void {
    this.#state.begin(vms, stats);
    this.#vms.rest(nowMs + 1_000);
  }

  poll(pollNumber: number, stats: RuntimeStats): void {
    this.#state.poll(pollNumber, stats);
    this.#vms.rest(nowMs + 1_000);
  }
}

/** What could be kept of a VM in one flat object: no nested ones, addresses as one text, equal hashes shared. */
class FlatVM {
  state = '';
  reason = '';
  rawState = '';
  rawReason = '';
  activationEpoch = 0;
  activationSeq = 0;
  held = false;
  addressesFresh = false;
  lastPresent = '';
  info = '';
  config = '';
  guest = '';
  status = '';
  guestHash = '';
  name = '';
  addresses = '';
  conditions = 0;
  rev = 0;
  listedIn = 0;
  hintedDuring = -1;
  cpuUser = Number.NaN;
  cpuSystem = Number.NaN;
  memoryPercent = Number.NaN;
  startedMs = Number.NaN;
}

class FlatState implements HostState {
  readonly #vms = new Map<string, FlatVM>();
  told = 0;

  begin(vms: readonly BenchVM[], stats: RuntimeStats): void {
    this.poll(1, stats);
    for (const one of vms) {
      const vm = this.#vms.get(one.vm);
      if (vm === undefined) continue;
      vm.addresses = textOf(guestOf(one).content?.addresses ?? []);
      vm.guestHash = infoOf(one).hash;
    }
  }

  poll(pollNumber: number, stats: RuntimeStats): void {
    for (const row of stats.rows) {
      let vm = this.#vms.get(row.vm);
      if (vm === undefined) {
        vm = new FlatVM();
        this.#vms.set(row.vm, vm);
      }
      vm.listedIn = pollNumber;
      vm.rev = row.rev;
      if (row.name !== undefined && row.name !== vm.name) vm.name = row.name;
      vm.cpuUser = row.cpuUser ?? Number.NaN;
      vm.cpuSystem = row.cpuSystem ?? Number.NaN;
      vm.memoryPercent = row.memoryPercent ?? Number.NaN;
      vm.startedMs = row.elapsedS === undefined ? Number.NaN : nowMs - 1_000 * row.elapsedS;
      const { info, config, guest, status } = row.hashes;
      if (info !== undefined && info !== vm.info) vm.info = info;
      if (config !== undefined && config !== vm.config) vm.config = config;
      if (guest !== undefined && guest !== vm.guest) vm.guest = guest;
      if (status !== undefined && status !== vm.status) vm.status = status;
      if (vm.state === row.state && vm.reason === row.reason) continue;
      vm.state = row.state;
      vm.reason = row.reason;
      vm.rawState = row.raw.state;
      vm.rawReason = row.raw.reason;
      vm.activationSeq = ++this.told;
    }
  }
}

/** One text a VM, one byte a character. */
function textOf(addresses: AddressesValue): string {
  const text = addresses.map(({ address, mac, interface: name }) => `${address} ${mac} ${name}`).join('\n');
  return Buffer.from(text).toString('latin1');
}

export const representations = {
  'objects in a Map (the monitor until now)': () => (host: number) => new MonitorState(new Map(), host),
  'one flat object in a Map': () => () => new FlatState(),
  'at rest in the table': () => {
    const table = new VMTable();
    return (host: number) => new TableState(table, host);
  },
} as const satisfies Record<string, () => (host: number) => HostState>;

export type RepresentationName = keyof typeof representations;
