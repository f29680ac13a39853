import {
  type Address,
  type AddressesValue,
  type Condition,
  type EventName,
  envelope,
  type HostCoverage,
  type HostSnapshot,
  type HostState,
  isActive,
  type ObserverEvent,
  type StateValue,
  subjects,
  type Version,
  type VMState,
  zeroVersion,
} from '@vedette/model';

/** What a scripted snapshot says of one VM. */
export interface SnapshotRow {
  readonly vm: string;
  readonly state: VMState;
  readonly addresses?: AddressesValue | null;
  readonly conditions?: readonly Condition[];
  readonly name?: string;
  readonly infoHash?: string;
  readonly configHash?: string;
  readonly guestHash?: string;
}

export interface StateOptions {
  readonly reason?: string;
  readonly passed?: readonly VMState[];
  readonly held?: boolean;
  readonly lastPresent?: VMState;
  /** The VM was removed and defined anew before it was seen so (M8). */
  readonly reborn?: boolean;
}

/** What every scripted event is said to have been seen at. */
const observedAt = '2026-01-01T00:00:00.000Z';

/** The events of one observer in one epoch, as a host monitor would publish them: versions, activations and all. */
export class ScriptedObserver {
  readonly id: string;
  readonly epoch: number;
  seq = 0;
  readonly #activations = new Map<
    string,
    { version: Version; active: boolean; held: boolean; last: VMState; born: Version | undefined }
  >();

  constructor(id: string, epoch: number) {
    this.id = id;
    this.epoch = epoch;
  }

  /** The version of the last event. */
  get version(): Version {
    return { epoch: this.epoch, seq: this.seq };
  }

  /** The VM was told to be absent: its next state is told as of one that was never met. */
  forget(vm: string): void {
    this.#activations.delete(vm);
  }

  state(vm: string, to: VMState, options: StateOptions = {}): ObserverEvent {
    const version = this.#next();
    const before = this.#activations.get(vm)?.last;
    const value = this.#stateValue(vm, to, version, options);
    const from = before === undefined ? {} : { from: before };
    const data = { ...from, to, passed: [...(options.passed ?? [])], value };
    return this.#event('VMStateChanged', subjects.vmState(this.id, vm), { vm, ...data }, version);
  }

  addresses(vm: string, value: AddressesValue): ObserverEvent {
    const data = { vm, added: [...value], removed: [], value: [...value] };
    return this.#event('IPChanged', subjects.vmAddresses(this.id, vm), data);
  }

  config(vm: string, name: string, hash: string, document = true): ObserverEvent {
    const value = {
      name,
      hashes: { info: `i${hash}`, config: `c${hash}` },
      ...(document ? { document: { info: { vcpus: 2 }, config: { hash } } } : {}),
    };
    return this.#event('VMConfigChanged', subjects.vmConfig(this.id, vm), { vm, sections: ['info', 'config'], value });
  }

  guest(vm: string, hash: string, document = true): ObserverEvent {
    const value = { hash, ...(document ? { document: { os: 'Debian 12', hostname: vm, appsHash: hash } } : {}) };
    return this.#event('VMGuestChanged', subjects.vmGuest(this.id, vm), { vm, value });
  }

  conditions(vm: string, value: readonly Condition[]): ObserverEvent {
    const data = { vm, raised: [...value], cleared: [], value: [...value] };
    return this.#event('VMConditionChanged', subjects.vmCondition(this.id, vm), data);
  }

  hostState(
    to: HostState,
    more: {
      readonly reason?: string;
      readonly hostUuid?: string;
      readonly capabilities?: Record<string, unknown>;
    } = {},
  ): ObserverEvent {
    const data = { to, vms: this.#activations.size, reason: '', ...more };
    return this.#event('HostStateChanged', subjects.hostState(this.id), data);
  }

  /** A snapshot in parts of `rowsPerPart` rows, at least one. */
  snapshot(rows: readonly SnapshotRow[], rowsPerPart = 1_000): HostSnapshot[] {
    const parts = Math.max(1, Math.ceil(rows.length / rowsPerPart));
    const snapshot = { epoch: this.epoch, seq: this.seq + parts };
    return Array.from({ length: parts }, (_, at) => {
      const part = rows.slice(at * rowsPerPart, (at + 1) * rowsPerPart);
      const data = { snapshot, part: at + 1, parts, columns: this.#columns(part, snapshot) };
      return this.#event('HostSnapshot', subjects.hostSnapshot(this.id), data) as HostSnapshot;
    });
  }

  #columns(rows: readonly SnapshotRow[], snapshot: Version): HostSnapshot['data']['columns'] {
    const values = rows.map((row) => this.#stateValue(row.vm, row.state, snapshot, {}));
    const born = values.map((value) => value.born ?? null);
    return {
      vm: rows.map((row) => row.vm),
      state: values.map((value) => value.state),
      reason: values.map((value) => value.reason),
      raw: values.map((value) => value.raw),
      activation: values.map((value) => value.activation),
      held: values.map((value) => value.held),
      ...(born.every((one) => one === null) ? {} : { born }),
      addresses: rows.map((row) => (row.addresses === undefined ? null : (row.addresses as Address[] | null))),
      conditions: rows.map((row) => [...(row.conditions ?? [])]),
      name: rows.map((row) => row.name ?? ''),
      infoHash: rows.map((row) => row.infoHash ?? ''),
      configHash: rows.map((row) => row.configHash ?? ''),
      guestHash: rows.map((row) => row.guestHash ?? ''),
    };
  }

  #stateValue(vm: string, state: VMState, version: Version, options: StateOptions): StateValue {
    const held = this.#activations.get(vm);
    const active = isActive(state);
    const activated = active && (held?.active !== true || options.reborn === true);
    const born = options.reborn === true ? version : held?.born;
    const activation = activated ? version : (held?.version ?? zeroVersion);
    const wasHeld = activated ? (options.held ?? false) : (held?.held ?? false);
    this.#activations.set(vm, { version: activation, active, held: wasHeld, last: state, born });
    const { reason = '', lastPresent } = options;
    const raw = { state, reason: '' };
    return {
      state,
      reason,
      raw,
      activation,
      held: wasHeld,
      ...(born === undefined ? {} : { born }),
      ...(lastPresent === undefined ? {} : { lastPresent }),
    };
  }

  #next(): Version {
    this.seq++;
    return this.version;
  }

  #event(name: EventName, subject: string, data: object, version = this.#next()): ObserverEvent {
    const id = `${this.id}/${version.epoch}/${version.seq}`;
    const source = '/vedette/host-monitor/scripted';
    const about = { host: this.id, version, observedAt, via: 'poll' as const };
    return envelope({ name, id, source, subject, wallMs: 0, data: { ...about, ...data } }) as unknown as ObserverEvent;
  }
}

/** An address as an agent would report it. */
export function address(text: string): Address {
  return {
    address: text,
    family: text.includes(':') ? 'ipv6' : 'ipv4',
    scope: 'private',
    mac: '',
    interface: 'eth0',
    source: 'agent',
  };
}

/** What one member proves, `provedAgoMs` ago unless excepted, with the marks its hosts answered. */
export function coverage(
  member: string,
  hosts: number,
  more: Partial<Omit<HostCoverage['data'], 'member' | 'hosts'>> = {},
): HostCoverage {
  const data = { member, hosts, provedAgoMs: 0, exceptions: {}, marks: [], ...more };
  return envelope({
    name: 'HostCoverage',
    id: `${member}/coverage`,
    source: `/vedette/host-monitor/${member}`,
    subject: subjects.coverage(member),
    wallMs: 0,
    data,
  });
}
