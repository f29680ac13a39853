import type { GuestInterface } from '@vedette/libvirt';
import { contentHash } from '@vedette/model';
import type { GuestDetails, Section } from '../../host-port.ts';
import { type AgentReport, mergeGuestDetails } from './guest-details.ts';
import type { NeighbourReport } from './neighbour-reports.ts';

/** `told`: it runs, and what was told counts. `none`: it is down, and has no addresses. `kept`: nobody can say now. */
export type GuestStanding = 'told' | 'none' | 'kept';

/**
 * What was told of one guest in one run of its domain, by whom, and the section that follows. Plain data and rules.
 *
 * K1. Once its guest agent has answered in this run, the agent's word about addresses stands until it answers again: an
 *     agent that is silent removes nothing.
 * K2. That a guest has lost all its addresses is believed when the agent says it twice (S3).
 * K3. A network that knows no lease says nothing about the guest.
 */
export class GuestKnowledge {
  #standing: GuestStanding = 'kept';
  #agent: AgentReport | undefined;
  #leases: readonly GuestInterface[] | undefined;
  #neighbours: readonly NeighbourReport[] | undefined;
  #lostAllOnce = false;
  #section: Section<GuestDetails> = unavailable;

  get section(): Section<GuestDetails> {
    return this.#section;
  }

  /** What neighbour tables have said of it. */
  get neighbours(): readonly NeighbourReport[] {
    return this.#neighbours ?? [];
  }

  stand(standing: GuestStanding): void {
    this.#standing = standing;
    this.#refresh();
  }

  /** Another run has begun, or none: what was told of the former one is forgotten. */
  endRun(): void {
    this.#agent = undefined;
    this.#lostAllOnce = false;
    this.#leases = undefined;
    this.#neighbours = undefined;
  }

  leased(interfaces: readonly GuestInterface[]): void {
    if (interfaces.length === 0) return;
    this.#leases = interfaces;
    this.#refresh();
  }

  neighboured(reports: readonly NeighbourReport[]): void {
    if (this.#neighbours === undefined && reports.length === 0) return;
    this.#neighbours = reports;
    this.#refresh();
  }

  /** The agent answered. `doubtful`: it says that all addresses are gone; it should be asked again soon. */
  agentSaid(report: AgentReport): 'same' | 'changed' | 'doubtful' {
    const before = this.#section.hash;
    const known = this.#section.content?.addresses.length ?? 0;
    const losesAll = known > 0 && mergeGuestDetails({ agent: report })?.addresses.length === 0;
    const doubtful = losesAll && report.interfaces !== undefined && !this.#lostAllOnce;
    this.#lostAllOnce = losesAll;
    if (doubtful) return 'doubtful';
    // One part may have failed: what it told of that before stands.
    this.#agent = { ...report, interfaces: report.interfaces ?? this.#agent?.interfaces };
    this.#refresh();
    return this.#section.hash === before ? 'same' : 'changed';
  }

  #refresh(): void {
    const content = this.#content();
    if (content === undefined) {
      this.#section = unavailable;
      return;
    }
    const hash = contentHash(content);
    if (hash !== this.#section.hash) this.#section = { observed: 'ok', hash, content };
  }

  #content(): GuestDetails | undefined {
    if (this.#standing !== 'told') return this.#standing === 'none' ? nothing : undefined;
    return mergeGuestDetails({ agent: this.#agent, leases: this.#leases, neighbours: this.#neighbours });
  }
}

const unavailable: Section<GuestDetails> = { observed: 'unavailable', hash: '' };
const nothing: GuestDetails = { addresses: [], os: '', hostname: '', apps: [] };
