import { mix, salts } from './mixing.ts';
import type { ResolvedFleetOptions } from './options.ts';

/** Where a VM is at home: the seats of host i are i x vmsPerHost and the following. Occupied anew, it is another VM. */
export interface Seat {
  readonly seat: number;
  /** Which of the VMs that sit there one after the other; always 0 where nobody is created or removed. */
  readonly generation: number;
}

/** The places of a fleet and their names; everything follows from the numbers alone. */
export class Topology {
  readonly hosts: number;
  readonly vmsPerHost: number;
  readonly realms: number;
  readonly #seed: number;

  constructor(options: ResolvedFleetOptions) {
    this.#seed = options.seed;
    this.hosts = options.hosts;
    this.vmsPerHost = options.vmsPerHost;
    this.realms = options.realms;
  }

  /** `sim-00007`. @throws RangeError */
  hostId(host: number): string {
    if (!Number.isInteger(host) || host < 0 || host >= this.hosts) throw new RangeError(`no host ${host}`);
    return `sim-${String(host).padStart(5, '0')}`;
  }

  /** Undefined for an id that {@link hostId} never gave. */
  hostIndex(id: string): number | undefined {
    const match = /^sim-(\d{5,7})$/.exec(id);
    const host = Number(match?.[1]);
    return match !== null && host < this.hosts && this.hostId(host) === id ? host : undefined;
  }

  realmOf(host: number): string {
    return `realm-${this.#realmIndex(host) + 1}`;
  }

  hostName(host: number): string {
    return `kvm-${String(host + 1).padStart(3, '0')}.${this.realmOf(host)}.example`;
  }

  hostUuid(host: number): string {
    return uuidText(mix(this.#seed, host, 1, salts.hostUuid), mix(this.#seed, host, 2, salts.hostUuid), host, 0);
  }

  /** The run of a host's agent; `run` counts its restarts. */
  boot(host: number, run: number): string {
    const hex = (word: number): string => mix(this.#seed, host, run, salts.boot + 100 * word).toString(16);
    return hex(0).padStart(8, '0') + hex(1).padStart(8, '0');
  }

  /** The host that live migrations from this one go to: its neighbour within the realm; undefined for an odd last one. */
  partnerOf(host: number): number | undefined {
    const realm = this.#realmIndex(host);
    const first = this.#firstHostOf(realm);
    const partner = first + ((host - first) ^ 1);
    return partner < this.#firstHostOf(realm + 1) ? partner : undefined;
  }

  /** Decides everything about the VM of a seat but what its place in the fleet decides. */
  keyOf(seat: Seat): number {
    return mix(this.#seed, seat.seat, seat.generation, salts.key);
  }

  /** The id of the VM of a seat: a UUID that no other seat or generation has. */
  vmId({ seat, generation }: Seat): string {
    const high = mix(this.#seed, seat, generation, salts.uuidHigh);
    const middle = mix(this.#seed, seat, generation, salts.uuidMiddle);
    const mask = mix(this.#seed, high, middle >>> 16, salts.uuidTail);
    return uuidText(high, middle, seat ^ mask, (generation ^ mask) & 0xffff);
  }

  /** The seat of a VM; undefined for an id that {@link vmId} never gave. */
  seatOf(vm: string): Seat | undefined {
    if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(vm)) return undefined;
    const mask = mix(
      this.#seed,
      Number.parseInt(vm.slice(0, 8), 16),
      Number.parseInt(vm.slice(9, 13), 16),
      salts.uuidTail,
    );
    const seat = (Number.parseInt(vm.slice(24, 32), 16) ^ mask) >>> 0;
    const generation = (Number.parseInt(vm.slice(32), 16) ^ mask) & 0xffff;
    return seat < this.hosts * this.vmsPerHost && this.vmId({ seat, generation }) === vm
      ? { seat, generation }
      : undefined;
  }

  #realmIndex(host: number): number {
    return Math.floor((host * this.realms) / this.hosts);
  }

  #firstHostOf(realm: number): number {
    return Math.ceil((realm * this.hosts) / this.realms);
  }
}

function hex(word: number, digits: number): string {
  return (word >>> 0).toString(16).padStart(digits, '0');
}

/** A UUID of version 4 form whose last twelve digits are `tail` and `end`. */
function uuidText(high: number, middle: number, tail: number, end: number): string {
  const variant = 0x8000 | ((middle >>> 12) & 0x3fff);
  return `${hex(high, 8)}-${hex(middle >>> 16, 4)}-4${hex(middle & 0xfff, 3)}-${hex(variant, 4)}-${hex(tail, 8)}${hex(end, 4)}`;
}
