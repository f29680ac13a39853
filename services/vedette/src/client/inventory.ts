import type { HistoryView, HostView, StatusView, VMDetailView, VMView } from '@vedette/api/contract';
import type { FleetHostState, HostMode, VMState } from '@vedette/model';

export interface VMFilters {
  readonly host?: string | undefined;
  readonly realm?: string | undefined;
  readonly states?: readonly VMState[] | undefined;
  readonly ip?: string | undefined;
  readonly text?: string | undefined;
  readonly gone?: boolean | undefined;
}

export interface HostFilters {
  readonly realm?: string | undefined;
  readonly state?: FleetHostState | undefined;
  readonly mode?: HostMode | undefined;
}

export interface PageRequest {
  readonly limit: number;
  readonly cursor?: string;
}

export interface Page<T> {
  readonly items: readonly T[];
  readonly cursor?: string | undefined;
}

/** What a store file alone can say of itself. */
export type Status = Pick<StatusView, 'store' | 'position' | 'vms' | 'hosts'> & Partial<StatusView>;

/** What there is to ask, whether a process answers or its store is read. Whoever opened it closes it. */
export interface Inventory extends AsyncDisposable {
  vms(filters: VMFilters, page: PageRequest): Promise<Page<VMView>>;
  vm(id: string): Promise<VMDetailView | undefined>;
  host(id: string): Promise<HostView | undefined>;
  hosts(filters: HostFilters, page: PageRequest): Promise<Page<HostView>>;
  /** Newest first; undefined for a VM that nobody has seen. */
  history(id: string, page: PageRequest): Promise<Page<HistoryView> | undefined>;
  status(): Promise<Status>;
}

/** Most records asked for at once. */
const pageLimit = 1_000;

/** Every record of a query, page by page, at most `limit` of them. */
export async function* all<T>(
  limit: number,
  next: (page: PageRequest) => Promise<Page<T> | undefined>,
): AsyncGenerator<T, { readonly more: boolean }> {
  let left = limit;
  let cursor: string | undefined;
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop -- each page says where the next one begins
    const page = await next({ limit: Math.min(left, pageLimit), ...(cursor === undefined ? {} : { cursor }) });
    if (page === undefined) return { more: false };
    yield* page.items;
    left -= page.items.length;
    cursor = page.cursor;
    if (cursor === undefined || left <= 0) return { more: cursor !== undefined };
  }
}
