import { randomUUID } from 'node:crypto';
import { open, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { VedetteError } from '@vedette/runtime';
import { type CommandOptions, runCommand } from '../command.ts';
import { eventually } from '../eventually.ts';
import { libvirtAvailable, systemEnv } from './availability.ts';
import { makeBaseDir, type Settings, writeConfiguration } from './base-dir.ts';
import { Daemon } from './daemon.ts';
import { runInGuest } from './guest-shell.ts';
import {
  type BiosGuestOptions,
  biosGuest,
  type FullGuestOptions,
  fullGuest,
  type Guest,
  restlessBootSector,
} from './guests.ts';
import { Namespaces } from './namespaces.ts';
import {
  prepareRemoteAccess,
  type RemoteAccess,
  type TcpAccess,
  type TlsAccess,
  type TlsOptions,
} from './remote-access.ts';

export interface LibvirtOptions {
  /** Added to libvirtd.conf, as `{ keepalive_interval: 1 }`. */
  readonly settings?: Settings;
  /** Added to qemu.conf, as `{ migration_port_min: 49400 }`. */
  readonly qemuSettings?: Settings;
  /** Shares the network (loopback, bridges, addresses) of this other one. */
  readonly networkOf?: PrivateLibvirt;
  /** Also listens for TLS, on a port of this machine's loopback, and asks clients for certificates; see {@link TlsAccess}. */
  readonly tls?: boolean | TlsOptions;
  /**
   * Also listens for plain TCP, on a port of this machine's loopback, without authentication: as long as it runs, whoever
   * has an account here can use it.
   */
  readonly tcp?: boolean;
  /**
   * `virtqemud`: its sockets carry the names of the modular daemon (virtqemud-sock). Behind them is libvirtd all the
   * same: Debian 12 has no virtqemud.
   */
  readonly daemon?: 'libvirtd' | 'virtqemud';
  /** 60,000 unless said: the first start on a machine probes QEMU. */
  readonly startTimeoutMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * Starts a real libvirtd, without systemd, in namespaces of its own: it sees neither the machine's libvirt nor another
 * one started like this, and leaves nothing behind, however the test process ends. Needs root; about 1 s.
 *
 * What it wrote stays in {@link PrivateLibvirt.baseDir} until {@link PrivateLibvirt.stop}; after a failed start, until
 * another test process starts one.
 *
 * @throws VedetteError VDT_TESTBED_UNAVAILABLE (see {@link libvirtAvailable}), VDT_TESTBED_START
 */
export async function startLibvirt(options: LibvirtOptions = {}): Promise<PrivateLibvirt> {
  const available = libvirtAvailable();
  if (!available.ok) throw new VedetteError('VDT_TESTBED_UNAVAILABLE', { message: available.reason });
  const { settings = {}, qemuSettings = {}, networkOf, startTimeoutMs = 60_000, signal } = options;
  const { tls = false, tcp = false, daemon = 'libvirtd' } = options;
  const abortable = signal === undefined ? {} : { signal };
  const baseDir = await makeBaseDir();
  const access = await prepareRemoteAccess(baseDir, { tls, tcp, ...abortable });
  const { hostUuid } = await writeConfiguration(
    baseDir,
    { ...access.settings, ...settings },
    {
      qemuSettings,
      bridgeIsThere: networkOf !== undefined,
    },
  );
  const shared = networkOf === undefined ? {} : { networkOf: networkOf.namespaces };
  const namespaces = await Namespaces.create(baseDir, { ...shared, ...abortable });
  const libvirt = new PrivateLibvirt({ baseDir, hostUuid, namespaces, access, daemon });
  try {
    if (daemon !== 'libvirtd') await linkSockets(libvirt);
    await libvirt.daemon.start({ timeoutMs: startTimeoutMs, ...abortable });
    return libvirt;
  } catch (error) {
    await namespaces.end();
    throw error;
  }
}

export interface PrivateLibvirtParts {
  readonly baseDir: string;
  readonly hostUuid: string;
  readonly namespaces: Namespaces;
  readonly access: RemoteAccess;
  readonly daemon: 'libvirtd' | 'virtqemud';
}

/** A libvirt of a test's own. Whoever started it stops it (or `await using`). */
export class PrivateLibvirt implements AsyncDisposable {
  readonly baseDir: string;
  /** The identity it started with; see {@link becomeAnotherHost}. */
  readonly hostUuid: string;
  readonly socketPath: string;
  readonly readOnlySocketPath: string;
  /** Stop, kill, signal, restart libvirtd itself. */
  readonly daemon: Daemon;
  /** Where it runs. */
  readonly namespaces: Namespaces;
  readonly #access: RemoteAccess;
  /** The network cards whose leases are fixed. */
  readonly #reserved = new Set<string>();
  #network: Promise<unknown> | undefined;

  /** Use {@link startLibvirt}. */
  constructor(parts: PrivateLibvirtParts) {
    const { baseDir, hostUuid, namespaces, access, daemon } = parts;
    this.baseDir = baseDir;
    this.hostUuid = hostUuid;
    const socketName = daemon === 'libvirtd' ? 'libvirt-sock' : `${daemon}-sock`;
    this.socketPath = join(baseDir, 'run/libvirt', socketName);
    this.readOnlySocketPath = `${this.socketPath}-ro`;
    this.namespaces = namespaces;
    this.#access = access;
    const answers = (): Promise<string> => this.virsh('version');
    this.daemon = new Daemon(namespaces, baseDir, { listeners: access.listeners, answers });
  }

  /** Only with `startLibvirt({ tls: true })`. */
  get tls(): TlsAccess {
    return asked(this.#access.tls, 'tls');
  }

  /** Only with `startLibvirt({ tcp: true })`. */
  get tcp(): TcpAccess {
    return asked(this.#access.tcp, 'tcp');
  }

  /** What programs outside the namespaces put before /run, /proc and /sys to see this libvirt's. */
  get rootDir(): string {
    return this.namespaces.rootDir;
  }

  /** Runs virsh against this libvirt and returns its output, trimmed. The oracle of every test. */
  virsh(...args: readonly string[]): Promise<string> {
    return this.virshOn('qemu', ...args);
  }

  /** The same on another driver of this libvirtd: `test` is libvirt's own simulated one, shared by its connections. */
  async virshOn(driver: 'qemu' | 'test', ...args: readonly string[]): Promise<string> {
    const path = driver === 'qemu' ? 'system' : 'default';
    const uri = `${driver}+unix:///${path}?socket=${this.socketPath}`;
    const output = await runCommand('virsh', ['--quiet', '--connect', uri, ...args], { env: systemEnv });
    return output.trim();
  }

  /** Runs any command in the namespaces: `ip`, `arping`, ... */
  run(command: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
    return this.namespaces.run(command, args, options);
  }

  /** Stops libvirtd in order and starts it again; guests go on. */
  async restart(): Promise<void> {
    await this.daemon.stop();
    await this.daemon.start();
  }

  /** Restarts libvirtd with another identity: from now on another host answers at the same addresses. */
  async becomeAnotherHost(): Promise<void> {
    const file = join(this.baseDir, 'etc/libvirtd.conf');
    const settings = await readFile(file, 'utf8');
    await writeFile(file, settings.replace(/^host_uuid = .*$/m, `host_uuid = "${randomUUID()}"`));
    await this.restart();
  }

  async defineGuest(guest: Guest): Promise<void> {
    const file = join(this.baseDir, 'xml', `${guest.uuid}.xml`);
    await writeFile(file, guest.xml);
    await this.virsh('define', file);
  }

  /** Defines and starts a {@link biosGuest}. */
  async startBiosGuest(name: string, options: BiosGuestOptions = {}): Promise<Guest> {
    const guest = biosGuest(name, options);
    await this.defineGuest(guest);
    await this.virsh('start', name);
    return guest;
  }

  /**
   * A BIOS-only guest that keeps changing its memory, so that its migration can be held; see {@link restlessBootSector}.
   * Resolves when it does so, about 1 s.
   */
  async startRestlessGuest(name: string, options: BiosGuestOptions = {}): Promise<Guest> {
    const bootDisk = join(this.baseDir, 'images', `${name}.img`);
    await writeFile(bootDisk, restlessBootSector());
    await truncate(bootDisk, 1024 * 1024); // the BIOS boots from no disk smaller than a cylinder
    const guest = await this.startBiosGuest(name, { ...options, bootDisk });
    const check = async (): Promise<void> => {
      // The BIOS has put the sector where it puts all boot sectors, and jumps there.
      const loaded = await this.virsh('qemu-monitor-command', '--hmp', name, 'xp /1hx 0x7c00');
      if (!loaded.endsWith('0x31fa')) throw new Error(`${name} has not booted: ${loaded}`);
    };
    await eventually(check, { timeoutMs: 30_000, intervalMs: 100 });
    return guest;
  }

  /**
   * Defines and starts a {@link fullGuest} on the default network, which it brings up first. It boots on its own time:
   * wait with {@link agentAnswers}. Needs `libvirtAvailable({ fullGuests: true })`.
   */
  async startFullGuest(name: string, options: FullGuestOptions = {}): Promise<Guest> {
    const disk = join(this.baseDir, 'images', `${name}.img`);
    const console = join(this.baseDir, 'log', `${name}.console`);
    const kernel = join(this.baseDir, 'guest/vmlinuz');
    const initrd = join(this.baseDir, 'guest/initrd.gz');
    // As the guest's QEMU sees it: there, one that migrates here finds a place of its own.
    const commands = `/run/guests/${name}`;
    await makeSparseFile(disk, 8 * 1024 * 1024);
    const guest = fullGuest(name, { kernel, initrd, disk, console, commands }, options);
    await this.startNetwork();
    await this.defineGuest(guest);
    await this.virsh('start', name);
    return guest;
  }

  /** Brings up the default network: bridge, DHCP server and address translation, all in the namespaces. Idempotent. */
  async startNetwork(): Promise<void> {
    this.#network ??= this.virsh('net-start', 'default');
    await this.#network;
  }

  /** Waits until a full guest's agent answers: then it has booted and asked for its address. */
  async agentAnswers(name: string, timeoutMs = 60_000): Promise<void> {
    const ping = '{"execute":"guest-ping"}';
    const check = (): Promise<string> => this.virsh('qemu-agent-command', '--timeout', '2', name, ping);
    await eventually(check, { timeoutMs, intervalMs: 250 });
  }

  /** Waits until a full guest has booted, also one without an agent: then it takes commands ({@link runInGuest}). */
  async guestIsUp(name: string, timeoutMs = 60_000): Promise<void> {
    const check = async (): Promise<void> => {
      const console = await readFile(join(this.baseDir, 'log', `${name}.console`), 'utf8');
      if (!console.includes('vedette guest is up')) throw new Error(`the console of ${name}:\n${console.slice(-1024)}`);
    };
    await eventually(check, { timeoutMs, intervalMs: 100 });
  }

  /** The process id of a guest's QEMU inside the namespaces, as libvirt wrote it down; undefined when it does not run. */
  async guestPid(name: string): Promise<number | undefined> {
    const file = join(this.baseDir, 'run/libvirt/qemu', `${name}.pid`);
    const text = await readFile(file, 'utf8').catch(() => undefined);
    return text === undefined ? undefined : Number(text);
  }

  /** Sends a signal to a guest's QEMU: SIGKILL is a crash, SIGSTOP a hang. */
  async signalGuest(name: string, signal: NodeJS.Signals): Promise<void> {
    const pid = await this.guestPid(name);
    if (pid === undefined) throw new VedetteError('VDT_TESTBED_COMMAND', { message: `guest ${name} does not run` });
    await this.run('bash', ['-c', 'kill -s "$1" "$2"', 'kill', signal, String(pid)]);
  }

  /** QEMU answers nothing any more, and the guest stands still, until {@link resumeGuest}. */
  hangGuest(name: string): Promise<void> {
    return this.signalGuest(name, 'SIGSTOP');
  }

  resumeGuest(name: string): Promise<void> {
    return this.signalGuest(name, 'SIGCONT');
  }

  /** Runs one line of shell in a full guest that has booted, without its agent; see {@link runInGuest}. */
  runInGuest(name: string, line: string, options: { readonly timeoutMs?: number } = {}): Promise<string> {
    return runInGuest(join(this.baseDir, 'run/guests', name), line, options);
  }

  /** The guest agent keeps its channel open but answers nothing any more, until {@link resumeAgent}. */
  async hangAgent(name: string): Promise<void> {
    await this.runInGuest(name, 'kill -STOP $(pidof qemu-ga)');
  }

  async resumeAgent(name: string): Promise<void> {
    await this.runInGuest(name, 'kill -CONT $(pidof qemu-ga)');
  }

  /** Gives a full guest's first network card this address, as `192.168.122.200/24`, instead of those it has. */
  async setGuestAddress(name: string, cidr: string): Promise<void> {
    await this.runInGuest(name, `ip -4 addr flush dev eth0 && ip addr add ${cidr} dev eth0`);
  }

  /**
   * Lets a full guest ask for its lease again; with `address`, the network's DHCP server gives it this one from now on.
   * libvirt's own list of leases follows a moment later, and lacks the guest in between.
   */
  async renewLease(name: string, address?: string): Promise<void> {
    if (address !== undefined) await this.#reserveAddress(name, address);
    const ask = 'udhcpc -i eth0 -n -q -t 10 -T 1 -x hostname:$(hostname) -s /etc/udhcpc.sh';
    await this.runInGuest(name, ask);
  }

  /** Writes an entry into the neighbour table of the default network's bridge, as traffic of that guest would. */
  async addNeighbour(mac: string, address: string): Promise<void> {
    await this.run('ip', ['neigh', 'replace', address, 'lladdr', mac, 'dev', 'virbr0', 'nud', 'reachable']);
  }

  async removeNeighbour(address: string): Promise<void> {
    await this.run('ip', ['neigh', 'del', address, 'dev', 'virbr0']);
  }

  /** The address of a guest's first network card. */
  async macOf(name: string): Promise<string> {
    const [mac] = /(?:[0-9a-f]{2}:){5}[0-9a-f]{2}/.exec(await this.virsh('domiflist', name)) ?? [];
    if (mac === undefined)
      throw new VedetteError('VDT_TESTBED_COMMAND', { message: `guest ${name} has no network card` });
    return mac;
  }

  async #reserveAddress(name: string, address: string): Promise<void> {
    const mac = await this.macOf(name);
    const update = (verb: string): Promise<string> =>
      this.virsh('net-update', 'default', verb, 'ip-dhcp-host', `<host mac='${mac}' ip='${address}'/>`, '--live');
    if (this.#reserved.has(mac)) await update('modify');
    else await update('add-last');
    this.#reserved.add(mac);
  }

  /** Ends libvirtd, its guests and networks at once and removes all they wrote. Idempotent. */
  async stop(): Promise<void> {
    await this.namespaces.end();
    await rm(this.baseDir, { recursive: true, force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

async function linkSockets({ socketPath, readOnlySocketPath }: PrivateLibvirt): Promise<void> {
  await symlink('libvirt-sock', socketPath);
  await symlink('libvirt-sock-ro', readOnlySocketPath);
}

function asked<T>(access: T | undefined, name: string): T {
  if (access !== undefined) return access;
  throw new VedetteError('VDT_TESTBED_START', { message: `this libvirtd was started without { ${name}: true }` });
}

async function makeSparseFile(path: string, bytes: number): Promise<void> {
  const file = await open(path, 'w');
  try {
    await file.truncate(bytes);
  } finally {
    await file.close();
  }
}
