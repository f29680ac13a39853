import { monitorEventLoopDelay } from 'node:perf_hooks';

/** Whether the generator itself was the limit: then its latencies are its own, and the run says nothing. */
export interface GeneratorVerdict {
  readonly saturated: boolean;
  readonly loopDelayP99Ms: number;
  readonly loopDelayMaxMs: number;
  /** Of one processor: a generator is one thread. */
  readonly cpuShareOfOneCore: number;
  readonly reason: string;
}

const RESOLUTION_MS = 1;
const LONGEST_P99_MS = 20;
const MOST_OF_A_CORE = 0.95;

/**
 * Watches the event loop of this process. In a closed loop the processor may be full without harm, since nothing is
 * measured from an intended time; in an open loop that makes the latencies the generator's own.
 */
export class SaturationWatch {
  readonly #delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });

  begin(): void {
    this.#delay.reset();
    this.#delay.enable();
  }

  /** @param cpuShareOfOneCore what this process used of one processor since {@link begin} */
  end(cpuShareOfOneCore: number, loop: 'open' | 'closed'): GeneratorVerdict {
    this.#delay.disable();
    const loopDelayP99Ms = this.#delay.percentile(99) / 1e6 - RESOLUTION_MS;
    const loopDelayMaxMs = this.#delay.max / 1e6 - RESOLUTION_MS;
    return { ...judge({ loopDelayP99Ms, cpuShareOfOneCore, loop }), loopDelayP99Ms, loopDelayMaxMs, cpuShareOfOneCore };
  }
}

/** The rule of {@link SaturationWatch}. */
export function judge(read: {
  readonly loopDelayP99Ms: number;
  readonly cpuShareOfOneCore: number;
  readonly loop: 'open' | 'closed';
}): { readonly saturated: boolean; readonly reason: string } {
  if (read.loopDelayP99Ms > LONGEST_P99_MS) {
    return { saturated: true, reason: `its event loop stood still for ${read.loopDelayP99Ms.toFixed(1)} ms (p99)` };
  }
  if (read.loop === 'open' && read.cpuShareOfOneCore > MOST_OF_A_CORE) {
    return { saturated: true, reason: `it used ${Math.round(100 * read.cpuShareOfOneCore)} % of its processor` };
  }
  return { saturated: false, reason: '' };
}
