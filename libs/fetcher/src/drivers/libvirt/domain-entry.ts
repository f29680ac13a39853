import type { Domain, GuestInterface } from '@vedette/libvirt';
import { domainStates } from '@vedette/libvirt';
import { type AddressReport, canonicalAddresses, contentHash, libvirtState } from '@vedette/model';
import type { GuestDetails, RuntimeRow, Section } from '../../host-port.ts';
import type { Definition } from './definition.ts';

/** How long a VM reads as rebooting after the last reboot event: libvirt sends three for one reboot. */
export const rebootHoldMs = 2_000;
/** The reasons of a running domain that was restored from its saved memory, and of one that was saved. */
const restoredReason = 3;
const savedReason = 5;

/** What the guest agent said, and when; undefined content: it was asked and did not answer. */
interface AgentWord {
  readonly reports: readonly AddressReport[];
  readonly hostname: string;
  readonly os: string;
}

/**
 * One domain of a host, as the driver remembers it between listings. Plain data and rules about it; no I/O.
 *
 * D1. State and reason are those last read; `restoring` and `rebooting`, which no reading tells, are laid over them.
 * D2. A domain that is shut off has no addresses, and that is known; one that is saved keeps what it had.
 * D3. Once its guest agent has answered in this run, the agent's word about addresses stands until it answers again:
 *     an agent that is silent removes nothing.
 */
export class DomainEntry {
  domain: Domain;
  state = 0;
  reason = 0;
  definition: Definition | undefined;
  /** Monotonic ms at which the definition must be read again; it is stale from then on. */
  definitionDueMs = 0;
  readingDefinition = false;
  leases: readonly AddressReport[] = [];
  agentDueMs = 0;
  askingAgent = false;
  rebootingUntilMs = Number.NEGATIVE_INFINITY;
  restoring = false;
  #agent: AgentWord | undefined;
  #guest: Section<GuestDetails> = unavailable;

  constructor(domain: Domain) {
    this.domain = domain;
  }

  get isActive(): boolean {
    return this.state !== domainStates.shutoff && this.state !== domainStates.noState;
  }

  get isRunning(): boolean {
    return this.state === domainStates.running || this.state === domainStates.blocked;
  }

  /** libvirt says that it is being restored; nothing new where it was already read as restored. */
  beginRestoring(): void {
    if (!(this.isRunning && this.reason === restoredReason)) this.restoring = true;
  }

  /** Takes in a reading of the state. What the former run of the domain had said is forgotten when it ends. */
  read(state: number, reason: number): void {
    const wasActive = this.isActive;
    const wasSaved = this.state === domainStates.shutoff && this.reason === savedReason;
    this.state = state;
    this.reason = reason;
    // What was saved comes back by being restored, whatever its state says meanwhile.
    if (wasSaved && this.isActive) this.restoring = true;
    if (!this.isActive || this.isRunning) this.restoring = false;
    if (wasActive && !this.isActive) {
      this.#agent = undefined;
      this.leases = [];
      this.rebootingUntilMs = Number.NEGATIVE_INFINITY;
    }
    this.#refreshGuest();
  }

  leased(interfaces: readonly GuestInterface[]): void {
    this.leases = reportsOf(interfaces, 'lease');
    this.#refreshGuest();
  }

  /** The agent answered. Returns whether that changed what is known of the guest. */
  agentSaid(interfaces: readonly GuestInterface[], hostname: string, os: string): boolean {
    const before = this.#guest.hash;
    this.#agent = { reports: reportsOf(interfaces, 'agent'), hostname, os };
    this.#refreshGuest();
    return this.#guest.hash !== before;
  }

  get guest(): Section<GuestDetails> {
    return this.#guest;
  }

  row(nowMs: number): RuntimeRow {
    const mapped = libvirtState(this.state, this.reason);
    const runs = mapped.state === 'running';
    const overlay = this.restoring ? 'restoring' : runs && nowMs < this.rebootingUntilMs ? 'rebooting' : undefined;
    return {
      vm: this.domain.uuid,
      state: overlay ?? mapped.state,
      reason: overlay === undefined ? mapped.reason : '',
      raw: mapped.raw,
      name: this.domain.name,
      hashes: {
        ...(this.definition === undefined
          ? {}
          : { info: this.definition.infoHash, config: this.definition.configHash }),
        ...(this.#guest.observed === 'ok' ? { guest: this.#guest.hash } : {}),
      },
      rev: 0,
      // What libvirtd says of every domain that is off when it starts: the reason is not kept on disk.
      ...(this.state === domainStates.shutoff && this.reason === 0 ? { forgotten: true } : {}),
    };
  }

  #refreshGuest(): void {
    const content = this.#guestContent();
    if (content === undefined) {
      this.#guest = unavailable;
      return;
    }
    const hash = contentHash(content);
    if (hash !== this.#guest.hash || this.#guest.observed !== 'ok') this.#guest = { observed: 'ok', hash, content };
  }

  #guestContent(): GuestDetails | undefined {
    if (!this.isActive) return this.reason === savedReason ? undefined : nothing;
    if (this.#agent !== undefined) {
      const { reports, hostname, os } = this.#agent;
      return { addresses: canonicalAddresses(reports), os, hostname, apps: [] };
    }
    if (this.leases.length === 0) return undefined;
    return { addresses: canonicalAddresses(this.leases), os: '', hostname: '', apps: [] };
  }
}

const unavailable: Section<GuestDetails> = { observed: 'unavailable', hash: '' };
const nothing: GuestDetails = { addresses: [], os: '', hostname: '', apps: [] };

function reportsOf(interfaces: readonly GuestInterface[], source: 'agent' | 'lease'): AddressReport[] {
  return interfaces.flatMap(({ name, mac, addresses }) =>
    addresses.map(({ address }) => ({
      address,
      mac: mac ?? '',
      // A lease names the host's end of the cable, which says nothing about the guest.
      interface: source === 'agent' ? name : '',
      source,
    })),
  );
}
