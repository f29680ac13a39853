import type { Bus } from '@vedette/bus';
import type { HostMonitor } from '@vedette/host-monitor';
import { type FleetEvent, subjectPatterns } from '@vedette/model';
import type { Clock, Timer } from '@vedette/runtime';
import type { FleetCounts, Store } from '@vedette/store';
import type { Logger } from '@vedette/telemetry';
import { numberText } from '../output/counts.ts';
import { eventLine } from '../output/event-line.ts';
import { type OutputStream, type Paint, plain } from '../output/style.ts';
import { Activity } from './activity.ts';
import { agesOf, type Figures, ProcessUse } from './figures.ts';
import { Screen } from './screen.ts';
import { type Heading, summaryLines, summaryText } from './summary.ts';

export interface LiveViewOptions {
  readonly store: Store;
  readonly bus: Bus;
  /** Undefined while it is not started yet. */
  readonly monitor: () => HostMonitor | undefined;
  readonly clock: Clock;
  readonly stream: OutputStream;
  readonly paint: Paint;
  readonly heading: Heading;
  readonly logger: Logger;
}

/** Event lines at one look, at most: more cannot be read anyway. */
const linesPerLook = { screen: 6, log: 20 } as const;
const lookIntervalMs = { screen: 250, log: 1_000 } as const;
const figuresIntervalMs = 1_000;
/** A log gets a summary every so many looks. */
const looksPerSummary = 5;
const leastColumns = 40;
const leastRows = 12;

/**
 * Shows a fleet as it lives. On a terminal: a region with the figures at the lower end, and the events scrolling above
 * it. Elsewhere: the events as lines, and a line of figures every few seconds. Of a burst the newest events are shown
 * and the others counted.
 */
export class LiveView {
  readonly #options: LiveViewOptions;
  #activity: Activity;
  readonly #screen: Screen | undefined;
  readonly #use: ProcessUse;
  readonly #startedMs: number;
  readonly #timers = new Set<Timer>();
  #counts: FleetCounts = { vms: {}, hosts: {} };
  #cpuRatio: number | undefined;
  #memoryMiB = process.memoryUsage.rss() / 2 ** 20;
  #looks = 0;
  #stopped = false;

  constructor(options: LiveViewOptions) {
    const { stream, clock } = options;
    this.#options = options;
    this.#screen = isScreen(stream) ? new Screen(stream) : undefined;
    this.#activity = new Activity(linesPerLook[this.#kind], 0);
    this.#use = new ProcessUse(clock);
    this.#startedMs = clock.now();
  }

  /** Events shown or counted since the start. */
  get events(): number {
    return this.#activity.total;
  }

  get runningMs(): number {
    return this.#options.clock.now() - this.#startedMs;
  }

  async start(): Promise<void> {
    const { position } = await this.#options.store.identity();
    this.#activity = new Activity(linesPerLook[this.#kind], position);
    await this.#options.bus.subscribe({
      patterns: [subjectPatterns.fleet],
      handler: (_subject, payload) => this.#activity.hear(payload),
    });
    this.#every(figuresIntervalMs, () => {
      this.#activity.tick();
      const { cpuRatio, memoryMiB } = this.#use.look();
      this.#cpuRatio = cpuRatio;
      this.#memoryMiB = memoryMiB;
      void this.#count();
    });
    this.#every(lookIntervalMs[this.#kind], () => this.#look());
    this.#look();
  }

  /** A line of somebody else's, above the region. */
  write(line: string): void {
    if (this.#screen === undefined || this.#stopped) this.#options.stream.write(`${line}\n`);
    else this.#screen.update([line]);
  }

  /** A last look; the terminal is as it was. Idempotent. */
  stop(): void {
    if (this.#stopped) return;
    for (const timer of this.#timers) timer.cancel();
    this.#look();
    this.#stopped = true;
    this.#screen?.close();
  }

  get #kind(): 'screen' | 'log' {
    return this.#screen === undefined ? 'log' : 'screen';
  }

  #every(intervalMs: number, work: () => void): void {
    const { clock } = this.#options;
    const arm = (): void => {
      const timer = clock.setTimer(() => {
        this.#timers.delete(timer);
        if (this.#stopped) return;
        arm();
        work();
      }, intervalMs);
      this.#timers.add(timer);
    };
    arm();
  }

  async #count(): Promise<void> {
    try {
      this.#counts = await this.#options.store.counts();
    } catch (error) {
      if (!this.#stopped) this.#options.logger.warn({ err: error }, 'the counts could not be read');
    }
  }

  #look(): void {
    const { events, skipped } = this.#activity.take();
    this.#looks++;
    if (this.#activity.total > 0 && Object.keys(this.#counts.vms).length === 0) void this.#count(); // the first ones
    if (this.#screen === undefined) this.#logLook(events, skipped);
    else this.#screenLook(this.#screen, events, skipped);
  }

  #screenLook(screen: Screen, events: readonly FleetEvent[], skipped: number): void {
    const { stream, paint, heading } = this.#options;
    const width = Math.max(leastColumns, stream.columns ?? 80) - 1;
    screen.update(linesOf(events, skipped, paint, width), summaryLines(heading, this.#figures(), width, paint));
  }

  #logLook(events: readonly FleetEvent[], skipped: number): void {
    const { stream } = this.#options;
    for (const line of linesOf(events, skipped, plain)) stream.write(`${line}\n`);
    if (this.#looks % looksPerSummary === 0) stream.write(`${summaryText(this.#figures())}\n`);
  }

  #figures(): Figures {
    const { monitor, clock } = this.#options;
    return {
      counts: this.#counts,
      eventsPerSecond: this.#activity.perSecond,
      events: this.#activity.total,
      ages: agesOf(monitor()?.proofs ?? new Map(), clock.now()),
      cpuRatio: this.#cpuRatio,
      memoryMiB: this.#memoryMiB,
      runningMs: this.runningMs,
    };
  }
}

function isScreen({ isTTY, columns = 80, rows = 24 }: OutputStream): boolean {
  return isTTY === true && columns >= leastColumns && rows >= leastRows;
}

function linesOf(events: readonly FleetEvent[], skipped: number, paint: Paint, width?: number): string[] {
  const lines = events.map(({ type, time, data }) => {
    return eventLine({ name: type.split('.')[1] ?? type, time, data }, paint, width);
  });
  return skipped === 0 ? lines : [paint('dim', `              … ${numberText(skipped)} more`), ...lines];
}
