import { existsSync } from 'node:fs';
import { type Clock, RealClock, VedetteError } from '@vedette/runtime';
import '../../errors.ts';
import { RecordedAges } from '../../engine/coverage.ts';
import { type Aged, type Query, type QueryResult, withAge } from '../../engine/front.ts';
import { factsOf } from '../../engine/observers.ts';
import type { Queries } from '../../engine/queries.ts';
import type { VMRow } from '../../engine/records.ts';
import { isStepwise, runAtOnce } from '../../engine/stepwise.ts';
import type { HostRow, Scan, VMFilter } from '../../engine/tables.ts';
import type { Store } from '../../port.ts';
import { storeError } from './faults.ts';
import { ReadConnection } from './read-tables.ts';
import { openForReading, type Reading } from './reading.ts';

/** The queries of a store. */
export interface StoreReader
  extends AsyncDisposable,
    Pick<Store, 'identity' | 'vms' | 'vm' | 'hosts' | 'host' | 'history' | 'counts' | 'close'> {}

export interface SqliteReaderOptions {
  readonly path: string;
  /** Default: the machine's. */
  readonly clock?: Clock;
}

/**
 * Reads a store file of which nothing is known to be running, for the command line. Nobody watches any host then: hosts
 * read as unwatched and their VMs as unknown, their last known states beside them; ages are by the wall clock. Runs on
 * the caller's thread. Can be used while a process has the file open, but knows less than that process tells.
 *
 * @throws VedetteError VDT_STORE_CANNOT_OPEN, VDT_STORE_NOT_A_DATABASE, VDT_STORE_NEWER_SCHEMA, VDT_STORE_CORRUPT
 */
export async function openSqliteReader({ path, clock = new RealClock() }: SqliteReaderOptions): Promise<StoreReader> {
  if (!existsSync(path)) throw new VedetteError('VDT_STORE_CANNOT_OPEN', { message: `there is no store at ${path}` });
  try {
    return new OfflineReader(path, clock);
  } catch (error) {
    throw storeError(error, path);
  }
}

class OfflineReader implements StoreReader {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #reading: Reading;

  constructor(path: string, clock: Clock) {
    this.#path = path;
    this.#clock = clock;
    this.#reading = openForReading(path, (database) => new UnwatchedConnection(database));
  }

  async identity(): ReturnType<Store['identity']> {
    return this.#query('identity');
  }

  async vms(...args: Parameters<Store['vms']>): ReturnType<Store['vms']> {
    const { items, ...rest } = this.#query('vms', ...args);
    return { ...rest, items: this.#aged(items) };
  }

  async vm(id: string): ReturnType<Store['vm']> {
    const found = this.#query('vm', id);
    return found && this.#aged([found])[0];
  }

  async hosts(...args: Parameters<Store['hosts']>): ReturnType<Store['hosts']> {
    const { items, ...rest } = this.#query('hosts', ...args);
    return { ...rest, items: this.#aged(items) };
  }

  async host(id: string): ReturnType<Store['host']> {
    const found = this.#query('host', id);
    return found && this.#aged([found])[0];
  }

  async history(...args: Parameters<Store['history']>): ReturnType<Store['history']> {
    return this.#query('history', ...args);
  }

  async counts(): ReturnType<Store['counts']> {
    return this.#query('counts');
  }

  async close(): Promise<void> {
    this.#reading.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #aged<R extends { readonly decider: string | undefined }>(records: readonly R[]): Array<Aged<R>> {
    const { tables } = this.#reading;
    const ages = new RecordedAges(tables.coverages(), this.#clock.wallNow());
    const ageOf = (id: string) => ages.of(id, tables.observer(id)?.observer.host?.member);
    return records.map((record) => withAge(record, (id) => (id === undefined ? null : ageOf(id))));
  }

  #query<Q extends Query>(name: Q, ...args: Parameters<Queries[Q]>): QueryResult<Q> {
    try {
      const result = this.#reading.query(name, args);
      return (isStepwise(result) ? runAtOnce(result) : result) as QueryResult<Q>;
    } catch (error) {
      throw storeError(error, this.#path);
    }
  }
}

/** The same tables, with every registered host unwatched. */
class UnwatchedConnection extends ReadConnection {
  override observer(id: string): HostRow | undefined {
    const row = super.observer(id);
    return row && unwatched(row);
  }

  override hosts(after: string, limit: number): readonly HostRow[] {
    return super.hosts(after, limit).map(unwatched);
  }

  /** The table knows states as they were: they narrow nothing here. */
  override scan(filter: VMFilter, after: number, limit: number): Scan<VMRow> {
    return super.scan({ ...filter, states: undefined }, after, limit);
  }
}

function unwatched({ observer }: HostRow): HostRow {
  if (observer.host !== undefined) observer.host.unwatched = true;
  return { observer, facts: factsOf(observer) };
}
