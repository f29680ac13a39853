import type { HostCoverage, HostMode } from '@vedette/model';
import { type Clock, VedetteError } from '@vedette/runtime';
import '../errors.ts';
import type {
  ApplyResult,
  FleetCounts,
  HistoryRecord,
  HostRecord,
  HostRegistration,
  LoggedFleetEvent,
  Opening,
  Page,
  PageRequest,
  Store,
  StoredEvent,
  StoreIdentity,
  VMDetail,
  VMQuery,
  VMRecord,
} from '../port.ts';
import { CoverageBook } from './coverage.ts';
import type { Engine, EngineStart } from './engine.ts';
import type { PositionedEvent } from './events.ts';
import { requireIdentifier } from './identifiers.ts';
import { Openings } from './openings.ts';
import type { Queries } from './queries.ts';
import type { Stepwise } from './stepwise.ts';

type Methods<T> = { [K in keyof T]: T[K] extends (...args: never[]) => unknown ? K : never }[keyof T];
export type Command = Methods<Engine>;
export type Query = Methods<Queries>;
export type CommandResult<C extends Command> = ReturnType<Engine[C]>;
export type QueryResult<Q extends Query> =
  ReturnType<Queries[Q]> extends Stepwise<infer T> ? T : ReturnType<Queries[Q]>;

/** Where a driver runs the engine and the queries. Commands run one after the other, each as one transaction. */
export interface Backend {
  command<C extends Command>(name: C, ...args: Parameters<Engine[C]>): Promise<CommandResult<C>>;
  query<Q extends Query>(name: Q, ...args: Parameters<Queries[Q]>): Promise<QueryResult<Q>>;
  /** Ends what was begun and releases everything; idempotent. */
  close(): Promise<void>;
}

/**
 * The store as callers see it, on any driver: hands commands and queries to the backend with the times they need, and
 * keeps who is watched and how old knowledge is.
 */
export class StoreFront implements Store {
  readonly #backend: Backend;
  readonly #clock: Clock;
  readonly #coverage: CoverageBook;
  readonly #openings = new Openings((ids) => this.#command('openObservers', ids));
  #closing: Promise<void> | undefined;

  constructor(backend: Backend, clock: Clock, start: EngineStart) {
    this.#backend = backend;
    this.#clock = clock;
    this.#coverage = new CoverageBook(start.hosts, start.coverages, clock.now(), clock.wallNow());
  }

  identity(): Promise<StoreIdentity> {
    return this.#query('identity');
  }

  async registerHosts(hosts: readonly HostRegistration[]): Promise<void> {
    await this.#command('registerHosts', hosts, this.#wallMs);
    this.#coverage.registered(
      hosts.map((host) => host.id),
      this.#nowMs,
    );
  }

  async removeHosts(ids: readonly string[], author: string): Promise<void> {
    await this.#command('removeHosts', ids, author, this.#wallMs);
    this.#coverage.removed(ids);
  }

  async setHostMode(id: string, mode: HostMode): Promise<void> {
    await this.#command('setHostMode', id, mode, this.#wallMs);
  }

  async openObserver(observer: string): Promise<Opening> {
    requireIdentifier(observer, '/observer');
    const opening = await this.#openings.ask(observer);
    this.#coverage.opened(observer, this.#nowMs);
    return opening;
  }

  async closeObserver(observer: string, epoch: number): Promise<boolean> {
    const closed = await this.#command('closeObserver', observer, epoch);
    if (closed) this.#coverage.closed(observer);
    return closed;
  }

  async apply(events: readonly StoredEvent[]): Promise<ApplyResult> {
    return this.#command('apply', events.map(toldOf), this.#wallMs);
  }

  async applyCoverage(coverage: HostCoverage): Promise<{ readonly outboxed: number }> {
    const change = this.#coverage.heard(coverage.data, this.#nowMs, this.#wallMs);
    if (change.watched.length === 0 && change.marks.length === 0 && change.record === undefined) return { outboxed: 0 };
    return this.#telling(this.#command('cover', change, this.#wallMs));
  }

  async judgeCoverage(failureMs: number): Promise<{ readonly outboxed: number }> {
    const silent = this.#coverage.silent(failureMs, this.#nowMs);
    if (silent.length === 0) return { outboxed: 0 };
    return this.#telling(this.#command('unwatch', silent, this.#wallMs));
  }

  castMark(): Promise<{ readonly mark: number; readonly realms: readonly string[] } | undefined> {
    return this.#command('castMark');
  }

  pendingConfirmations(): Promise<{ readonly vms: number; readonly waitingFor: readonly string[] }> {
    return this.#command('pendingConfirmations');
  }

  forgetVM(id: string): Promise<boolean> {
    return this.#command('forgetVM', id, this.#wallMs);
  }

  outbox(limit: number): Promise<readonly LoggedFleetEvent[]> {
    return this.#query('outbox', limit);
  }

  async relayed(position: number): Promise<void> {
    await this.#command('relayed', position);
  }

  fleetLog(position: number, limit: number): Promise<readonly LoggedFleetEvent[] | undefined> {
    return this.#query('fleetLog', position, limit);
  }

  async vms(query: VMQuery, page: PageRequest): Promise<Page<VMRecord>> {
    const { items, cursor } = await this.#query('vms', query, page);
    const aged = items.map((item) => this.#aged(item));
    return cursor === undefined ? { items: aged } : { items: aged, cursor };
  }

  async vm(id: string): Promise<VMDetail | undefined> {
    const found = await this.#query('vm', id);
    return found && this.#aged(found);
  }

  async hosts(query: Parameters<Store['hosts']>[0], page: PageRequest): Promise<Page<HostRecord>> {
    const { items, cursor } = await this.#query('hosts', query, page);
    const aged = items.map((item) => this.#aged(item));
    return cursor === undefined ? { items: aged } : { items: aged, cursor };
  }

  async host(id: string): Promise<HostRecord | undefined> {
    const found = await this.#query('host', id);
    return found && this.#aged(found);
  }

  history(vm: string, page: PageRequest): Promise<Page<HistoryRecord>> {
    return this.#query('history', vm, page);
  }

  /** From the engine, which counts as it writes: a query would have to look at every VM. */
  counts(): Promise<FleetCounts> {
    return this.#command('counts');
  }

  close(): Promise<void> {
    this.#closing ??= this.#backend.close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  get #nowMs(): number {
    return this.#clock.now();
  }

  get #wallMs(): number {
    return this.#clock.wallNow();
  }

  #aged<R extends { readonly decider: string | undefined }>(record: R): Aged<R> {
    return withAge(record, (host) => this.#coverage.ageMs(host, this.#nowMs));
  }

  /** What could not be written is judged again. */
  async #telling<T>(written: Promise<T>): Promise<T> {
    try {
      return await written;
    } catch (error) {
      this.#coverage.untold();
      throw error;
    }
  }

  async #command<C extends Command>(name: C, ...args: Parameters<Engine[C]>): Promise<CommandResult<C>> {
    if (this.#closing !== undefined) throw new VedetteError('VDT_STORE_CLOSED');
    return this.#backend.command(name, ...args);
  }

  async #query<Q extends Query>(name: Q, ...args: Parameters<Queries[Q]>): Promise<QueryResult<Q>> {
    if (this.#closing !== undefined) throw new VedetteError('VDT_STORE_CLOSED');
    return this.#backend.query(name, ...args);
  }
}

/** The envelope stays here: half of the bytes that would go to the thread of a driver. */
function toldOf({ event: { type, data }, position }: StoredEvent): PositionedEvent {
  return { event: { type, data } as PositionedEvent['event'], position };
}

export type Aged<R> = Omit<R, 'decider'> & { readonly ageMs: number | null };

/** The record with its age in place of who decides it. */
export function withAge<R extends { readonly decider: string | undefined }>(
  record: R,
  ageOf: (observer: string | undefined) => number | null,
): Aged<R> {
  const { decider, ...rest } = record;
  return { ...rest, ageMs: ageOf(decider) };
}
