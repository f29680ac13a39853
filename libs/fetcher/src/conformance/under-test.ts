import type { HostDriver, HostFetcher, SectionName, Sections } from '@vedette/fetcher';
import type { VMState } from '@vedette/model';

/** Ends what was done to a host; resolves when the host is as before. */
export type Undo = () => Promise<void>;

/** One host and everything that may be done to it in a test. */
export interface FetcherUnderTest extends AsyncDisposable {
  readonly driver: HostDriver;
  readonly host: { readonly id: string; readonly url: string };
  /** URLs that the driver cannot use: wrong schemes, missing parts, hosts that cannot be. */
  readonly badUrls: readonly string[];
  /** Every VM that is there, by another way than the driver's. At least two; at least one of them running. */
  truth(): Promise<ReadonlyMap<string, VMState>>;
  /** Brings one VM into another lasting state, and says which. */
  changeState(): Promise<{ readonly vm: string; readonly state: VMState }>;
  /** The host takes questions and does not answer. */
  stick(): Promise<Undo>;
  /** The host does not take questions at all. */
  refuse(): Promise<Undo>;
  /** Awaits `pending`; where time is simulated, moves it until `pending` has settled. */
  settle<T>(pending: Promise<T>): Promise<T>;
  /** Lets so much time pass. */
  pass(ms: number): Promise<void>;
}

/** What a listing says of a VM, its measurements aside. */
export function saying(row: Awaited<ReturnType<HostFetcher['runtimeStats']>>['rows'][number]): unknown {
  const { vm, state, reason, raw, name, hashes } = row;
  return { vm, state, reason, raw, name, hashes };
}

/** The method that fetches a section. */
export function fetchSection(
  fetcher: HostFetcher,
  section: SectionName,
  vms: readonly string[],
  options: { readonly timeoutMs: number },
): Promise<Sections<unknown>> {
  switch (section) {
    case 'info':
      return fetcher.info(vms, options);
    case 'config':
      return fetcher.config(vms, options);
    case 'status':
      return fetcher.status(vms, options);
    case 'guest':
      return fetcher.guestDetails(vms, options);
  }
}
