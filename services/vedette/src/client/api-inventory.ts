import type { HistoryView, HostView, VMDetailView, VMView } from '@vedette/api/contract';
import type { ApiClient } from './api-client.ts';
import type { HostFilters, Inventory, Page, PageRequest, Status, VMFilters } from './inventory.ts';

/** The inventory of a running process. */
export class ApiInventory implements Inventory {
  readonly #client: ApiClient;

  constructor(client: ApiClient) {
    this.#client = client;
  }

  async vms({ text, states, gone, ...filters }: VMFilters, page: PageRequest): Promise<Page<VMView>> {
    const query = { ...filters, q: text, state: states, gone: gone === true ? true : undefined, ...page };
    return (await this.#client.get('/v1/vms', query)) as Page<VMView>;
  }

  async vm(id: string): Promise<VMDetailView | undefined> {
    return (await this.#client.get(`/v1/vms/${encodeURIComponent(id)}`)) as VMDetailView | undefined;
  }

  async host(id: string): Promise<HostView | undefined> {
    return (await this.#client.get(`/v1/hosts/${encodeURIComponent(id)}`)) as HostView | undefined;
  }

  async hosts(filters: HostFilters, page: PageRequest): Promise<Page<HostView>> {
    return (await this.#client.get('/v1/hosts', { ...filters, ...page })) as Page<HostView>;
  }

  async history(id: string, page: PageRequest): Promise<Page<HistoryView> | undefined> {
    const path = `/v1/vms/${encodeURIComponent(id)}/history`;
    return (await this.#client.get(path, { ...page })) as Page<HistoryView> | undefined;
  }

  async status(): Promise<Status> {
    return (await this.#client.get('/v1/status')) as Status;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve(); // the client holds nothing open
  }
}
