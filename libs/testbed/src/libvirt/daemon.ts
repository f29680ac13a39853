import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { VedetteError } from '@vedette/runtime';
import { eventually } from '../eventually.ts';
import { systemEnv } from './availability.ts';
import { descriptorOf, type Listener, openUnixListener } from './listener.ts';
import type { Namespaces } from './namespaces.ts';

/**
 * The sockets are only taken by the very process they were meant for, so libvirtd cannot detach itself. Returns when the
 * shell has become libvirtd.
 */
const startWithListenersScript = `
setsid bash -c 'export LISTEN_PID=$$; exec libvirtd --pid-file /run/libvirtd.pid' </dev/null >/run/libvirtd.out 2>&1 &
echo $! >/run/libvirtd.pid
while [ "$(cat /proc/$!/comm 2>/dev/null)" = bash ] || [ "$(cat /proc/$!/comm 2>/dev/null)" = setsid ]; do sleep 0.02; done
`;

/** Looks in a row, each a call of virsh long, that did not find it running: then it has ended. */
const missesMax = 5;

/** The libvirtd of one private libvirt. Its guests are not its children: they survive its end and its restart. */
export class Daemon {
  readonly #namespaces: Namespaces;
  readonly #base: string;
  readonly #listeners: readonly Listener[];
  readonly #answers: () => Promise<unknown>;

  /**
   * @param options `listeners`: what it listens on besides its unix sockets; `answers`: a call that fails while libvirtd
   *   does not serve
   */
  constructor(
    namespaces: Namespaces,
    base: string,
    options: { readonly listeners: readonly Listener[]; readonly answers: () => Promise<unknown> },
  ) {
    this.#namespaces = namespaces;
    this.#base = base;
    this.#listeners = options.listeners;
    this.#answers = options.answers;
  }

  /** Starts libvirtd and waits until it answers; its early end fails at once, with the end of its log. */
  async start(options: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {}): Promise<void> {
    const { timeoutMs = 60_000, signal } = options;
    const abortable = signal === undefined ? {} : { signal };
    try {
      if (this.#listeners.length === 0) {
        await this.#namespaces.run('libvirtd', ['--daemon', '--pid-file', '/run/libvirtd.pid'], abortable);
      } else {
        await this.#startWithListeners(abortable);
      }
      const ended = new AbortController();
      const abort = signal === undefined ? ended.signal : AbortSignal.any([signal, ended.signal]);
      let misses = 0;
      const check = async (): Promise<void> => {
        // While libvirtd writes its pid file anew the file is empty for a moment.
        misses = (await this.isRunning()) ? 0 : misses + 1;
        if (misses > missesMax) ended.abort(new Error('libvirtd ended'));
        await this.#answers();
      };
      await eventually(check, { timeoutMs, intervalMs: 50, signal: abort });
    } catch (error) {
      signal?.throwIfAborted();
      const message = `libvirtd did not start: ${(error as Error).message}; the end of its log:\n${await this.log()}`;
      throw new VedetteError('VDT_TESTBED_START', { message, cause: error });
    }
  }

  /** Gives libvirtd its listening sockets as systemd does. It then opens none itself, so the unix sockets are among them. */
  async #startWithListeners(abortable: { readonly signal?: AbortSignal }): Promise<void> {
    const folder = join(this.#base, 'run/libvirt');
    await using servers = new AsyncDisposableStack();
    const opened = [
      servers.use(await openUnixListener(join(folder, 'libvirt-sock'), 0o700)),
      servers.use(await openUnixListener(join(folder, 'libvirt-sock-ro'), 0o777)),
    ];
    for (const listener of this.#listeners) opened.push(servers.use(await listener.open()));
    const names = ['libvirtd.socket', 'libvirtd-ro.socket', ...this.#listeners.map(({ name }) => name)];
    const env = { ...systemEnv, LISTEN_FDS: String(opened.length), LISTEN_FDNAMES: names.join(':') };
    const descriptors = opened.map(descriptorOf);
    await this.#namespaces.run('bash', ['-c', startWithListenersScript], { env, descriptors, ...abortable });
  }

  /** SIGSTOP: connections are accepted by the kernel, but nobody answers, until {@link thaw}. Guests go on. */
  freeze(): Promise<void> {
    return this.signal('SIGSTOP');
  }

  thaw(): Promise<void> {
    return this.signal('SIGCONT');
  }

  /** Sends a signal (SIGKILL, SIGSTOP, SIGCONT, ...) to libvirtd. */
  async signal(signal: NodeJS.Signals): Promise<void> {
    await this.#namespaces.run('bash', ['-c', 'kill -s "$1" "$2"', 'kill', signal, String(await this.#pid())]);
  }

  /** Ends libvirtd in order (SIGTERM) or at once (SIGKILL) and waits for it. With a job that hangs, in order takes 30 s. */
  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    if (!(await this.isRunning())) return;
    await this.signal(signal);
    const check = async (): Promise<void> => {
      if (await this.isRunning()) throw new Error('libvirtd still runs');
    };
    await eventually(check, { timeoutMs: 60_000 });
  }

  async isRunning(): Promise<boolean> {
    const pid = await this.#pid();
    if (pid === undefined) return false;
    const command = join(this.#namespaces.rootDir, `proc/${pid}/comm`);
    return (await readFile(command, 'utf8').catch(() => '')).trim() === 'libvirtd';
  }

  /** The end of what libvirtd logged. */
  async log(): Promise<string> {
    const files = [join(this.#base, 'run/libvirtd.out'), join(this.#base, 'log/libvirtd.log')];
    const parts = await Promise.all(files.map((file) => readFile(file, 'utf8').catch(() => '')));
    return parts.join('').slice(-4096) || '(it logged nothing)';
  }

  /** Its process id inside the namespaces. */
  async #pid(): Promise<number | undefined> {
    const text = await readFile(join(this.#base, 'run/libvirtd.pid'), 'utf8').catch(() => undefined);
    return text === undefined ? undefined : Number(text);
  }
}
