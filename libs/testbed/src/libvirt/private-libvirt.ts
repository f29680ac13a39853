import { open, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { VedetteError } from '@vedette/runtime';
import { type CommandOptions, runCommand } from '../command.ts';
import { eventually } from '../eventually.ts';
import { libvirtAvailable, systemEnv } from './availability.ts';
import { makeBaseDir, writeConfiguration } from './base-dir.ts';
import { Daemon } from './daemon.ts';
import { type BiosGuestOptions, biosGuest, type FullGuestOptions, fullGuest, type Guest } from './guests.ts';
import { Namespaces } from './namespaces.ts';

export interface LibvirtOptions {
  /** Added to libvirtd.conf, as `{ keepalive_interval: 1 }`. */
  readonly settings?: Readonly<Record<string, string | number>>;
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
  const { settings = {}, startTimeoutMs = 60_000, signal } = options;
  const abortable = signal === undefined ? {} : { signal };
  const baseDir = await makeBaseDir();
  const { hostUuid } = await writeConfiguration(baseDir, settings);
  const namespaces = await Namespaces.create(baseDir, signal);
  const libvirt = new PrivateLibvirt(baseDir, hostUuid, namespaces);
  try {
    await libvirt.daemon.start({ timeoutMs: startTimeoutMs, ...abortable });
    return libvirt;
  } catch (error) {
    await namespaces.end();
    throw error;
  }
}

/** A libvirt of a test's own. Whoever started it stops it (or `await using`). */
export class PrivateLibvirt implements AsyncDisposable {
  readonly baseDir: string;
  readonly hostUuid: string;
  readonly socketPath: string;
  readonly readOnlySocketPath: string;
  /** Stop, kill, signal, restart libvirtd itself. */
  readonly daemon: Daemon;
  readonly #namespaces: Namespaces;
  #network: Promise<unknown> | undefined;

  /** Use {@link startLibvirt}. */
  constructor(baseDir: string, hostUuid: string, namespaces: Namespaces) {
    this.baseDir = baseDir;
    this.hostUuid = hostUuid;
    this.socketPath = join(baseDir, 'run/libvirt/libvirt-sock');
    this.readOnlySocketPath = join(baseDir, 'run/libvirt/libvirt-sock-ro');
    this.#namespaces = namespaces;
    this.daemon = new Daemon(namespaces, baseDir, () => this.virsh('version'));
  }

  /** What programs outside the namespaces put before /run, /proc and /sys to see this libvirt's. */
  get rootDir(): string {
    return this.#namespaces.rootDir;
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
    return this.#namespaces.run(command, args, options);
  }

  /** Stops libvirtd in order and starts it again; guests go on. */
  async restart(): Promise<void> {
    await this.daemon.stop();
    await this.daemon.start();
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
   * Defines and starts a {@link fullGuest} on the default network, which it brings up first. It boots on its own time:
   * wait with {@link agentAnswers}. Needs `libvirtAvailable({ fullGuests: true })`.
   */
  async startFullGuest(name: string, options: FullGuestOptions = {}): Promise<Guest> {
    const disk = join(this.baseDir, 'images', `${name}.img`);
    const console = join(this.baseDir, 'log', `${name}.console`);
    const kernel = join(this.baseDir, 'guest/vmlinuz');
    const initrd = join(this.baseDir, 'guest/initrd.gz');
    await makeSparseFile(disk, 8 * 1024 * 1024);
    const guest = fullGuest(name, { kernel, initrd, disk, console }, options);
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

  /** Ends libvirtd, its guests and networks at once and removes all they wrote. Idempotent. */
  async stop(): Promise<void> {
    await this.#namespaces.end();
    await rm(this.baseDir, { recursive: true, force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

async function makeSparseFile(path: string, bytes: number): Promise<void> {
  const file = await open(path, 'w');
  try {
    await file.truncate(bytes);
  } finally {
    await file.close();
  }
}
