import type { DomainEntry } from './domain-entry.ts';
import type { DriverContext } from './driver-context.ts';

const intervalMs = 15_000;
const askTimeoutMs = 5_000;

/**
 * Finds out when the I/O error of a guest that was not paused for it is over: its disks report none any more. Asks QEMU,
 * so only those guests, not often, on the connection for such calls; what is not answered clears nothing (I2).
 */
export class DiskErrors {
  readonly #context: DriverContext;
  readonly #dueMs = new WeakMap<DomainEntry, number>();

  constructor(context: DriverContext) {
    this.#context = context;
  }

  /** Begins what is due; never waits. */
  round(entries: readonly DomainEntry[]): void {
    const nowMs = this.#context.clock.now();
    for (const entry of entries) {
      if (!entry.conditions.has('io_error')) this.#dueMs.delete(entry);
      else if (entry.isRunning && entry.monitor === 'answers' && this.#isDue(entry, nowMs)) void this.#ask(entry);
    }
  }

  /** First an interval after the error was heard of: QEMU may not have noted it yet. */
  #isDue(entry: DomainEntry, nowMs: number): boolean {
    const dueMs = this.#dueMs.get(entry);
    if (dueMs !== undefined && dueMs > nowMs) return false;
    this.#dueMs.set(entry, nowMs + intervalMs);
    return dueMs !== undefined;
  }

  async #ask(entry: DomainEntry): Promise<void> {
    const { id } = entry.domain;
    try {
      const connection = await this.#context.monitorConnection();
      const call = { timeoutMs: askTimeoutMs, signal: this.#context.signal };
      const errors = await connection.domainDiskErrors(entry.domain, call);
      const over = errors.every(({ error }) => error === 'none');
      if (over && entry.domain.id === id && entry.conditions.clear('io_error')) this.#context.tell(entry);
    } catch {
      // Asked again after the interval; a QEMU that holds this call is the probe's to find.
    }
  }
}
