import type { DomainJobStats } from '@vedette/libvirt';
import type { MigrationJob } from '@vedette/model';
import type { DomainEntry } from './domain-entry.ts';
import type { DriverContext } from './driver-context.ts';

/** Between two looks at a running domain without a sign of a job. */
const intervalMs = 15_000;
const askTimeoutMs = 2_000;

/**
 * Finds out which domains are moving, and on which side of the move this host is. libvirtd answers without asking QEMU,
 * but it waits for whatever else is being done to the domain: on the connection for such calls.
 *
 * J1. Asked at once after a sign: a state of a move, an event, a job known from before. Then at every listing, until
 *     there is none. What such a listing says waits for the answer, shortly.
 * J2. Without a sign, which events bring, each running domain is asked every 15 s: signs can be lost.
 * J3. A domain whose monitor owes an answer is not asked: the call would be held with the other.
 */
export class JobReader {
  readonly #context: DriverContext;
  readonly #reading = new Set<DomainEntry>();

  constructor(context: DriverContext) {
    this.#context = context;
  }

  /** J1: resolves when all those that may be moving have been asked. Never rejects. */
  async readMoving(entries: readonly DomainEntry[]): Promise<void> {
    await Promise.all(entries.filter((entry) => entry.mayBeMoving).map((entry) => this.read(entry)));
  }

  /** J2: begins what is due; never waits. */
  round(entries: readonly DomainEntry[]): void {
    const nowMs = this.#context.clock.now();
    for (const entry of entries) {
      if (entry.isActive && !entry.mayBeMoving && entry.jobDueMs <= nowMs) void this.#look(entry);
    }
  }

  /** Never rejects: what cannot be read stands (I2). */
  async read(entry: DomainEntry): Promise<void> {
    if (entry.monitor !== 'answers' || this.#reading.has(entry)) return;
    this.#reading.add(entry);
    entry.jobDueMs = this.#context.clock.now() + intervalMs;
    try {
      const connection = await this.#context.monitorConnection();
      const call = { timeoutMs: askTimeoutMs, signal: this.#context.signal };
      const job = jobOf(await connection.domainJobStats(entry.domain, call));
      if (job === undefined && entry.isPausedByMove) {
        // The move is over: the state that was read is older than this answer.
        const { state, reason } = await connection.domainState(entry.domain, call);
        entry.read(state, reason);
      }
      entry.moves(job);
    } catch {
      // It has just stopped, or its job is held: a listing tells.
    } finally {
      this.#reading.delete(entry);
    }
  }

  async #look(entry: DomainEntry): Promise<void> {
    await this.read(entry);
    if (entry.job !== undefined) this.#context.tell(entry);
  }
}

function jobOf({ type, operation }: DomainJobStats): MigrationJob | undefined {
  if (type !== 'bounded' && type !== 'unbounded') return undefined;
  if (operation === 'migrationOut') return 'outgoing';
  return operation === 'migrationIn' ? 'incoming' : undefined;
}
