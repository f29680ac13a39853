import { type Definition, withPid } from './definition.ts';
import type { ProcessFact } from './process-facts.ts';

/** Looks at the process table in vain, because it is too slow, after which a run's process is waited for no more. */
const looksMax = 3;

/**
 * What a domain is, and the process it runs as, which is part of its info where the host can be looked at.
 *
 * V1. Of a new run no info is told before its process was looked for: else each start would be told twice, once without
 *     the process and once with it.
 */
export class LiveDefinition {
  #definition: Definition | undefined;
  #process: ProcessFact | undefined;
  #looksLeft = 0;
  #hasProcesses = false;

  get value(): Definition | undefined {
    return this.#definition;
  }

  get elapsedS(): number | undefined {
    return this.#process?.elapsedS;
  }

  /** The hashes that may be told; `info` is left out while its process is waited for (V1). */
  hashes(isActive: boolean): { readonly info?: string; readonly config?: string } {
    if (this.#definition === undefined) return {};
    const { infoHash, configHash } = this.#definition;
    const waits = isActive && this.#looksLeft > 0;
    return waits ? { config: configHash } : { info: infoHash, config: configHash };
  }

  /** The host's process table is looked at for it from now on. */
  expectProcess(): void {
    this.#hasProcesses = true;
    this.#looksLeft = looksMax;
  }

  define(definition: Definition): void {
    this.#definition = withPid(definition, this.#process?.pid);
  }

  /** What a look at the process table told; undefined: nothing now, of which nothing follows. */
  runsAs(process: ProcessFact | undefined): void {
    this.#looksLeft = 0;
    if (process === undefined) return;
    this.#process = process;
    if (this.#definition !== undefined) this.define(this.#definition);
  }

  wasNotLookedAt(): void {
    this.#looksLeft = Math.max(0, this.#looksLeft - 1);
  }

  endRun(): void {
    this.#process = undefined;
    if (this.#hasProcesses) this.#looksLeft = looksMax;
    if (this.#definition !== undefined) this.define(this.#definition);
  }
}
