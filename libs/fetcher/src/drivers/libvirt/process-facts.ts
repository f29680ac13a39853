import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, Semaphore, withDeadline } from '@vedette/runtime';

/**
 * What the host's own process table tells of a domain: for a libvirtd of this machine only.
 *
 * P1. A pid is believed only while it is a living QEMU of that very domain: its command line names the domain and its
 *     UUID. A pid file outlives a killed QEMU, and its number is given to others.
 * P2. Absent, unreadable, not believed: all the same to the caller, undefined. Too slow: left out. Never throws for them.
 * P3. Reading the command line of a process that hangs in the kernel may hang, too (it takes the lock of its memory):
 *     it is read once per process, never twice at a time for one domain, two at a time for all, and nobody waits for it
 *     beyond the deadline.
 */

export interface ProcessFact {
  /** As libvirtd wrote it: of its own process namespace. */
  readonly pid: number;
  /** Seconds since QEMU was started; undefined where the machine's uptime cannot be read. */
  readonly elapsedS: number | undefined;
}

export interface ProcessFactsOptions {
  readonly clock: Clock;
  /** What to put before /run and /proc: a libvirtd in namespaces of its own is seen through `/proc/PID/root`. */
  readonly hostRoot?: string;
  /** Where the pid files are. Default `/run/libvirt/qemu`, that of system daemons, monolithic and modular. */
  readonly pidDir?: string;
}

export interface ReadOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

interface NamedDomain {
  readonly name: string;
  readonly uuid: string;
}

/** A QEMU that was believed once: the moment of its start tells it from another with its pid. */
interface KnownProcess {
  readonly pid: number;
  readonly startTicks: number;
}

/** The unit of /proc/PID/stat for user space, on every architecture that runs KVM. */
const ticksPerS = 100;
/** A QEMU with hundreds of devices has some 100 KB of arguments. */
const fileMaxBytes = 1024 * 1024;
const firstBytes = 4096;
/** One that hangs holds a thread of Node's pool, which has four for all files and names of this process (P3). */
const cmdlinesAtOnce = 2;
/** As many as libvirt lists; each waits once at most. */
const domainsMax = 16_384;

export class ProcessFacts {
  readonly #clock: Clock;
  readonly #pidDir: string;
  readonly #procDir: string;
  readonly #cmdlines = new Semaphore({ permits: cmdlinesAtOnce, maxWaiting: domainsMax });
  readonly #known = new Map<string, KnownProcess>();
  readonly #reading = new Map<string, Promise<KnownProcess | undefined>>();

  constructor({ clock, hostRoot = '/', pidDir = '/run/libvirt/qemu' }: ProcessFactsOptions) {
    this.#clock = clock;
    this.#pidDir = join(hostRoot, pidDir);
    this.#procDir = join(hostRoot, 'proc');
  }

  /**
   * The processes of these active domains, by UUID; undefined where there is none that can be believed. One small file a
   * domain, once its process is known. Domains that are not named are forgotten.
   *
   * Resolves at the deadline at the latest, with what was read until then.
   * @throws the signal's reason
   */
  async read(
    domains: readonly NamedDomain[],
    options: ReadOptions,
  ): Promise<ReadonlyMap<string, ProcessFact | undefined>> {
    const facts = new Map<string, ProcessFact | undefined>();
    const wanted = new Set(domains.map(({ uuid }) => uuid));
    for (const uuid of this.#known.keys()) if (!wanted.has(uuid)) this.#known.delete(uuid);
    const readAll = async (): Promise<void> => {
      const uptimeS = await this.#uptimeS();
      await Promise.all(
        domains.map(async (domain) => {
          const process = await this.#process(domain);
          facts.set(domain.uuid, process && factOf(process, uptimeS));
        }),
      );
    };
    const deadline = { what: 'reading the processes of domains', ...options };
    await withDeadline(this.#clock, deadline, readAll).catch(() => {
      options.signal?.throwIfAborted();
      // Only the deadline is left: what was read is told, the rest comes with a later reading (P3).
    });
    return new Map(facts); // what a late reading adds is nobody's any more
  }

  #process(domain: NamedDomain): Promise<KnownProcess | undefined> {
    let reading = this.#reading.get(domain.uuid);
    if (reading === undefined) {
      reading = this.#find(domain).finally(() => this.#reading.delete(domain.uuid));
      this.#reading.set(domain.uuid, reading);
    }
    return reading;
  }

  async #find(domain: NamedDomain): Promise<KnownProcess | undefined> {
    const known = this.#known.get(domain.uuid);
    if (known !== undefined && (await this.#startTicks(known.pid)) === known.startTicks) return known;
    this.#known.delete(domain.uuid);
    const found = await this.#believed(domain);
    if (found !== undefined) this.#known.set(domain.uuid, found);
    return found;
  }

  /** P1. The start is read on both sides of the command line: both then are of one process. */
  async #believed({ name, uuid }: NamedDomain): Promise<KnownProcess | undefined> {
    if (!isFileName(name)) return undefined;
    const pidText = (await readText(join(this.#pidDir, `${name}.pid`)))?.trim() ?? '';
    if (!/^[1-9][0-9]{0,9}$/.test(pidText)) return undefined;
    const pid = Number(pidText);
    const startTicks = await this.#startTicks(pid);
    if (startTicks === undefined) return undefined;
    const cmdline = await this.#cmdline(pidText);
    if (cmdline === undefined || !isQemuOf(cmdline, name, uuid)) return undefined;
    return (await this.#startTicks(pid)) === startTicks ? { pid, startTicks } : undefined;
  }

  async #cmdline(pid: string): Promise<string | undefined> {
    using _place = await this.#cmdlines.acquire();
    return await readText(join(this.#procDir, pid, 'cmdline'));
  }

  /** When a process was started, in ticks since the machine was; undefined when it does not live. */
  async #startTicks(pid: number): Promise<number | undefined> {
    const stat = await readText(join(this.#procDir, String(pid), 'stat'));
    return stat === undefined ? undefined : startTicksOf(stat);
  }

  async #uptimeS(): Promise<number | undefined> {
    const text = await readText(join(this.#procDir, 'uptime'));
    const uptimeS = Number.parseFloat(text ?? '');
    return Number.isFinite(uptimeS) ? uptimeS : undefined;
  }
}

/** Field 22 of /proc/PID/stat. The name in parentheses before it may hold spaces and parentheses of its own. */
export function startTicksOf(stat: string): number | undefined {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state = '', , , , , , , , , , , , , , , , , , , ticks = ''] = fields;
  if (state === 'Z' || state === 'X') return undefined; // dead, only not yet reaped
  return /^\d{1,15}$/.test(ticks) ? Number(ticks) : undefined;
}

/** Whether this is the command line (arguments ending in NUL) of the QEMU that libvirt started for a domain. */
export function isQemuOf(cmdline: string, name: string, uuid: string): boolean {
  const args = cmdline.split('\0');
  const options = args[args.indexOf('-name') + 1] ?? '';
  // QEMU's own way to write a comma within an option is to double it.
  const guest = /^guest=((?:[^,]|,,)*)/.exec(options)?.[1];
  if (guest?.replaceAll(',,', ',') !== name) return false;
  const at = args.indexOf('-uuid');
  return at === -1 || args[at + 1]?.toLowerCase() === uuid.toLowerCase();
}

function factOf({ pid, startTicks }: KnownProcess, uptimeS: number | undefined): ProcessFact {
  return { pid, elapsedS: uptimeS === undefined ? undefined : Math.max(0, uptimeS - startTicks / ticksPerS) };
}

/** libvirt refuses such names itself; nothing else keeps a name from leading out of the folder. */
function isFileName(name: string): boolean {
  return name !== '' && !name.includes('/') && !name.includes('\0');
}

/** P2. A file of /proc tells no size: it is read until it ends. */
async function readText(path: string): Promise<string | undefined> {
  try {
    await using file = await open(path, 'r');
    let buffer = Buffer.alloc(firstBytes);
    let length = 0;
    for (;;) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length);
      if (bytesRead === 0) return buffer.toString('utf8', 0, length);
      length += bytesRead;
      if (length > fileMaxBytes) return undefined; // nothing that is read here is so long
      if (length === buffer.length) buffer = Buffer.concat([buffer, Buffer.alloc(length)]);
    }
  } catch {
    return undefined;
  }
}
