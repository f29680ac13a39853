import {
  formatStreamPosition,
  type HistoryView,
  type HostView,
  historyView,
  hostView,
  type VMDetailView,
  type VMView,
  vmDetailView,
  vmView,
} from '@vedette/api/contract';
import type { Clock } from '@vedette/runtime';
import type { StoreReader } from '@vedette/store/sqlite';
import type { HostFilters, Inventory, Page, PageRequest, Status, VMFilters } from './inventory.ts';

/** The inventory as it stands in a store's file, in the form in which a process would tell it. Closes the reader. */
export class StoreInventory implements Inventory {
  readonly #reader: StoreReader;
  readonly #clock: Clock;

  constructor(reader: StoreReader, clock: Clock) {
    this.#reader = reader;
    this.#clock = clock;
  }

  async vms(filters: VMFilters, page: PageRequest): Promise<Page<VMView>> {
    const found = await this.#reader.vms(given(filters), page);
    return { ...found, items: found.items.map((vm) => vmView(vm, this.#clock.wallNow())) };
  }

  async vm(id: string): Promise<VMDetailView | undefined> {
    const found = await this.#reader.vm(id);
    return found === undefined ? undefined : vmDetailView(found, this.#clock.wallNow());
  }

  async host(id: string): Promise<HostView | undefined> {
    const found = await this.#reader.host(id);
    return found === undefined ? undefined : hostView(found, this.#clock.wallNow());
  }

  async hosts(filters: HostFilters, page: PageRequest): Promise<Page<HostView>> {
    const found = await this.#reader.hosts(given(filters), page);
    return { ...found, items: found.items.map((host) => hostView(host, this.#clock.wallNow())) };
  }

  async history(id: string, page: PageRequest): Promise<Page<HistoryView> | undefined> {
    const found = await this.#reader.history(id, page);
    if (found.items.length === 0 && page.cursor === undefined && (await this.#reader.vm(id)) === undefined) {
      return undefined;
    }
    return { ...found, items: found.items.map(historyView) };
  }

  async status(): Promise<Status> {
    const [{ id, position }, counts] = await Promise.all([this.#reader.identity(), this.#reader.counts()]);
    return { store: id, position: formatStreamPosition({ store: id, position }), vms: counts.vms, hosts: counts.hosts };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#reader.close();
  }
}

/** Without the keys that have no value. */
function given<T extends object>(values: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as ReturnType<
    typeof given<T>
  >;
}
