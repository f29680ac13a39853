import type { DomainEntry } from './domain-entry.ts';
import type { DriverContext } from './driver-context.ts';

const askTimeoutMs = 5_000;

/**
 * Asks of domains that are off for a reason libvirtd has forgotten (it keeps none over its own restart) whether they were
 * saved: then they are suspended and keep their addresses. Once each time the reason is lost; it touches no QEMU.
 */
export class ManagedSaves {
  readonly #context: DriverContext;

  constructor(context: DriverContext) {
    this.#context = context;
  }

  /** Never rejects: who cannot be asked now is asked at the next listing. */
  async read(entries: readonly DomainEntry[]): Promise<void> {
    const forgotten = entries.filter(({ isForgotten, saved }) => isForgotten && saved === undefined);
    if (forgotten.length === 0) return;
    const { session, signal } = this.#context;
    const connection = await session.connection().catch(() => undefined);
    if (connection === undefined) return; // lost meanwhile, which the listing itself tells
    await Promise.all(
      forgotten.map(async (entry) => {
        const asked = connection.domainHasManagedSave(entry.domain, { timeoutMs: askTimeoutMs, signal });
        const saved = await asked.catch(() => undefined);
        if (saved !== undefined && entry.isForgotten) entry.hasSave(saved);
      }),
    );
  }
}
