import { join } from 'node:path';
import { type CommandOptions, runCommand } from '../command.ts';
import { type RunningProcess, startProcess } from '../process.ts';
import { systemEnv, unshareFlags } from './availability.ts';

export interface NamespacesOptions {
  /** Shares the network namespace of these, which need not outlive the new ones. */
  readonly networkOf?: Namespaces;
  readonly signal?: AbortSignal;
}

/**
 * Private mount, network, process and IPC namespaces over a base folder (see init.sh). Everything run in them, however
 * it detached itself, ends with them; they end with {@link end} or with the test process.
 */
export class Namespaces {
  /** Their first process, as this process sees it. */
  readonly initPid: number;
  readonly #init: RunningProcess;

  private constructor(init: RunningProcess, initPid: number) {
    this.#init = init;
    this.initPid = initPid;
  }

  static async create(base: string, options: NamespacesOptions = {}): Promise<Namespaces> {
    const { networkOf, signal } = options;
    let initPid = 0;
    const unshare = ['unshare', ...unshareFlags.filter((flag) => networkOf === undefined || flag !== '--net')];
    const joined = networkOf === undefined ? [] : ['nsenter', `--net=/proc/${networkOf.initPid}/ns/net`, '--'];
    const init = ['bash', join(import.meta.dirname, 'init.sh'), base];
    const [command = '', ...args] = [...joined, ...unshare, ...init];
    const process = await startProcess({
      name: 'namespaces of libvirt',
      command,
      args,
      env: systemEnv,
      ready: async (started, abort) => {
        const match = await started.line(/^ready (\d+)$/m, abort);
        initPid = Number(match[1]);
      },
      readyTimeoutMs: 10_000,
      ...(signal === undefined ? {} : { signal }),
    });
    return new Namespaces(process, initPid);
  }

  /** The file system as processes in the namespaces see it, for readers outside: their /run, /proc, /sys. */
  get rootDir(): string {
    return `/proc/${this.initPid}/root`;
  }

  /** Runs a command in the namespaces; see {@link runCommand}. */
  run(command: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
    const enter = ['--target', String(this.initPid), '--mount', '--net', '--pid', '--ipc', '--'];
    return runCommand('nsenter', [...enter, command, ...args], { env: systemEnv, ...options });
  }

  /** Kills every process in the namespaces and waits until the kernel has ended them. Idempotent. */
  async end(): Promise<void> {
    if (this.#init.exit !== undefined) return;
    // Only their first process: unshare, its parent, ends when the kernel has ended everything below it.
    process.kill(this.initPid, 'SIGKILL');
    await this.#init.exited;
  }
}
