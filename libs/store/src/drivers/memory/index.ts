import { randomUUID } from 'node:crypto';
import type { Clock } from '@vedette/runtime';
import { Engine } from '../../engine/engine.ts';
import {
  type Backend,
  type Command,
  type CommandResult,
  type Query,
  type QueryResult,
  StoreFront,
} from '../../engine/front.ts';
import { defaultLimits, type StoreLimits } from '../../engine/limits.ts';
import { Queries } from '../../engine/queries.ts';
import { isStepwise, runAtOnce } from '../../engine/stepwise.ts';
import type { Store } from '../../port.ts';
import { MemoryTables } from './tables.ts';

export type { StoreLimits } from '../../engine/limits.ts';

export interface MemoryStoreOptions {
  readonly clock: Clock;
  readonly limits?: Partial<StoreLimits>;
}

/**
 * A store in this process's memory: the reference, and what tests use. It is lost with the process. Each call does its
 * work at once, on the caller's thread; pages by network cost a look at every address, pages by what few VMs have in
 * common (but for their host) a look at every VM.
 */
export function createMemoryStore(options: MemoryStoreOptions): Store {
  const tables = new MemoryTables(randomUUID());
  const engine = new Engine(tables, { ...defaultLimits, ...options.limits });
  return new StoreFront(new DirectBackend(engine, new Queries(tables)), options.clock, engine.start());
}

class DirectBackend implements Backend {
  readonly #engine: Engine;
  readonly #queries: Queries;

  constructor(engine: Engine, queries: Queries) {
    this.#engine = engine;
    this.#queries = queries;
  }

  async command<C extends Command>(name: C, ...args: Parameters<Engine[C]>): Promise<CommandResult<C>> {
    const method = this.#engine[name] as (...args: Parameters<Engine[C]>) => CommandResult<C>;
    return method.apply(this.#engine, args);
  }

  async query<Q extends Query>(name: Q, ...args: Parameters<Queries[Q]>): Promise<QueryResult<Q>> {
    const method = this.#queries[name] as (...args: Parameters<Queries[Q]>) => unknown;
    const result = method.apply(this.#queries, args);
    return (isStepwise(result) ? runAtOnce(result) : result) as QueryResult<Q>;
  }

  async close(): Promise<void> {
    // Nothing is held that would have to be released.
  }
}
