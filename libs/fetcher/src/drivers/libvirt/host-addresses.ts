import { VedetteError } from '@vedette/runtime';
import type { DomainEntry } from './domain-entry.ts';
import type { DriverContext } from './driver-context.ts';
import { neighbourReports } from './neighbour-reports.ts';
import type { NeighbourReader } from './neighbours.ts';

const leaseTimeoutMs = 10_000;
const neighbourTimeoutMs = 2_000;

/** Addresses of guests as their host knows them: from leases of libvirt's networks, and from its neighbour table. */
export class HostAddresses {
  readonly #context: DriverContext;
  readonly #neighbours: NeighbourReader | undefined;
  #readingNeighbours = false;

  /** @param neighbours of this machine; undefined where the host is another one */
  constructor(context: DriverContext, neighbours: NeighbourReader | undefined) {
    this.#context = context;
    this.#neighbours = neighbours;
  }

  /** Never rejects: one that cannot be asked keeps what it had (I2). */
  async read(entries: readonly DomainEntry[]): Promise<void> {
    const active = entries.filter((entry) => entry.isActive && !entry.isStopping);
    await Promise.all([this.#readLeases(active), this.#readNeighbours(active)]);
  }

  async #readLeases(active: readonly DomainEntry[]): Promise<void> {
    const leasing = active.filter((entry) => entry.definition?.onLibvirtNetwork === true);
    if (leasing.length === 0) return;
    const { session, signal } = this.#context;
    const connection = await session.connection().catch(() => undefined);
    if (connection === undefined) return; // lost meanwhile, which the listing itself tells
    const call = { timeoutMs: leaseTimeoutMs, signal };
    await Promise.all(
      leasing.map(async (entry) => {
        const interfaces = await connection.interfaceAddresses(entry.domain, 'lease', call).catch(() => undefined);
        if (interfaces !== undefined) entry.leased(interfaces);
      }),
    );
  }

  async #readNeighbours(active: readonly DomainEntry[]): Promise<void> {
    const wanted = active.filter((entry) => (entry.definition?.macs.length ?? 0) > 0);
    if (this.#neighbours === undefined || wanted.length === 0 || this.#readingNeighbours) return;
    this.#readingNeighbours = true;
    const { clock, signal } = this.#context;
    try {
      const table = await this.#neighbours.read({ timeoutMs: neighbourTimeoutMs, signal });
      const nowMs = clock.now();
      for (const entry of wanted) {
        const macs = entry.definition?.macs ?? [];
        entry.neighboured(neighbourReports({ table, macs, before: entry.neighbours, nowMs }));
      }
    } catch (error) {
      // Only the signal's reason is left: the fetcher was closed.
      if (!VedetteError.is(error)) throw error;
    } finally {
      this.#readingNeighbours = false;
    }
  }
}
