import type { HostSnapshot, ObserverEvent, VMState } from '@vedette/model';
import { address, ScriptedObserver } from '@vedette/store/conformance';
import type { Store, StoredEvent } from '../src/index.ts';

export interface FleetSize {
  readonly hosts: number;
  readonly vmsPerHost: number;
}

/** Fewer than may wait for the store. */
const openingsAtOnce = 1_000;

/** A fleet whose events are made up as they are asked for; the same seed gives the same events. */
export class Workload {
  readonly size: FleetSize;
  readonly #observers: ScriptedObserver[] = [];
  #random: number;
  #turn = 0;

  constructor(size: FleetSize, seed = 1) {
    this.size = size;
    this.#random = seed;
  }

  get vms(): number {
    return this.size.hosts * this.size.vmsPerHost;
  }

  hostIds(): string[] {
    return Array.from({ length: this.size.hosts }, (_, at) => `host-${String(at).padStart(5, '0')}`);
  }

  /** Registers the hosts and opens their observers. */
  async openOn(store: Store): Promise<void> {
    await store.registerHosts(this.hostIds().map((id) => ({ id, name: id, realm: 'zone-1', url: `sim://${id}` })));
    const ids = this.hostIds();
    for (let at = 0; at < ids.length; at += openingsAtOnce) {
      const some = ids.slice(at, at + openingsAtOnce);
      const openings = await Promise.all(some.map((id) => store.openObserver(id)));
      for (const [index, id] of some.entries()) {
        this.#observers.push(new ScriptedObserver(id, openings[index]?.epoch ?? 0));
      }
    }
  }

  /** The first snapshot of every host. */
  firstContact(): HostSnapshot[] {
    return [...this.snapshots()];
  }

  /** A snapshot of every host, made as it is asked for; the first time round it is the first contact. */
  *snapshots(): Generator<HostSnapshot> {
    for (const [host, observer] of this.#observers.entries()) {
      const rows = Array.from({ length: this.size.vmsPerHost }, (_, at) => {
        const vm = host * this.size.vmsPerHost + at;
        return {
          vm: vmId(vm),
          state: 'running' as const,
          addresses: [address(`10.${(vm >> 16) & 255}.${(vm >> 8) & 255}.${vm & 255}`)],
          name: `instance-${String(vm).padStart(7, '0')}`,
          infoHash: hashOf(vm),
          configHash: hashOf(vm + 1),
          guestHash: hashOf(vm + 2),
        };
      });
      yield* observer.snapshot(rows);
    }
  }

  /** Changes of state of VMs drawn at random. */
  stateChanges(count: number): StoredEvent[] {
    return Array.from({ length: count }, () => ({ event: this.#stateChange(), position: undefined }));
  }

  #stateChange(): ObserverEvent {
    const vm = this.#draw(this.vms);
    const observer = this.#observers[Math.floor(vm / this.size.vmsPerHost)] as ScriptedObserver;
    const states: readonly VMState[] = ['paused', 'running', 'stopped', 'running'];
    const state = states[this.#turn++ % states.length] as VMState;
    return observer.state(vmId(vm), state, { reason: state === 'running' ? 'unpaused' : 'user' });
  }

  #draw(below: number): number {
    this.#random = (Math.imul(this.#random, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((this.#random / 2 ** 32) * below);
  }
}

/** Events in groups, as they are made. */
export function* inBatches(events: Iterable<ObserverEvent>, size: number): Generator<StoredEvent[]> {
  let batch: StoredEvent[] = [];
  for (const event of events) {
    batch.push({ event, position: undefined });
    if (batch.length < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

export function stored(events: readonly ObserverEvent[]): StoredEvent[] {
  return events.map((event) => ({ event, position: undefined }));
}

export function vmId(vm: number): string {
  const hex = hashOf(vm) + hashOf(vm + 7);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 24)}${vm.toString(16).padStart(8, '0')}`;
}

function hashOf(value: number): string {
  const high = Math.imul(value + 1, 0x9e3779b1) >>> 0;
  const low = Math.imul(value + 1, 0x85ebca6b) >>> 0;
  return high.toString(16).padStart(8, '0') + low.toString(16).padStart(8, '0');
}
