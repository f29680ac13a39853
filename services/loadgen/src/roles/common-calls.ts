import type { Clock } from '@vedette/runtime';
import { type GeneratorVerdict, SaturationWatch } from '../harness/saturation.ts';
import type { RoleContext, RoleUsage } from './role.ts';

/** What every role answers, whatever else it does. */
export interface CommonCalls {
  /** What its process has and has used; with `collect`, after its garbage was collected. */
  readonly usage: (args?: { readonly collect?: boolean }) => RoleUsage;
  /** Watches the event loop of its process from now on. */
  readonly beginLoop: () => void;
  readonly endLoop: () => GeneratorVerdict;
}

export function commonCalls({ clock, sockets }: Pick<RoleContext, 'clock' | 'sockets'>): CommonCalls {
  const loop = new LoopWindow(clock);
  return {
    usage: (args) => {
      // Twice: what the first one finalises is freed by the second.
      if (args?.collect) for (const _ of [1, 2]) globalThis.gc?.();
      const { heapUsed, external, rss } = process.memoryUsage();
      const { received, sent } = sockets.bytes;
      const MiB = 2 ** 20;
      return { heapUsedMiB: (heapUsed + external) / MiB, rssMiB: rss / MiB, sockets: sockets.sockets, received, sent };
    },
    beginLoop: () => loop.begin(),
    endLoop: () => loop.end(),
  };
}

class LoopWindow {
  readonly #clock: Clock;
  readonly #watch = new SaturationWatch();
  #beganMs = 0;
  #cpu = process.cpuUsage();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  begin(): void {
    this.#beganMs = this.#clock.now();
    this.#cpu = process.cpuUsage();
    this.#watch.begin();
  }

  end(): GeneratorVerdict {
    const { user, system } = process.cpuUsage(this.#cpu);
    return this.#watch.end((user + system) / 1_000 / (this.#clock.now() - this.#beganMs), 'open');
  }
}
