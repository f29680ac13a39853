import {
  compareVersions,
  type HostMode,
  type HostStateChanged,
  isProviderObserver,
  type Version,
} from '@vedette/model';
import { VedetteError } from '@vedette/runtime';
import '../errors.ts';
import type { HostRegistration } from '../port.ts';
import { requireIdentifier } from './identifiers.ts';
import type { Logs } from './logs.ts';
import { fleetStateOf, type ObserverBook } from './observers.ts';
import type { PendingIndex } from './pendings.ts';
import type { HostRegistrationRow, ObserverFacts, ObserverRecord, Versioned } from './records.ts';
import type { Resettle } from './resettle.ts';
import type { Tallies } from './tallies.ts';

/**
 * Hosts: who is registered, what the fleet is told of them, and what follows for VMs.
 *
 * H1. One HostChanged leaves whenever what it says differs from the last one, in the transaction that writes it.
 * H2. The parts of what a host says of itself merge by version, each for itself, so that any order ends the same.
 * H3. VMs are resolved again only where the change can move their stored truth: those seen by several observers when
 *     observability changes, all of the host when its realm does, waiting ones when the realm loses or gains a host.
 */
export class Hosts {
  readonly #observers: ObserverBook;
  readonly #tallies: Tallies;
  readonly #logs: Logs;
  readonly #pendings: PendingIndex;
  readonly #resettle: Resettle;

  constructor(parts: {
    readonly observers: ObserverBook;
    readonly tallies: Tallies;
    readonly logs: Logs;
    readonly pendings: PendingIndex;
    readonly resettle: Resettle;
  }) {
    this.#observers = parts.observers;
    this.#tallies = parts.tallies;
    this.#logs = parts.logs;
    this.#pendings = parts.pendings;
    this.#resettle = parts.resettle;
  }

  register(hosts: readonly HostRegistration[], wallMs: number): void {
    for (const [index, host] of hosts.entries()) {
      requireIdentifier(host.id, `/${index}/id`);
      if (isProviderObserver(host.id)) throw providerId(host.id, `/${index}/id`);
      requireIdentifier(host.realm, `/${index}/realm`);
    }
    for (const host of hosts) this.#registerOne(host, wallMs);
  }

  /** @throws VedetteError VDT_STORE_UNKNOWN_HOST, nothing is removed then */
  remove(ids: readonly string[], author: string, wallMs: number): void {
    const records = ids.map((id) => this.#registered(id));
    for (const record of records) {
      if (record.host.removedBy !== undefined) continue;
      this.#update(record, wallMs, () => {
        record.host.removedBy = author;
      });
    }
  }

  /** @throws VedetteError VDT_STORE_UNKNOWN_HOST */
  setMode(id: string, mode: HostMode, wallMs: number): void {
    const record = this.#registered(id);
    this.#update(record, wallMs, () => {
      record.host.mode = mode;
    });
  }

  /** Takes in what the host's observer says of the host; returns whether anything was new. */
  report(record: ObserverRecord, data: HostStateChanged['data'], wallMs: number): boolean {
    const { version, to, reason, hostUuid, capabilities } = data;
    const report = newer(record.report, version, { state: to, reason });
    const uuid = newer(record.hostUuid, version, hostUuid);
    const able = newer(record.capabilities, version, capabilities);
    if (report === record.report && uuid === record.hostUuid && able === record.capabilities) return false;
    this.#update(record, wallMs, () => {
      record.report = report;
      record.hostUuid = uuid;
      record.capabilities = able;
    });
    return true;
  }

  /** Whether a living member watches the hosts, and which; unknown and unchanged ones are passed over. */
  setWatched(ids: readonly string[], watched: boolean, member: string | undefined, wallMs: number): void {
    for (const id of ids) {
      const record = this.#observers.get(id);
      const host = record?.host;
      if (record === undefined || host === undefined || host.removedBy !== undefined) continue;
      if (host.unwatched !== watched && (member === undefined || host.member === member)) continue;
      this.#update(record, wallMs, () => {
        host.unwatched = !watched;
        host.member = member ?? host.member;
      });
    }
  }

  #registerOne({ id, name, realm, url, origin = 'configuration' }: HostRegistration, wallMs: number): void {
    const record = this.#observers.getOrAdd(id);
    const wasRemoved = record.host?.removedBy !== undefined;
    this.#update(record, wallMs, () => {
      const host = record.host ?? newHost();
      const mode = wasRemoved ? 'active' : host.mode;
      record.host = { ...host, name, realm, url, origin, mode, removedBy: undefined };
    });
    if (wasRemoved) this.#resettle.all(this.#pendings.parked, wallMs);
  }

  #registered(id: string): RegisteredRecord {
    const record = this.#observers.get(id);
    if (record?.host === undefined)
      throw new VedetteError('VDT_STORE_UNKNOWN_HOST', { message: `no host ${id} is registered` });
    return record as RegisteredRecord;
  }

  /** H1, H3 */
  #update(record: ObserverRecord, wallMs: number, change: () => unknown): void {
    const factsBefore = this.#observers.facts(record.id) as ObserverFacts;
    const told = record.host && toldOf(record.host);
    change();
    this.#publish(record, told, wallMs);
    this.#observers.save(record);
    const facts = this.#observers.facts(record.id) as ObserverFacts;
    const moved = facts.realm !== factsBefore.realm;
    const removal = facts.removed !== factsBefore.removed;
    if (moved) this.#resettle.seenBy(record, wallMs);
    else if (removal || facts.observable !== factsBefore.observable) this.#resettle.sharedBy(record, wallMs);
    if (moved || removal)
      for (const realm of new Set([facts.realm, factsBefore.realm])) this.#resettle.waitingIn(realm, wallMs);
  }

  #publish(record: ObserverRecord, told: ReturnType<typeof toldOf> | undefined, wallMs: number): void {
    const { host, id } = record;
    if (host === undefined) return;
    const from = told?.state;
    const { state, reason } = fleetStateOf(record);
    host.state = state;
    host.reason = reason;
    const now = toldOf(host);
    if (told !== undefined && (Object.keys(now) as Array<keyof typeof now>).every((key) => now[key] === told[key])) {
      return;
    }
    host.hostVersion++;
    const { hostVersion, name, realm, mode } = host;
    const vms = this.#tallies.decidedBy(id);
    const data = {
      host: id,
      hostVersion,
      name,
      realm,
      ...(from === undefined ? {} : { from }),
      state,
      mode,
      reason,
      vms,
    };
    this.#logs.hostChanged(data, wallMs);
  }
}

type RegisteredRecord = ObserverRecord & { readonly host: HostRegistrationRow };

/** What a difference of is told; the URL is not in the event, but whoever follows hosts asks for it anew. */
function toldOf({ name, realm, url, mode, state, reason }: HostRegistrationRow) {
  return { name, realm, url, mode, state, reason };
}

function providerId(id: string, path: string): VedetteError {
  const message = `${JSON.stringify(id)} begins with @, which marks providers`;
  return new VedetteError('VDT_STORE_IDENTIFIER', { message, path });
}

function newHost(): Omit<HostRegistrationRow, 'name' | 'realm' | 'url' | 'origin' | 'removedBy'> {
  return {
    mode: 'active',
    hostVersion: 0,
    unwatched: false,
    member: undefined,
    state: 'connecting',
    reason: '',
  };
}

/** H2; a part left out says nothing. */
function newer<T>(held: Versioned<T> | undefined, version: Version, value: T | undefined): Versioned<T> | undefined {
  if (value === undefined) return held;
  return held !== undefined && compareVersions(held.version, version) >= 0 ? held : { version, value };
}
