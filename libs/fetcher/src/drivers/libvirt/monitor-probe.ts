import { type Domain, type StatsGroup, statsFlags } from '@vedette/libvirt';
import { VedetteError } from '@vedette/runtime';
import { hasMonitorFields } from './device-samples.ts';
import type { DomainEntry } from './domain-entry.ts';
import type { DriverContext } from './driver-context.ts';

export interface MonitorProbeOptions {
  /** Between two questions to one QEMU. Default 15,000. */
  readonly intervalMs?: number;
  /** A QEMU that has left a question open for so long does not respond. Default 10,000. */
  readonly silentAfterMs?: number;
}

/**
 * QEMUs that hang at once are no more than this many found: each one that is found holds a worker of libvirtd (it has 20
 * unless configured) for as long as it hangs. The others are found as these recover or end.
 */
const heldMax = 8;
const checkTimeoutMs = 2_000;

/**
 * Finds QEMUs whose monitor does not answer (not_responding), and finds them again when it does.
 *
 * P1. A question that a hung QEMU would hold (the cheapest there is: the dirty rate, one command each) goes to every
 *     active domain when it is first seen and then once an interval, many in one call, on the connection for such calls and never
 *     waiting for a job. It is given up at half of `silentAfterMs`.
 * P2. Who did not answer is looked at without touching QEMU: libvirtd itself tells since when a monitor owes an answer
 *     (virDomainGetControlInfo), also to questions of other clients. From `silentAfterMs` on it is silent. Detection
 *     takes at most the interval and that, and the time to the next listing; here 15 + 10 + 3 s.
 * P3. A domain that is suspect or silent is asked nothing more: there is never more than one open question of ours per
 *     domain. Its control info is read at every listing instead, and once that is well it is asked again; its answer
 *     proves that it responds, and until then no row says so (`unproved`). The same holds for one just met.
 * P4. Those that were in one call with a hung one are asked again at the next listing, without it (facts, trap 1).
 * P5. A domain is looked at (P2) before it is listed for the first time: it may have hung while nobody watched.
 * P6. A job of libvirt's own (migration, save, dump) is no silence, however long it takes.
 */
export class MonitorProbe {
  readonly intervalMs: number;
  readonly silentAfterMs: number;
  readonly #context: DriverContext;
  /** Asks QEMU since libvirt 7.2; where nobody answers to it, the statistics of disks, which always do. */
  #group: StatsGroup = 'dirtyRate';
  #supported = true;
  #asking = false;
  #checking = false;

  constructor(context: DriverContext, options: MonitorProbeOptions = {}) {
    this.#context = context;
    this.intervalMs = options.intervalMs ?? 15_000;
    this.silentAfterMs = options.silentAfterMs ?? 10_000;
  }

  /** Begins what is due; called at every listing, never waits. */
  round(entries: readonly DomainEntry[]): void {
    if (!this.#supported) {
      for (const entry of entries) entry.monitorProved = true; // nobody will ever know more
      return;
    }
    const nowMs = this.#context.clock.now();
    const active = entries.filter((entry) => entry.isActive);
    const doubted = active.filter(({ monitor }) => monitor !== 'answers');
    if (doubted.length > 0) void this.#checkAgain(doubted);
    const due = active.filter(({ monitor, monitorDueMs }) => monitor === 'answers' && monitorDueMs <= nowMs);
    if (due.length > 0 && doubted.length < heldMax) void this.#ask(due);
  }

  /** P5. Never rejects. */
  first(entries: readonly DomainEntry[]): Promise<void> {
    return this.check(entries.filter(({ isActive, monitorKnown }) => isActive && !monitorKnown));
  }

  /** Never rejects. */
  async #ask(due: readonly DomainEntry[]): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    const nowMs = this.#context.clock.now();
    for (const entry of due) entry.monitorDueMs = nowMs + this.intervalMs;
    try {
      const answered = await this.#answering(due.map(({ domain }) => domain));
      const owing = due.filter(({ domain }) => answered?.has(domain.uuid) !== true);
      for (const entry of due) if (answered?.has(entry.domain.uuid) === true) entry.monitorProved = true;
      await this.check(owing);
      if (answered === undefined) {
        for (const entry of owing) entry.monitorDueMs = 0; // P4
      } else if (answered.size === 0 && owing.every(({ monitor }) => monitor === 'answers')) {
        this.#group = 'block';
      }
    } catch {
      // The connection failed, which a listing tells; nothing was learnt of any QEMU.
    } finally {
      this.#asking = false;
    }
  }

  /** Whose QEMU has answered; undefined: the call was held. */
  async #answering(domains: readonly Domain[]): Promise<ReadonlySet<string> | undefined> {
    const connection = await this.#context.monitorConnection();
    try {
      const stats = await connection.domainStats({
        domains,
        groups: [this.#group],
        flags: statsFlags.noWait,
        timeoutMs: this.silentAfterMs / 2,
        signal: this.#context.signal,
      });
      const told = stats.filter(({ params }) => params.has('dirtyrate.calc_status') || hasMonitorFields(params));
      return new Set(told.map(({ domain }) => domain.uuid));
    } catch (error) {
      if (VedetteError.is(error, 'VDT_RUNTIME_DEADLINE')) return undefined;
      throw error;
    }
  }

  async #checkAgain(doubted: readonly DomainEntry[]): Promise<void> {
    if (this.#checking) return;
    this.#checking = true;
    await this.check(doubted);
    this.#checking = false;
  }

  /** P2, for domains whose QEMU owes an answer, or is thought to; tells what is news. Never rejects. */
  async check(entries: readonly DomainEntry[]): Promise<void> {
    if (this.#supported) await Promise.all(entries.map((entry) => this.#checkOne(entry)));
  }

  async #checkOne(entry: DomainEntry): Promise<void> {
    const { id } = entry.domain;
    try {
      const { clock, session, signal } = this.#context;
      // It touches neither QEMU nor a job, so it is safe where listings are made.
      const connection = await session.connection();
      const info = await connection.domainControlInfo(entry.domain, { timeoutMs: checkTimeoutMs, signal });
      if (!entry.isActive || entry.domain.id !== id) return; // another run of it by now
      this.#judge(entry, info, clock.now());
    } catch (error) {
      if (VedetteError.is(error, 'VDT_LIBVIRT_UNSUPPORTED')) this.#supported = false;
      // Else it may just have stopped: a listing tells. What was thought of it stands (I2).
    }
  }

  #judge(entry: DomainEntry, info: { readonly state: string; readonly stateMs: number }, nowMs: number): void {
    const before = entry.monitor;
    entry.monitorKnown = true;
    const owes = info.state === 'occupied' || info.state === 'error';
    if (!owes) {
      entry.monitor = 'answers';
      if (before !== 'answers') entry.monitorDueMs = 0;
      // A libvirtd that was restarted knows nothing of a question that its former run had open: only an answer proves.
      if (before === 'silent') entry.monitorProved = false;
    } else {
      if (before === 'answers') entry.suspectSinceMs = nowMs;
      // libvirtd says of an error that it is, not since when; and an error can pass in a moment.
      const owingMs = info.state === 'occupied' ? info.stateMs : nowMs - entry.suspectSinceMs;
      entry.monitor = before === 'silent' || owingMs >= this.silentAfterMs ? 'silent' : 'suspect';
    }
    if ((before === 'silent') !== (entry.monitor === 'silent')) this.#context.tell(entry);
  }
}
