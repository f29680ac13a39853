import type { Hint, HostFetcher, RuntimeRow } from '@vedette/fetcher';
import { type LibvirtDriverOptions, libvirtDriver } from '@vedette/fetcher/libvirt';
import { RealClock } from '@vedette/runtime';
import type { PrivateLibvirt } from '@vedette/testbed/libvirt';

export const clock = new RealClock();
export const LONG = { timeoutMs: 10_000 };
/** For `eventually` against real servers: the CI machine is slow. */
export const PATIENT = { timeoutMs: 20_000, intervalMs: 200 };

export function openFetcher(
  libvirt: PrivateLibvirt,
  options: Partial<LibvirtDriverOptions> & { readonly readOnly?: boolean; readonly query?: string } = {},
): HostFetcher {
  const { readOnly = false, query = '', ...driver } = options;
  const socket = readOnly ? `${libvirt.readOnlySocketPath}&readonly=1` : libvirt.socketPath;
  const url = `libvirt:///system?socket=${socket}${query}`;
  return libvirtDriver({ clock, ...driver }).open({ id: 'host', url });
}

/** One poll's rows, by the names of the VMs. */
export async function rowsOf(fetcher: HostFetcher, timeoutMs = 2_000): Promise<ReadonlyMap<string, RuntimeRow>> {
  const { rows } = await fetcher.runtimeStats({ timeoutMs });
  return new Map(rows.map((row) => [row.name ?? row.vm, row]));
}

export async function stateOf(fetcher: HostFetcher, name: string): Promise<string | undefined> {
  return (await rowsOf(fetcher)).get(name)?.state;
}

export async function statesOf(fetcher: HostFetcher): Promise<Readonly<Record<string, string>>> {
  const rows = await rowsOf(fetcher);
  return Object.fromEntries([...rows].map(([name, { state }]) => [name, state]));
}

/** What hints say of one VM, in order, each state once in a row; polls are followed, as an actor does. */
export class HintedStates implements AsyncDisposable {
  readonly states: string[] = [];
  readonly #controller = new AbortController();
  readonly #done: Promise<void>;

  constructor(fetcher: HostFetcher, vm: string) {
    this.#done = this.#read(fetcher, vm);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#controller.abort();
    await this.#done;
  }

  async #read(fetcher: HostFetcher, vm: string): Promise<void> {
    for await (const hint of fetcher.hints({ signal: this.#controller.signal })) {
      const row = (await rowsIn(fetcher, hint)).find((candidate) => candidate.vm === vm);
      const state = row?.state ?? (hint.kind === 'poll' ? 'absent' : undefined);
      if (state !== undefined && state !== this.states.at(-1)) this.states.push(state);
    }
  }
}

async function rowsIn(fetcher: HostFetcher, hint: Hint): Promise<readonly RuntimeRow[]> {
  if (hint.kind === 'rows') return hint.rows;
  const listing = await fetcher.runtimeStats(LONG).catch(() => undefined); // closed, or not to be reached now
  return listing?.rows ?? [];
}
