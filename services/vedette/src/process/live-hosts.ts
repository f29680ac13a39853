import type { AddedHost, AddHostBody, HostControl } from '@vedette/api/contract';
import type { HostMonitor } from '@vedette/host-monitor';
import { Semaphore, VedetteError } from '@vedette/runtime';
import type { HostRecord, Store } from '@vedette/store';
import type { Logger } from '@vedette/telemetry';
import type { HostGroup } from '../config/host-groups.ts';
import { type CheckUrl, completeHost, type WatchedHost } from '../config/hosts.ts';

export interface LiveHostsOptions {
  readonly store: Store;
  readonly monitor: HostMonitor;
  readonly groups: ReadonlyMap<string, HostGroup>;
  /** What the fetchers object to in the URL of a host; undefined: hosts cannot be added, only taken away. */
  readonly checkUrl: CheckUrl | undefined;
  readonly logger: Logger;
}

/** Changes that may wait for each other. */
const maxWaiting = 1_000;

/**
 * Hosts that come and go while the process runs.
 *
 * L1. The store is told first: what a person said outlives a process that dies in the middle of it.
 * L2. One change at a time, so that the monitor ends where the store does.
 */
export class LiveHosts implements HostControl {
  readonly #options: LiveHostsOptions;
  readonly #turn = new Semaphore({ permits: 1, maxWaiting });

  constructor(options: LiveHostsOptions) {
    this.#options = options;
  }

  async add(body: AddHostBody): Promise<AddedHost> {
    const { store, monitor, logger, checkUrl } = this.#options;
    if (checkUrl === undefined) throw new VedetteError('VDT_API_HOSTS_FIXED');
    using _turn = await this.#turn.acquire();
    const { id, name, realm, url } = this.#complete(body, checkUrl);
    const before = await store.host(id);
    const known = before !== undefined && before.state !== 'removed';
    if (known) refuseOther(before, url);
    await store.registerHosts([{ id, name, realm, url, origin: 'person' }]);
    if (known && before.realm !== realm) await monitor.removeHost(id); // it is asked by its realm
    await monitor.addHost({ id, realm, url });
    logger.info({ host: id, url }, 'a person added a host');
    return { id, known };
  }

  async remove(id: string, author: string): Promise<void> {
    const { store, monitor, logger } = this.#options;
    using _turn = await this.#turn.acquire();
    await store.removeHosts([id], author);
    await monitor.removeHost(id);
    logger.info({ host: id, author }, 'a person removed a host');
  }

  /** @throws VedetteError VDT_API_HOST_INVALID with the first fault */
  #complete(body: AddHostBody, checkUrl: CheckUrl): WatchedHost {
    const { host, faults } = completeHost(body, this.#options.groups, checkUrl);
    const [first] = faults;
    if (first === undefined) return host;
    const { part, message } = first;
    throw new VedetteError('VDT_API_HOST_INVALID', { message: `${part}: ${message}`, path: `/${part}` });
  }
}

function refuseOther({ id, url: present }: HostRecord, url: string): void {
  if (present === url) return;
  const message = `${id} is watched already, as ${present}`;
  throw new VedetteError('VDT_API_HOST_EXISTS', { message });
}
