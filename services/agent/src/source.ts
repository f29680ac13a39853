import type { Hint, HostFetcher, HostIdentity, RuntimeStats } from '@vedette/fetcher';
import { type Clock, VedetteError } from '@vedette/runtime';
import type { AgentCounters } from './counters.ts';
import type { Changes, HostTable } from './table/host-table.ts';

/**
 * Reads one host into its table.
 *
 * R1. One reading at a time; whoever asks gets one that began after he asked, shared with all who wait (I6).
 * R2. A reading that fails leaves the table as it was, and is told as failed to whoever waits: what cannot be read is
 *     unobservable, never empty (I2).
 * R3. Rows that the source tells by itself are believed only while its last reading was: before it, nobody knows whose
 *     they are.
 */

export interface SourceOptions {
  readonly fetcher: HostFetcher;
  readonly table: HostTable;
  readonly clock: Clock;
  readonly counters: AgentCounters;
  readonly readTimeoutMs: number;
  readonly signal: AbortSignal;
  /** Whether another boot of the source is another run of the host; else only another host is. */
  readonly followBoot: boolean;
  /** Told of every change, after it is in the table. */
  readonly onChanges: (changes: Changes) => void;
  /** Another host, or another run of it, is read from now on; the table is empty. */
  readonly onNewRun: (identity: HostIdentity) => void;
  /** The first reading after a good one failed, with its error; or the first was good after failed ones. */
  readonly onReadable: (error: unknown) => void;
}

/** Up to where the source has told its state. */
interface Since {
  readonly boot: string;
  readonly rev: number;
}

export class Source {
  readonly #options: SourceOptions;
  #identity: HostIdentity | undefined;
  #since: Since | undefined;
  #reading: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  /** Monotonic, when the last good reading began; undefined while the last one failed, or there was none. */
  #readMs: number | undefined;
  #failing = false;
  /** When the reading began whose figures counted last. */
  #measuredMs = Number.NEGATIVE_INFINITY;

  constructor(options: SourceOptions) {
    this.#options = options;
  }

  /** Who the source last said it is; undefined before its first good reading. */
  get identity(): HostIdentity | undefined {
    return this.#identity;
  }

  get underWay(): boolean {
    return this.#reading !== undefined;
  }

  /** The age of the last reading if that was good, else undefined. */
  ageMs(): number | undefined {
    return this.#readMs === undefined ? undefined : this.#options.clock.now() - this.#readMs;
  }

  /**
   * Resolves once a reading that began after this call is in the table (R1).
   *
   * @throws what the driver throws; nothing was learned then (R2)
   */
  read(): Promise<void> {
    if (this.#reading === undefined) return this.#begin();
    this.#next ??= this.#reading.then(
      () => this.#begin(),
      () => this.#begin(),
    );
    return this.#next;
  }

  /** Takes in what the source tells by itself, for as long as the agent lives. Never rejects. */
  async follow(): Promise<void> {
    const { fetcher, signal, clock } = this.#options;
    if (!fetcher.capabilities.push) return;
    while (!signal.aborted) {
      try {
        for await (const hint of fetcher.hints({ signal })) this.#hinted(hint);
      } catch {
        // Whatever broke the hints shows in the readings too; hints are only ever a shortcut.
      }
      if (signal.aborted) return;
      this.readSoon();
      await clock.sleep(restartHintsMs, { signal }).catch(() => undefined);
    }
  }

  /** Reads without anybody waiting: failures are counted and show in {@link ageMs}. */
  readSoon(): void {
    this.read().catch(() => undefined);
  }

  #hinted(hint: Hint): void {
    const { table, onChanges } = this.#options;
    if (hint.kind === 'alive') return;
    if (hint.kind === 'poll' || this.#readMs === undefined) {
      this.readSoon();
      return;
    }
    onChanges(table.takeHinted(hint.rows, this.#nowS()));
  }

  #begin(): Promise<void> {
    this.#next = undefined;
    const reading = this.#read().finally(() => {
      this.#reading = undefined;
    });
    this.#reading = reading;
    return reading;
  }

  async #read(): Promise<void> {
    const { counters, clock } = this.#options;
    const begunMs = clock.now();
    counters.readings++;
    try {
      // A delta that does not agree is asked for again as a whole, at once.
      const trusted = (await this.#list(this.#since, begunMs)) || (await this.#list(undefined, begunMs));
      if (!trusted) throw new VedetteError('VDT_FETCHER_PARTIAL', { message: 'the listing of the host is incomplete' });
      this.#readMs = begunMs;
      this.#told(undefined);
    } catch (error) {
      counters.readingFailures++;
      this.#readMs = undefined;
      this.#since = undefined;
      this.#told(error);
      throw error;
    }
  }

  #told(error: unknown): void {
    const failing = error !== undefined;
    if (failing === this.#failing || this.#options.signal.aborted) return;
    this.#failing = failing;
    this.#options.onReadable(error);
  }

  /** Whether what came tells of every VM: only then may the table stand for the host. */
  async #list(since: Since | undefined, begunMs: number): Promise<boolean> {
    const { fetcher, table, readTimeoutMs, signal, onChanges } = this.#options;
    const reading = table.beginReading();
    const options = { timeoutMs: readTimeoutMs, signal };
    const stats = await fetcher.runtimeStats(since === undefined ? options : { ...options, since });
    this.#meet(stats);
    const trusted = stats.complete || (stats.agrees && since !== undefined);
    this.#since = trusted && stats.unreadable.length === 0 ? { boot: stats.boot, rev: stats.rev } : undefined;
    const measured = begunMs - this.#measuredMs >= leastMeasuredMs;
    if (measured) this.#measuredMs = begunMs;
    onChanges(table.take(stats, reading, this.#nowS(), measured));
    return trusted;
  }

  #meet({ hostUuid, boot }: RuntimeStats): void {
    const { table, counters, followBoot, onNewRun } = this.#options;
    const before = this.#identity;
    if (before?.hostUuid === hostUuid && before.boot === boot) return;
    this.#identity = { hostUuid, boot };
    table.forgetSourceRevs();
    if (before !== undefined && before.hostUuid === hostUuid && !followBoot) return;
    counters.sourceRuns++;
    table.reset();
    onNewRun(this.#identity);
  }

  #nowS(): number {
    return Math.floor(this.#options.clock.now() / 1_000);
  }
}

/** Shares of a processor since a reading just before this one are noise: kernels count in hundredths of a second. */
const leastMeasuredMs = 1_000;
/** After hints broke off: the driver reconnects by itself, this only keeps a broken one from spinning. */
const restartHintsMs = 1_000;
