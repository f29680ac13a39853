import type { Clock } from '@vedette/runtime';
import { VedetteError } from '@vedette/runtime';
import type { Page, Store } from '@vedette/store';
import packageJson from '../package.json' with { type: 'json' };
import './errors.ts';
import type { OperationId } from './operations.ts';
import type { HistoryQuery, HostsQuery, VMsQuery } from './queries.ts';
import { formatStreamPosition } from './stream-position.ts';
import { historyView, hostView, type StatusView, vmDetailView, vmView } from './views.ts';

/** A request past its door: checked parameters only. */
export interface Asked {
  /** Of endpoints with `{id}`; empty elsewhere. */
  readonly id: string;
  readonly query: unknown;
}

/** What it answers with; undefined: nothing (204). */
export type Route = (asked: Asked) => Promise<unknown>;

export interface RouteOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly streams: { readonly size: number };
  /** A fleet event waits in the store's outbox. */
  readonly onOutboxed: () => void;
}

const defaultLimit = 100;

/** The endpoints that answer once. */
export function routes(options: RouteOptions): Readonly<Record<Exclude<OperationId, 'followEvents'>, Route>> {
  const { store, clock } = options;
  const startedMs = { wall: clock.wallNow(), now: clock.now() };
  return {
    listVMs: async ({ query }) => {
      const { state, q, host, realm, ip, gone, fields, ...page } = query as VMsQuery;
      const filters = { ...given({ host, realm, ip, gone }), ...given({ states: state, text: q }) };
      const position = await firstPosition(store, page);
      const found = await store.vms(filters, pageOf(page));
      return { ...listed(found, (vm) => vmView(vm, clock.wallNow()), fields), ...position };
    },
    getVM: async ({ id }) => vmDetailView(present(await store.vm(id), 'VM', id), clock.wallNow()),
    getVMHistory: async ({ id, query }) => {
      const page = query as HistoryQuery;
      const found = await store.history(id, pageOf(page));
      if (found.items.length === 0 && page.cursor === undefined) present(await store.vm(id), 'VM', id);
      return listed(found, historyView);
    },
    forgetVM: async ({ id }) => {
      if (!(await store.forgetVM(id))) present(undefined, 'VM', id);
      options.onOutboxed();
    },
    listHosts: async ({ query }) => {
      const { realm, state, fields, ...page } = query as HostsQuery;
      const position = await firstPosition(store, page);
      const found = await store.hosts(given({ realm, state }), pageOf(page));
      return { ...listed(found, (host) => hostView(host, clock.wallNow()), fields), ...position };
    },
    getHost: async ({ id }) => hostView(present(await store.host(id), 'host', id), clock.wallNow()),
    getStatus: () => statusOf(options, startedMs),
  };
}

async function statusOf({ store, clock, streams }: RouteOptions, since: { wall: number; now: number }) {
  const [identity, counts] = await Promise.all([store.identity(), store.counts()]);
  return {
    version: packageJson.version,
    node: process.version,
    pid: process.pid,
    startedAt: new Date(since.wall).toISOString(),
    uptimeMs: clock.now() - since.now,
    store: identity.id,
    position: formatStreamPosition({ store: identity.id, position: identity.position }),
    streams: streams.size,
    vms: counts.vms,
    hosts: counts.hosts,
  } satisfies StatusView;
}

/** Read before the page: whoever follows from it sees every change that the page may not show. */
async function firstPosition(store: Store, { cursor }: { cursor?: string }): Promise<{ position?: string }> {
  if (cursor !== undefined) return {};
  const { id, position } = await store.identity();
  return { position: formatStreamPosition({ store: id, position }) };
}

function pageOf({ limit = defaultLimit, cursor }: { limit?: number; cursor?: string }) {
  return { limit, ...given({ cursor }) };
}

function listed<T, V extends object>(
  { items, cursor }: Page<T>,
  view: (record: T) => V,
  fields?: readonly string[],
): { items: readonly unknown[]; cursor?: string } {
  const views = items.map(view);
  return { items: fields === undefined ? views : views.map((one) => only(one, fields)), ...given({ cursor }) };
}

function only(view: object, fields: readonly string[]): unknown {
  const wanted = new Set(['id', ...fields]);
  return Object.fromEntries(Object.entries(view).filter(([name]) => wanted.has(name)));
}

function present<T>(record: T | undefined, kind: string, id: string): T {
  if (record !== undefined) return record;
  throw new VedetteError('VDT_API_NOT_FOUND', { message: `there is no ${kind} ${JSON.stringify(id)}` });
}

/** Without the keys that have no value. */
function given<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as ReturnType<
    typeof given<T>
  >;
}
