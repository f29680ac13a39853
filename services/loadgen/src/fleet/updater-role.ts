import { join } from 'node:path';
import type { Clock } from '@vedette/runtime';
import type { Fleet } from '@vedette/simulation';
import type { Store } from '@vedette/store';
import { createMemoryStore } from '@vedette/store/memory';
import { openSqliteStore } from '@vedette/store/sqlite';
import { tempDir } from '@vedette/testbed';
import { createUpdater, type UpdaterCounters } from '@vedette/updater';
import type { Role, RoleContext } from '../roles/role.ts';
import { type AuditRequest, auditStore } from './audit.ts';
import { loadLogger } from './load-logger.ts';
import { serveObservers } from './remote-observers.ts';
import { type FleetSpec, fleetOf } from './spec.ts';

export interface UpdaterSettings {
  readonly spec: FleetSpec;
  readonly store: 'memory' | 'sqlite';
  /** `sim` or `agent`: how the monitor reaches the hosts. */
  readonly scheme: 'sim' | 'agent';
}

const HOSTS_AT_A_TIME = 1_000;
const STOP_TIMEOUT_MS = 10_000;

/** The updater and its store. */
export async function startUpdater(settings: UpdaterSettings, { clock, wires, tell }: RoleContext): Promise<Role> {
  await using cleaning = new AsyncDisposableStack();
  const store = cleaning.use(await openStore(settings.store, clock, cleaning));
  const fleet = fleetOf(settings.spec);
  const bus = cleaning.use(await wires.connect('updater'));
  const updater = createUpdater({ member: 'u1', bus, store, clock, logger: loadLogger('updater', clock, tell) });
  await updater.start({ signal: new AbortController().signal });
  cleaning.defer(() =>
    updater.stop({ deadlineMs: clock.now() + STOP_TIMEOUT_MS, signal: new AbortController().signal }),
  );
  await register(store, fleet, settings.scheme);
  updater.pokeRelay();
  await serveObservers(bus, store);
  const owned = cleaning.move();
  return {
    calls: {
      counters: (): UpdaterCounters => ({ ...updater.counters }),
      audit: (request: AuditRequest) => auditStore(store, fleet, request),
    },
    stop: () => owned.disposeAsync(),
  };
}

async function openStore(kind: UpdaterSettings['store'], clock: Clock, cleaning: AsyncDisposableStack): Promise<Store> {
  if (kind === 'memory') return createMemoryStore({ clock });
  const folder = cleaning.use(await tempDir('loadgen-store'));
  return openSqliteStore({ path: join(folder.path, 'vedette.db'), clock });
}

async function register(store: Store, fleet: Fleet, scheme: UpdaterSettings['scheme']): Promise<void> {
  const { hosts } = fleet.options;
  for (let from = 0; from < hosts; from += HOSTS_AT_A_TIME) {
    const some = Array.from({ length: Math.min(HOSTS_AT_A_TIME, hosts - from) }, (_, at) => fleet.host(from + at));
    await store.registerHosts(
      some.map(({ id, name, realm, url }) => ({ id, name, realm, url: scheme === 'sim' ? url : `agent:${id}` })),
    );
  }
}
