import type { Opening } from '../port.ts';

/** Openings asked for at once, at most: what one transaction mints. */
const maxTogether = 256;

interface Asked {
  readonly id: string;
  readonly resolve: (opening: Opening) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Gathers openings that are asked for while one is under way, so that a fleet of observers that begin at the same time
 * waits for the disk a few times and not once for each.
 */
export class Openings {
  readonly #open: (ids: readonly string[]) => Promise<readonly Opening[]>;
  readonly #waiting: Asked[] = [];
  #underWay = false;

  constructor(open: (ids: readonly string[]) => Promise<readonly Opening[]>) {
    this.#open = open;
  }

  ask(id: string): Promise<Opening> {
    const { promise, resolve, reject } = Promise.withResolvers<Opening>();
    this.#waiting.push({ id, resolve, reject });
    if (!this.#underWay) void this.#run();
    return promise;
  }

  /** Never rejects: each caller is told by its own promise. */
  async #run(): Promise<void> {
    this.#underWay = true;
    while (this.#waiting.length > 0) {
      const asked = this.#waiting.splice(0, maxTogether);
      try {
        const openings = await this.#open(asked.map(({ id }) => id));
        for (const [at, { resolve }] of asked.entries()) resolve(openings[at] as Opening);
      } catch (error) {
        for (const { reject } of asked) reject(error);
      }
    }
    this.#underWay = false;
  }
}
