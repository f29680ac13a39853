import type { DomainJobStats, LibvirtConnection } from '@vedette/libvirt';
import type { MigrationJob } from '@vedette/model';
import { VedetteError } from '@vedette/runtime';
import type { DomainEntry } from './domain-entry.ts';
import type { DriverContext } from './driver-context.ts';

/** Between two looks at a running domain without a sign of a job. */
const intervalMs = 15_000;
const askTimeoutMs = 2_000;
/** How long a question is open before it may be held, and how long it may come after a later one all the same. */
const heldAfterMs = 300;
const lateMs = 100;

/**
 * What libvirtd says of a job. `ended`: the domain is not active. `unsupported`: nobody can tell here. `unknown`: no
 * answer.
 */
type JobAnswer = MigrationJob | 'none' | 'ended' | 'unsupported' | 'unknown';

/**
 * Finds out which domains are moving, and on which side of the move this host is. libvirtd answers without asking QEMU,
 * but it waits for whatever else is being done to the domain: on the connection for such calls.
 *
 * J1. Asked at once after a sign: a state of a move, an event, a job known from before. Then at every listing, until
 *     there is none. What such a listing says waits for the answer, shortly; what it left out is told by the answer.
 * J2. Without a sign, which events bring, each running domain is asked every 15 s: signs can be lost.
 * J3. A domain whose monitor owes an answer is not asked, since the call would be held with the other; but once where
 *     its row waits for it.
 * J4. That a guest arrives (libvirtd refuses to tell of the job) counts together with a state read after it, of the same
 *     run, in which a guest can arrive. An answer of another run counts for nothing.
 * J5. Where a guest arrives libvirtd refuses at once, whatever is being done. So a question that is still open when a
 *     later one for the state was answered is held by another job: the domain starts, or leaves; it does not arrive.
 */
export class JobReader {
  readonly #context: DriverContext;
  readonly #reading = new Map<DomainEntry, Promise<void>>();

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

  /** Resolves when the job is known, or cannot be had. Never rejects: what cannot be read stands (I2). */
  async read(entry: DomainEntry): Promise<void> {
    const reading = this.#reading.get(entry) ?? this.#begin(entry);
    await reading;
  }

  async #begin(entry: DomainEntry): Promise<void> {
    if (entry.monitor !== 'answers' && !entry.awaitsJob) return; // J3
    entry.jobDueMs = this.#context.clock.now() + intervalMs;
    const reading = this.#read(entry).catch(() => undefined); // gone, or the connection is: a listing tells
    this.#reading.set(entry, reading);
    await reading;
    this.#reading.delete(entry);
    if (entry.withheld && !entry.awaitsJob) this.#context.tell(entry);
  }

  async #read(entry: DomainEntry): Promise<void> {
    const { id } = entry.domain;
    const connection = await this.#context.monitorConnection();
    const question = this.#ask(connection, entry);
    const answered = new AbortController();
    const awaited = entry.awaitsJob;
    const wasHeld = awaited ? this.#watch(connection, entry, answered.signal) : Promise.resolve(false);
    const answer = await question;
    answered.abort();
    await this.#take(connection, entry, { id, answer, awaited });
    if (await wasHeld) this.#context.tell(entry); // what was told meanwhile was not all
  }

  /** J5. Whether the question was held, which is told; false when it was answered before, or nobody can say. Never rejects. */
  async #watch(connection: LibvirtConnection, entry: DomainEntry, answered: AbortSignal): Promise<boolean> {
    const { clock, signal } = this.#context;
    const { id } = entry.domain;
    const options = { signal: AbortSignal.any([signal, answered]) };
    try {
      await clock.sleep(heldAfterMs, options);
      await this.#readState(connection, entry);
      await clock.sleep(lateMs, options);
    } catch {
      return false; // answered; or its state could not be had either
    }
    if (entry.domain.id !== id) return false;
    entry.movesNotHere();
    this.#context.tell(entry);
    return true;
  }

  /** Never rejects. */
  async #ask(connection: LibvirtConnection, { domain }: DomainEntry): Promise<JobAnswer> {
    try {
      const call = { timeoutMs: askTimeoutMs, signal: this.#context.signal };
      return jobOf(await connection.domainJobStats(domain, call));
    } catch (error) {
      if (VedetteError.is(error, 'VDT_LIBVIRT_STATE')) return 'ended';
      return VedetteError.is(error, 'VDT_LIBVIRT_UNSUPPORTED') ? 'unsupported' : 'unknown';
    }
  }

  async #take(
    connection: LibvirtConnection,
    entry: DomainEntry,
    { id, answer, awaited }: { readonly id: number; readonly answer: JobAnswer; readonly awaited: boolean },
  ): Promise<void> {
    if (answer === 'unknown' || entry.domain.id !== id) return;
    if (answer === 'unsupported') {
      entry.movesNotHere();
      return;
    }
    // The state that was read may be older than this answer: a move that is over, or one that did not come about.
    const inDoubt = answer === 'incoming' || answer === 'ended' || entry.isPausedByMove || awaited;
    if (inDoubt && answer !== 'outgoing') await this.#readState(connection, entry);
    if (entry.domain.id !== id || answer === 'ended') return;
    entry.moves(answer === 'none' ? undefined : answer);
  }

  async #readState(connection: LibvirtConnection, entry: DomainEntry): Promise<void> {
    const askedMs = this.#context.clock.now();
    const call = { timeoutMs: askTimeoutMs, signal: this.#context.signal };
    const { state, reason } = await connection.domainState(entry.domain, call);
    entry.readAsked(askedMs, state, reason);
  }

  async #look(entry: DomainEntry): Promise<void> {
    await this.read(entry);
    if (entry.job !== undefined) this.#context.tell(entry);
  }
}

function jobOf({ type, operation }: DomainJobStats): JobAnswer {
  // `completed`: all memory is over there, and the guest waits to be ended here.
  if (operation === 'migrationOut' && ['bounded', 'unbounded', 'completed'].includes(type)) return 'outgoing';
  return operation === 'migrationIn' && (type === 'bounded' || type === 'unbounded') ? 'incoming' : 'none';
}
