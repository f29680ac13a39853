import { mkdir, mkdtemp, readFile, symlink, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { VedetteError } from '@vedette/runtime';
import { runCommand } from '../command.ts';
import { eventually } from '../eventually.ts';
import { type RunningProcess, startProcess } from '../process.ts';
import { findSshServer, libvirtAvailable, systemEnv } from './availability.ts';
import { steadyPort } from './listener.ts';
import type { PrivateLibvirt } from './private-libvirt.ts';

export interface SshdOptions {
  /**
   * The only programs that commands of clients find, as `['sh', 'nc']` for a host without virt-ssh-helper; all of the
   * machine's unless said. The shell is always found.
   */
  readonly programs?: readonly string[];
  readonly signal?: AbortSignal;
}

/**
 * Starts a real OpenSSH server, with keys of its own, on a port of this machine's loopback. What clients run there runs
 * in the namespaces of `libvirt`: it finds its sockets in /run/libvirt and sees its network. Nothing of the machine's or
 * the user's ssh configuration is used. About 0.3 s.
 *
 * @throws VedetteError VDT_TESTBED_UNAVAILABLE (see {@link libvirtAvailable}, `ssh`), VDT_TESTBED_START
 */
export async function startSshd(libvirt: PrivateLibvirt, options: SshdOptions = {}): Promise<Sshd> {
  const available = libvirtAvailable({ ssh: true });
  const server = findSshServer();
  if (!available.ok || server === undefined) {
    const message = available.ok ? 'no ssh server' : available.reason;
    throw new VedetteError('VDT_TESTBED_UNAVAILABLE', { message });
  }
  const { signal } = options;
  const folder = await mkdtemp(join(libvirt.baseDir, 'ssh-'));
  const port = await steadyPort();
  const files = await writeKeys(folder, port, signal);
  await writeFile(join(folder, 'sshd_config'), await configuration(folder, port, options));
  await mkdir(join(libvirt.baseDir, 'run/sshd'), { recursive: true, mode: 0o755 });
  // Not into the network: a port there could not be reached from here. The commands of clients enter it themselves.
  const enter = ['--target', String(libvirt.namespaces.initPid), '--mount', '--pid', '--ipc', '--'];
  const process = await startProcess({
    name: 'sshd',
    command: 'nsenter',
    args: [...enter, server.program, '-D', '-e', '-f', join(folder, 'sshd_config')],
    env: server.env,
    ready: (_started, abort) => eventually(() => connects(port), { timeoutMs: 20_000, signal: abort }),
    readyTimeoutMs: 20_000,
    ...(signal === undefined ? {} : { signal }),
  });
  return new Sshd(process, port, files);
}

export interface SshFiles {
  /** Accepted for {@link Sshd.user}. */
  readonly keyFile: string;
  /** Holds the server's host key. */
  readonly knownHostsFile: string;
  /** A key the server does not accept. */
  readonly strangeKeyFile: string;
  /** Holds another host key than the server's: what an impostor, or a machine installed anew, looks like. */
  readonly strangeKnownHostsFile: string;
}

/** An ssh server of a test's own. Whoever started it stops it (or `await using`), before its libvirt. */
export class Sshd implements AsyncDisposable, SshFiles {
  /** A loopback address of this machine. */
  readonly host = '127.0.0.1';
  readonly port: number;
  readonly user = 'root';
  readonly keyFile: string;
  readonly knownHostsFile: string;
  readonly strangeKeyFile: string;
  readonly strangeKnownHostsFile: string;
  readonly #process: RunningProcess;

  /** Use {@link startSshd}. */
  constructor(process: RunningProcess, port: number, files: SshFiles) {
    this.port = port;
    this.keyFile = files.keyFile;
    this.knownHostsFile = files.knownHostsFile;
    this.strangeKeyFile = files.strangeKeyFile;
    this.strangeKnownHostsFile = files.strangeKnownHostsFile;
    this.#process = process;
  }

  /** What the server logged: who was let in, and why others were not. */
  get log(): string {
    return this.#process.output;
  }

  /** Accepts nobody from now on; connections that are open stay, until their clients or the libvirt end. Idempotent. */
  async stop(): Promise<void> {
    await this.#process.kill();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

async function writeKeys(folder: string, port: number, signal?: AbortSignal): Promise<SshFiles> {
  const makeKey = async (name: string): Promise<string> => {
    const path = join(folder, name);
    const abortable = signal === undefined ? {} : { signal };
    await runCommand('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', path], {
      env: systemEnv,
      ...abortable,
    });
    return path;
  };
  const names = ['host', 'strange-host', 'client', 'strange-client'] as const;
  const [host, strangeHost, keyFile, strangeKeyFile] = await Promise.all([
    makeKey(names[0]),
    makeKey(names[1]),
    makeKey(names[2]),
    makeKey(names[3]),
  ]);
  await writeFile(join(folder, 'authorized_keys'), await readFile(`${keyFile}.pub`));
  const knownHosts = async (key: string, name: string): Promise<string> => {
    const path = join(folder, name);
    await writeFile(path, `[127.0.0.1]:${port} ${await readFile(`${key}.pub`, 'utf8')}`);
    return path;
  };
  return {
    keyFile,
    strangeKeyFile,
    knownHostsFile: await knownHosts(host, 'known_hosts'),
    strangeKnownHostsFile: await knownHosts(strangeHost, 'strange_known_hosts'),
  };
}

async function configuration(folder: string, port: number, options: SshdOptions): Promise<string> {
  const path = options.programs === undefined ? undefined : await onlyPrograms(folder, options.programs);
  return [
    `ListenAddress 127.0.0.1:${port}`,
    `HostKey ${join(folder, 'host')}`,
    `AuthorizedKeysFile ${join(folder, 'authorized_keys')}`,
    'AuthenticationMethods publickey',
    'PermitRootLogin prohibit-password',
    'PermitUserRC no',
    'StrictModes no', // the folder is below /tmp, which everybody may write to
    'UsePAM no',
    'UseDNS no',
    'PrintMotd no',
    'PidFile none',
    'LogLevel VERBOSE',
    'MaxStartups 100',
    ...(path === undefined ? [] : [`SetEnv PATH=${path}`]),
    'ForceCommand exec /usr/bin/nsenter --net=/proc/1/ns/net -- /bin/sh -c "$SSH_ORIGINAL_COMMAND"',
    '',
  ].join('\n');
}

async function onlyPrograms(folder: string, programs: readonly string[]): Promise<string> {
  const path = join(folder, 'bin');
  await mkdir(path);
  for (const program of programs) {
    const found = await runCommand('/bin/sh', ['-c', 'command -v "$1"', 'find', program], { env: systemEnv });
    await symlink(found.trim(), join(path, program));
  }
  return path;
}

function connects(port: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const socket = createConnection({ host: '127.0.0.1', port });
  socket.once('connect', () => {
    socket.destroy();
    resolve();
  });
  socket.once('error', reject);
  return promise;
}
