import { decodeFleetEvent, type FleetEvent } from '@vedette/model';

/** What happened since the last look. */
export interface Happened {
  /** The newest events, oldest first. */
  readonly events: readonly FleetEvent[];
  /** How many older ones there were besides. */
  readonly skipped: number;
}

/** Seconds over which the rate is taken. */
const rateSeconds = 10;

/**
 * The events of the fleet for somebody who looks now and then: the newest few, and how many there were. Holds no more
 * than `shown` events, however many come. Counted are positions of the fleet's log, so that what the bus dropped in a
 * burst is counted too.
 */
export class Activity {
  readonly #shown: number;
  #recent: FleetEvent[] = [];
  #skipped = 0;
  readonly #from: number;
  #position: number;
  /** Events of each of the last seconds, the present one last. */
  #seconds: number[] = [0];

  /** @param from the position after which counting begins */
  constructor(shown: number, from: number) {
    this.#shown = shown;
    this.#from = from;
    this.#position = from;
  }

  /** Events heard of since the start. */
  get total(): number {
    return this.#position - this.#from;
  }

  /** Takes one message off the bus. */
  hear(payload: Uint8Array): void {
    const result = decodeFleetEvent(payload);
    if (!result.ok) return; // refused and counted where the API hears it
    const { position } = result.value.data;
    if (position <= this.#position) return; // a repetition
    const more = position - this.#position;
    this.#position = position;
    this.#seconds[this.#seconds.length - 1] = (this.#seconds.at(-1) ?? 0) + more;
    this.#recent.push(result.value);
    this.#skipped += more - 1;
    if (this.#recent.length <= this.#shown) return;
    this.#recent.shift();
    this.#skipped++;
  }

  /** What happened since the last call. */
  take(): Happened {
    const happened = { events: this.#recent, skipped: this.#skipped };
    this.#recent = [];
    this.#skipped = 0;
    return happened;
  }

  /** A second has passed. */
  tick(): void {
    this.#seconds.push(0);
    if (this.#seconds.length > rateSeconds + 1) this.#seconds.shift();
  }

  /** Events a second over the last full seconds. */
  get perSecond(): number {
    const full = this.#seconds.slice(0, -1);
    return full.length === 0 ? 0 : full.reduce((sum, one) => sum + one, 0) / full.length;
  }
}
