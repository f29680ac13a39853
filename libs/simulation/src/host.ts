import type { Fleet } from './fleet.ts';
import { overlaid } from './script/overlay.ts';
import type { Side } from './seats.ts';
import { rawOf, type VmIdentity, type VmView } from './view.ts';

/** One host of a fleet: what it really has, at any instant. */
export class FleetHost {
  readonly index: number;
  readonly id: string;
  /** What {@link simulationDriver} opens. */
  readonly url: string;
  readonly name: string;
  readonly realm: string;
  readonly hostUuid: string;
  readonly #fleet: Fleet;
  readonly #partner: number | undefined;
  /** Of the seats at home, then of the partner's; made when first needed, and anew when another VM has come. */
  readonly #identities: Array<{ readonly generation: number; readonly identity: VmIdentity } | undefined> = [];

  /** Use {@link Fleet.host}. */
  constructor(fleet: Fleet, index: number) {
    const { topology } = fleet;
    this.index = index;
    this.id = topology.hostId(index);
    this.url = `sim://${this.id}`;
    this.name = topology.hostName(index);
    this.realm = topology.realmOf(index);
    this.hostUuid = topology.hostUuid(index);
    this.#fleet = fleet;
    this.#partner = topology.partnerOf(index);
  }

  /** Every VM that the host has at `tMs`, in no particular order. */
  at(tMs: number): readonly VmView[] {
    const views: VmView[] = [];
    this.#eachSeat(tMs, (identity, side) => {
      const view = this.#scripted(identity, this.#fleet.seats.view(identity, side, tMs), tMs);
      if (view !== undefined) views.push(view);
    });
    this.#addScripted(views, tMs);
    return views;
  }

  /** One VM of the host; undefined when the host does not have it at `tMs`. */
  vmAt(vm: string, tMs: number): VmView | undefined {
    const seat = this.#fleet.topology.seatOf(vm);
    const identity = this.#fleet.identityOf(vm);
    const side = seat === undefined ? undefined : this.#sideOf(seat.seat);
    const present = side !== undefined && this.#fleet.seats.generationAt(identity.place, tMs) === seat?.generation;
    return this.#scripted(identity, present ? this.#fleet.seats.view(identity, side, tMs) : undefined, tMs);
  }

  /** The run of the host's agent at `tMs`. */
  bootAt(tMs: number): string {
    return this.#fleet.topology.boot(this.index, this.#fleet.script.restartsBy(this.id, tMs));
  }

  /**
   * An instant after `tMs` up to which {@link at}, {@link bootAt} and the faults of the host stay as they are at
   * `tMs`; Infinity: for ever, if nothing is added to the script. They need not change then.
   */
  nextChangeMs(tMs: number): number {
    const { seats, script } = this.#fleet;
    let nextMs = script.size === 0 ? Number.POSITIVE_INFINITY : script.nextChangeMs(this.id, tMs);
    this.#eachSeat(tMs, (identity, side) => {
      nextMs = Math.min(nextMs, seats.nextChangeMs(identity, side, tMs));
    });
    return nextMs;
  }

  /** The seats at home, then those of the partner whose VMs may be here. */
  #eachSeat(tMs: number, visit: (identity: VmIdentity, side: Side) => void): void {
    const { vmsPerHost } = this.#fleet.options;
    for (let seat = 0; seat < vmsPerHost; seat++)
      visit(this.#identity(seat, this.index * vmsPerHost + seat, tMs), 'home');
    if (this.#partner === undefined || this.#fleet.options.churn.migrationsPerMinute === 0) return;
    for (let seat = 0; seat < vmsPerHost; seat++) {
      visit(this.#identity(vmsPerHost + seat, this.#partner * vmsPerHost + seat, tMs), 'away');
    }
  }

  #sideOf(seat: number): Side | undefined {
    const home = Math.floor(seat / this.#fleet.options.vmsPerHost);
    return home === this.index ? 'home' : home === this.#partner ? 'away' : undefined;
  }

  #identity(slot: number, seat: number, tMs: number): VmIdentity {
    const generation = this.#fleet.seats.generationAt(seat, tMs);
    const held = this.#identities[slot];
    if (held?.generation === generation) return held.identity;
    const identity = this.#fleet.seats.identity(seat, generation);
    this.#identities[slot] = { generation, identity };
    return identity;
  }

  #scripted(identity: VmIdentity, own: VmView | undefined, tMs: number): VmView | undefined {
    const { script, seats } = this.#fleet;
    const entries = script.size === 0 ? undefined : script.entriesOf(this.id, identity.vm);
    if (entries === undefined) return own;
    const blank = (): VmView => ({
      identity,
      state: 'unknown',
      reason: '',
      raw: rawOf('unknown'),
      startedAtMs: undefined,
      ...seats.detailVersions(identity.key, tMs),
      patch: undefined,
    });
    return overlaid(own, blank, entries, this.id, tMs);
  }

  /** VMs that only the script has here. */
  #addScripted(views: VmView[], tMs: number): void {
    const { script } = this.#fleet;
    if (script.size === 0) return;
    const seen = new Set(views.map(({ identity }) => identity.vm));
    for (const vm of script.vmsOf(this.id)) {
      if (seen.has(vm)) continue;
      const view = this.vmAt(vm, tMs);
      if (view !== undefined) views.push(view);
    }
  }
}
