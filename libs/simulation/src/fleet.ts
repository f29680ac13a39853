import { hash32 } from '@vedette/runtime';
import { FleetHost } from './host.ts';
import { type FleetOptions, type ResolvedFleetOptions, resolveOptions } from './options.ts';
import { FleetScript } from './script/script.ts';
import { Seats } from './seats.ts';
import { Topology } from './topology.ts';
import { truthAt, type VmTruth } from './truth.ts';
import type { VmIdentity } from './view.ts';

/**
 * Makes a fleet: what every host has at every instant, as a pure function of (options, script, time). Nothing is
 * stepped; questions may come in any order, and the same options give the same fleet on any machine. Time is in
 * milliseconds from the fleet's beginning.
 *
 * @throws RangeError for options that no fleet can have
 */
export function createFleet(options: FleetOptions): Fleet {
  return new Fleet(resolveOptions(options));
}

/** See {@link createFleet}. */
export class Fleet {
  readonly options: ResolvedFleetOptions;
  readonly topology: Topology;
  readonly seats: Seats;
  readonly script = new FleetScript();
  readonly #hosts = new Map<number, FleetHost>();

  /** Use {@link createFleet}. */
  constructor(options: ResolvedFleetOptions) {
    this.options = options;
    this.topology = new Topology(options);
    this.seats = new Seats(options, this.topology);
  }

  /** One host, by number (from 0) or id. @throws RangeError when the fleet has none such */
  host(which: number | string): FleetHost {
    const index = typeof which === 'string' ? this.topology.hostIndex(which) : which;
    if (index === undefined) throw new RangeError(`no host ${which}`);
    const held = this.#hosts.get(index);
    if (held !== undefined) return held;
    const host = new FleetHost(this, index);
    this.#hosts.set(index, host);
    return host;
  }

  hostIds(): readonly string[] {
    return Array.from({ length: this.options.hosts }, (_, host) => this.topology.hostId(host));
  }

  /** The id of the VM at home in a seat of a host; the first of those that sit there one after the other. */
  vmId(host: number, seat: number): string {
    const { vmsPerHost } = this.options;
    if (!Number.isInteger(seat) || seat < 0 || seat >= vmsPerHost) throw new RangeError(`no seat ${seat}`);
    this.topology.hostId(host);
    return this.topology.vmId({ seat: host * vmsPerHost + seat, generation: 0 });
  }

  /** Who a VM is, by its id alone. */
  identityOf(vm: string): VmIdentity {
    const seat = this.topology.seatOf(vm);
    if (seat !== undefined) return this.seats.identity(seat.seat, seat.generation);
    const key = hash32(vm, this.options.seed);
    // The last places of the address plan, far from the seats of all but the largest fleets.
    return { vm, key, place: 2 ** 20 - 1 - (key % 4096), name: `vm-${vm.slice(0, 8)}` };
  }

  /** What is really true of every VM that any host has at `tMs`, faults of hosts and of the way to them aside. */
  truth(tMs: number): ReadonlyMap<string, VmTruth> {
    return truthAt(this, tMs);
  }
}
