import type { Bus } from '@vedette/bus';
import type { Clock } from '@vedette/runtime';
import type { MonitorConfig } from './config.ts';

/** A time in which one monitor could not see its hosts, for a reason of its own (I2). */
export interface Blindness {
  /** ISO 8601, by the wall clock: labels. `until` is missing while it lasts. */
  readonly since: string;
  readonly until?: string;
  /** A code and, after a colon, words. */
  readonly why: string;
  /** Hosts concerned, the most there were. */
  readonly hosts: number;
}

/** One host's part in what its monitor makes of failures. */
export interface HostInSight {
  /**
   * @param inSight the fleet believes that the host is seen: its silence would be news
   * @param failing its last attempt failed
   */
  report(inSight: boolean, failing: boolean): void;
  /** It is no longer watched. */
  leave(): void;
}

export interface SightOptions {
  readonly bus: Pick<Bus, 'connected'>;
  readonly clock: Clock;
  readonly config: MonitorConfig;
  /** Blindness begins, or is over (`until`). */
  readonly onChange: (blindness: Blindness) => void;
}

/** What speaks for blindness now, and for how long it must before it counts. */
interface Cause {
  readonly why: string;
  readonly hosts: number;
  readonly afterMs: number;
}

/**
 * Whether a monitor may judge its hosts by their silence (I2).
 *
 * V1. It is blind while the connection to its bus is lost, and while more than half of the hosts in sight fail at once,
 *     where there are `blindMinHosts` of these and it stays so for a poll interval: at a start the first ones to be asked
 *     are not all. Hosts that were called non-responsive, or never met, are not in sight: those that died one by one
 *     never make it blind to the rest.
 * V2. It sees again when neither has held for `sightedAfterMs`; every host is judged from then on as if it had just
 *     answered ({@link sightedMs}).
 *
 * The bus tells nobody that it was lost: {@link look} finds out, at every failure and whenever somebody calls it.
 */
export class Sight {
  readonly #options: SightOptions;
  #hosts = 0;
  #inSight = 0;
  #failing = 0;
  #blindness: Blindness | undefined;
  /** Since when something speaks for blindness, and since when nothing does any more; monotonic. */
  #causeMs: number | undefined;
  #clearMs: number | undefined;
  #sightedMs = Number.NEGATIVE_INFINITY;

  constructor(options: SightOptions) {
    this.#options = options;
  }

  /** Undefined while it sees. */
  get blindness(): Blindness | undefined {
    return this.#blindness;
  }

  /** Since when it sees, monotonic; undefined while it does not. */
  get sightedMs(): number | undefined {
    return this.#blindness === undefined ? this.#sightedMs : undefined;
  }

  enter(): HostInSight {
    let present = true;
    let counted = false;
    let failing = false;
    this.#hosts++;
    const report = (nowInSight: boolean, nowFailing: boolean): void => {
      if (!present) return;
      const fails = nowInSight && nowFailing;
      if (nowInSight === counted && fails === failing) return;
      this.#inSight += Number(nowInSight) - Number(counted);
      this.#failing += Number(fails) - Number(failing);
      counted = nowInSight;
      failing = fails;
      this.look();
    };
    const leave = (): void => {
      report(false, false);
      this.#hosts -= Number(present);
      present = false;
    };
    return { report, leave };
  }

  /** Looks at what speaks for blindness now. */
  look(): void {
    const cause = this.#cause();
    const nowMs = this.#options.clock.now();
    if (cause !== undefined) {
      this.#clearMs = undefined;
      this.#causeMs ??= nowMs;
      if (this.#blindness !== undefined) this.#goOn(this.#blindness, cause.hosts);
      else if (nowMs - this.#causeMs >= cause.afterMs) this.#begin(cause, nowMs - this.#causeMs);
      return;
    }
    this.#causeMs = undefined;
    if (this.#blindness === undefined) return;
    this.#clearMs ??= nowMs;
    if (nowMs - this.#clearMs >= this.#options.config.sightedAfterMs) this.#end(this.#blindness, nowMs);
  }

  /** V1 */
  #cause(): Cause | undefined {
    if (!this.#options.bus.connected) {
      return { why: 'bus_disconnected: the connection to the bus is lost', hosts: this.#hosts, afterMs: 0 };
    }
    const { blindMinHosts, pollIntervalMs } = this.#options.config;
    if (this.#inSight < blindMinHosts || 2 * this.#failing <= this.#inSight) return undefined;
    const why = `hosts_failing: ${this.#failing} of ${this.#inSight} hosts in sight fail at once`;
    return { why, hosts: this.#failing, afterMs: pollIntervalMs };
  }

  #begin({ why, hosts }: Cause, agoMs: number): void {
    this.#blindness = { since: this.#textOf(agoMs), why, hosts };
    this.#options.onChange(this.#blindness);
  }

  #goOn(blindness: Blindness, hosts: number): void {
    if (hosts > blindness.hosts) this.#blindness = { ...blindness, hosts };
  }

  #end(blindness: Blindness, nowMs: number): void {
    this.#blindness = undefined;
    this.#clearMs = undefined;
    this.#sightedMs = nowMs;
    this.#options.onChange({ ...blindness, until: this.#textOf(0) });
  }

  #textOf(agoMs: number): string {
    return new Date(this.#options.clock.wallNow() - agoMs).toISOString();
  }
}
