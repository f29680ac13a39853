import { VedetteError } from '@vedette/runtime';
import { configurationAuthor, type HostRecord, type Store } from '@vedette/store';
import type { Logger } from '@vedette/telemetry';
import { all } from '../client/inventory.ts';
import type { WatchedHost } from '../config/load.ts';
import '../errors.ts';

export interface AgreeOptions {
  readonly store: Store;
  /** What the configuration names. */
  readonly hosts: readonly WatchedHost[];
  /** Whether those are all that it will name: others that it named before were then taken away. */
  readonly hostsAreAll: boolean;
  readonly logger: Logger;
}

export interface Agreed {
  /** The hosts to watch. */
  readonly watched: readonly WatchedHost[];
  /** Those of them that a person added and the configuration does not name. */
  readonly added: ReadonlySet<string>;
}

/**
 * What the configuration names and what the store remembers, put together at a start (ADR 0010):
 *
 * K1. A host that a person removed stays removed, also where the configuration names it; one warning says so.
 * K2. A host that a person added is watched, also where the configuration does not name it.
 * K3. What the configuration names is its own from then on, URL and realm included.
 * K4. What it named before and does not any more was taken away by whoever wrote it.
 *
 * @throws VedetteError VDT_COMMAND_REAL_STORE; the store's
 */
export async function agreeOnHosts({ store, hosts, hostsAreAll, logger }: AgreeOptions): Promise<Agreed> {
  const known = await knownHosts(store);
  const named = new Set(hosts.map(({ id }) => id));
  const others = [...known.values()].filter(({ id, state }) => !named.has(id) && state !== 'removed');
  refuseMixture(hosts, others);
  const tombs = hosts.filter(({ id }) => isTombstone(known.get(id)));
  if (tombs.length > 0) {
    const detail = { hosts: tombs.slice(0, namedInLog).map(({ id }) => id), count: tombs.length };
    logger.warn(
      detail,
      'hosts of the configuration stay removed, as a person removed them: vedette hosts add undoes it',
    );
  }
  const buried = new Set(tombs.map(({ id }) => id));
  const watched = hosts.filter(({ id }) => !buried.has(id));
  const added = others.filter(({ origin }) => origin === 'person');
  await letGo(store, {
    ids: others.filter(({ origin }) => origin !== 'person').map(({ id }) => id),
    hostsAreAll,
    logger,
  });
  await store.registerHosts(watched.map(({ id, name, realm, url }) => ({ id, name, realm, url })));
  return { watched: [...watched, ...added], added: new Set(added.map(({ id }) => id)) };
}

/** A log line names this many hosts, and counts the rest. */
const namedInLog = 20;

async function letGo(
  store: Store,
  { ids, hostsAreAll, logger }: { ids: readonly string[]; hostsAreAll: boolean; logger: Logger },
): Promise<void> {
  if (ids.length === 0) return;
  const detail = { hosts: ids.slice(0, namedInLog), count: ids.length };
  if (!hostsAreAll) {
    logger.warn(detail, 'hosts of the store that nobody watches now');
    return;
  }
  logger.warn(detail, 'hosts of the store that the configuration does not name any more are removed');
  await store.removeHosts(ids, configurationAuthor);
}

/** Removed by a person: what the configuration let go of, it may name again. */
function isTombstone(host: HostRecord | undefined): boolean {
  return host?.state === 'removed' && host.removedBy !== configurationAuthor;
}

async function knownHosts(store: Store): Promise<ReadonlyMap<string, HostRecord>> {
  const known = new Map<string, HostRecord>();
  for await (const host of all(Number.POSITIVE_INFINITY, (page) => store.hosts({}, page))) known.set(host.id, host);
  return known;
}

/** A simulated fleet must never take the place of real hosts, which nobody would then watch. */
function refuseMixture(hosts: readonly WatchedHost[], others: readonly HostRecord[]): void {
  const real = others.find(({ url }) => !isSimulated(url));
  if (real === undefined || !hosts.some(({ url }) => isSimulated(url))) return;
  const message = `the store has real hosts (${real.name}); a simulated fleet needs a store of its own`;
  throw new VedetteError('VDT_COMMAND_REAL_STORE', { message });
}

export function isSimulated(url: string): boolean {
  return url.startsWith('sim:');
}
