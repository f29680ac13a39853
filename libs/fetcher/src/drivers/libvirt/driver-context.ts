import type { LibvirtConnection, LibvirtSession } from '@vedette/libvirt';
import type { Clock } from '@vedette/runtime';
import type { DomainEntry } from './domain-entry.ts';

/** What the parts of one fetcher share. */
export interface DriverContext {
  readonly clock: Clock;
  readonly session: LibvirtSession;
  /** For calls that a hung QEMU may hold; see SpareConnection. */
  readonly monitorConnection: () => Promise<LibvirtConnection>;
  /** Aborts when the fetcher is closed. */
  readonly signal: AbortSignal;
  /** Hints the row of a domain as it is now, or a poll where a row would not do. */
  readonly tell: (entry: DomainEntry) => void;
}
