import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalAddress } from '@vedette/model';
import { type Clock, withDeadline } from '@vedette/runtime';

/**
 * Addresses of guests as their host's neighbour table has them: for a libvirtd of this machine, whose guests share a
 * link with the host.
 *
 * B1. A table that cannot be read is undefined, never empty; one that is read removes little, since entries come and go
 *     with the traffic: see neighbour-reports.ts.
 * B2. One reading serves all VMs of a host. It sends nothing to anybody (H3): no guest is probed.
 * B3. Bounded: in time, in output, in entries.
 */

/** What an entry is worth: `confirmed` has answered just now, `stale` has been idle since, `failed` was asked in vain. */
export type NeighbourWorth = 'confirmed' | 'stale' | 'failed';

export interface Neighbour {
  /** Canonical. */
  readonly address: string;
  /** Lower case; empty if failed. */
  readonly mac: string;
  /** The host's link: `virbr0`. */
  readonly device: string;
  readonly worth: NeighbourWorth;
  /** Seconds since it was last known to be reachable; undefined where the source does not tell. */
  readonly confirmedS: number | undefined;
}

export interface NeighbourTable {
  readonly entries: readonly Neighbour[];
  /** Whether it has IPv6 too: the fallback has not. */
  readonly ipv6: boolean;
}

export interface NeighbourReaderOptions {
  readonly clock: Clock;
  /**
   * The root of other namespaces, as `/proc/PID/root`, whose network is read in place of this process's. Needs the right
   * to enter them (root) for `ip`; the fallback needs none.
   */
  readonly hostRoot?: string;
  /** The programs, where they are not found by name. */
  readonly ip?: string;
  readonly nsenter?: string;
}

export interface ReadNeighboursOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** 16,384 entries of `ip -s -j neigh` are 3 MiB; kernels keep 1,024 unless told otherwise. */
const outputMaxBytes = 8 * 1024 * 1024;
const entriesMax = 65_536;

/** Reads the neighbour table by `ip`, or where that fails by /proc/net/arp. Keeps nothing open. */
export class NeighbourReader {
  readonly #clock: Clock;
  readonly #command: readonly [string, ...string[]];
  readonly #arpFile: string;

  constructor({ clock, hostRoot, ip = 'ip', nsenter = 'nsenter' }: NeighbourReaderOptions) {
    this.#clock = clock;
    const neigh = [ip, '-s', '-j', 'neigh', 'show'] as const;
    // Process 1 of the namespaces: /proc/self would be looked up for this process, which is not in them.
    this.#command =
      hostRoot === undefined ? neigh : [nsenter, `--net=${join(hostRoot, 'proc/1/ns/net')}`, '--', ...neigh];
    this.#arpFile = hostRoot === undefined ? '/proc/net/arp' : join(hostRoot, 'proc/1/net/arp');
  }

  /** The table now; undefined when it cannot be had (B1). @throws the signal's reason */
  async read(options: ReadNeighboursOptions): Promise<NeighbourTable | undefined> {
    const deadline = { what: 'reading the neighbour table', ...options };
    try {
      return await withDeadline(this.#clock, deadline, async (signal) => {
        const listed = parseIpNeigh(await outputOf(this.#command, signal));
        if (listed !== undefined) return listed;
        const text = await readFile(this.#arpFile, { encoding: 'utf8', signal });
        return text.length > outputMaxBytes ? undefined : parseProcArp(text);
      });
    } catch {
      options.signal?.throwIfAborted();
      return undefined; // too slow, or neither source is there: not observable
    }
  }
}

/**
 * What a command writes; empty when it cannot be run, fails, writes too much, or is ended by the signal. Ended by hand:
 * Node's own `signal` option asks by SIGTERM, which what hangs may not hear.
 */
async function outputOf([command, ...args]: readonly [string, ...string[]], signal: AbortSignal): Promise<string> {
  const options = { maxBuffer: outputMaxBytes, killSignal: 'SIGKILL', env: { ...process.env, LC_ALL: 'C' } } as const;
  const { promise, resolve } = Promise.withResolvers<string>();
  const child = execFile(command, args, options, (error, stdout) => resolve(error === null ? stdout : ''));
  const kill = (): unknown => child.kill('SIGKILL');
  signal.addEventListener('abort', kill);
  try {
    return await promise;
  } finally {
    signal.removeEventListener('abort', kill);
  }
}

/**
 * What the kernel's states are worth (`man ip-neighbour`). STALE counts: it is what every guest is half a minute after
 * its last packet to the host, so without it idle guests would lose their addresses. DELAY and PROBE are stale entries
 * that the kernel is about to prove. The rest (INCOMPLETE: asked, not yet answered; NOARP, NONE: nobody was asked) says
 * nothing.
 */
const worthOf: ReadonlyMap<string, NeighbourWorth> = new Map([
  ['PERMANENT', 'confirmed'],
  ['REACHABLE', 'confirmed'],
  ['STALE', 'stale'],
  ['DELAY', 'stale'],
  ['PROBE', 'stale'],
  ['FAILED', 'failed'],
]);

/** The output of `ip -s -j neigh show`; undefined for what is none. */
export function parseIpNeigh(output: string): NeighbourTable | undefined {
  let rows: unknown;
  try {
    rows = JSON.parse(output);
  } catch {
    return undefined; // an `ip` that knows no JSON (before iproute2 4.16, busybox), or none at all
  }
  if (!Array.isArray(rows)) return undefined;
  const entries = rows.slice(0, entriesMax).flatMap((row: unknown) => neighbourOf(row));
  return { entries, ipv6: true };
}

function neighbourOf(row: unknown): readonly Neighbour[] {
  const { dst, dev, lladdr, state, confirmed } = (row ?? {}) as Readonly<Record<string, unknown>>;
  const [name] = Array.isArray(state) ? (state as readonly unknown[]) : [];
  const worth = typeof name === 'string' ? worthOf.get(name) : undefined;
  const address = typeof dst === 'string' ? canonicalAddress(dst) : undefined;
  if (worth === undefined || address === undefined) return [];
  const device = typeof dev === 'string' ? dev : '';
  if (worth === 'failed') return [{ address, mac: '', device, worth, confirmedS: undefined }];
  const mac = macOf(lladdr);
  if (mac === '') return [];
  return [{ address, mac, device, worth, confirmedS: typeof confirmed === 'number' ? confirmed : undefined }];
}

/** The flag of /proc/net/arp (linux/if_arp.h) for an entry whose MAC is valid. */
const arpComplete = 0x2;

/**
 * The text of /proc/net/arp; undefined for what is none. It tells neither state nor age: an entry counts as confirmed
 * while it is complete, and one that is not says nothing, since it may be one that was never answered yet.
 */
export function parseProcArp(text: string): NeighbourTable | undefined {
  const [header = '', ...lines] = text.split('\n');
  if (!header.startsWith('IP address')) return undefined;
  const entries = lines.slice(0, entriesMax).flatMap((line): readonly Neighbour[] => {
    const [dst = '', , flags = '', lladdr, , device = ''] = line.trim().split(/\s+/);
    const address = canonicalAddress(dst);
    const mac = macOf(lladdr);
    if (address === undefined || mac === '' || (Number.parseInt(flags, 16) & arpComplete) === 0) return [];
    return [{ address, mac, device, worth: 'confirmed', confirmedS: undefined }];
  });
  return { entries, ipv6: false };
}

function macOf(text: unknown): string {
  const mac = typeof text === 'string' ? text.toLowerCase() : '';
  return /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/.test(mac) && mac !== '00:00:00:00:00:00' ? mac : '';
}
