import type { Clock } from '@vedette/runtime';
import { VedetteError } from '@vedette/runtime';
import type { HostRecord, Page, Store } from '@vedette/store';
import packageJson from '../package.json' with { type: 'json' };
import type { AddHostBody, HostModeBody } from './bodies.ts';
import './errors.ts';
import type { HostControl } from './host-control.ts';
import type { OperationId } from './operations.ts';
import type { HistoryQuery, HostsQuery, RemovalQuery, VMsQuery } from './queries.ts';
import { formatStreamPosition } from './stream-position.ts';
import { historyView, hostView, type RemovalView, type StatusView, vmDetailView, vmView } from './views.ts';

/** A request past its door: checked parameters only. */
export interface Asked {
  /** Of endpoints with `{id}`; empty elsewhere. */
  readonly id: string;
  readonly query: unknown;
  /** Undefined where none is taken. */
  readonly body: unknown;
}

/** What a request has made: answered with 201. */
export class Created {
  readonly record: object;

  constructor(record: object) {
    this.record = record;
  }
}

/** What it answers with; undefined: nothing (204). */
export type Route = (asked: Asked) => Promise<unknown>;

export interface RouteOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly streams: { readonly size: number };
  /** Undefined: hosts are neither added nor removed while the process runs. */
  readonly hosts: HostControl | undefined;
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
      const { realm, state, mode, fields, ...page } = query as HostsQuery;
      const position = await firstPosition(store, page);
      const found = await store.hosts(given({ realm, state, mode }), pageOf(page));
      return { ...listed(found, (host) => hostView(host, clock.wallNow()), fields), ...position };
    },
    getHost: async ({ id }) => hostView(present(await store.host(id), 'host', id), clock.wallNow()),
    ...hostChanges(options),
    getStatus: () => statusOf(options, startedMs),
  };
}

/** What a person says of hosts. */
function hostChanges({ store, clock, hosts, onOutboxed }: RouteOptions) {
  const view = async (id: string) => hostView(present(await store.host(id), 'host', id), clock.wallNow());
  return {
    addHost: async ({ body }: Asked) => {
      const { id, known } = await changeable(hosts).add(body as AddHostBody);
      onOutboxed();
      const host = await view(id);
      return known ? host : new Created(host);
    },
    removeHost: async ({ id, query }: Asked): Promise<RemovalView> => {
      watched(await store.host(id), id);
      await changeable(hosts).remove(id, (query as RemovalQuery).author ?? 'a person');
      onOutboxed();
      const { name, vms } = present(await store.host(id), 'host', id);
      return { id, name, vms };
    },
    setHostMode: async ({ id, body }: Asked) => {
      watched(await store.host(id), id);
      await store.setHostMode(id, (body as HostModeBody).mode);
      onOutboxed();
      return view(id);
    },
  };
}

function changeable(hosts: HostControl | undefined): HostControl {
  if (hosts === undefined) throw new VedetteError('VDT_API_HOSTS_FIXED');
  return hosts;
}

/** A host that was removed is none that anything can be done to but to add it again. */
function watched(host: HostRecord | undefined, id: string): void {
  if (present(host, 'host', id).state !== 'removed') return;
  const message = `the host ${JSON.stringify(id)} was removed before`;
  throw new VedetteError('VDT_API_NOT_FOUND', { message, action: 'add it again first: vedette hosts add' });
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
