import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { VedetteError } from '@vedette/runtime';
import { eventually } from '../eventually.ts';
import type { Namespaces } from './namespaces.ts';

/** The libvirtd of one private libvirt. Its guests are not its children: they survive its end and its restart. */
export class Daemon {
  readonly #namespaces: Namespaces;
  readonly #base: string;
  readonly #answers: () => Promise<unknown>;

  /** @param answers a call that fails while libvirtd does not serve */
  constructor(namespaces: Namespaces, base: string, answers: () => Promise<unknown>) {
    this.#namespaces = namespaces;
    this.#base = base;
    this.#answers = answers;
  }

  /** Starts libvirtd and waits until it answers; its early end fails at once, with the end of its log. */
  async start(options: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {}): Promise<void> {
    const { timeoutMs = 60_000, signal } = options;
    const abortable = signal === undefined ? {} : { signal };
    try {
      await this.#namespaces.run('libvirtd', ['--daemon', '--pid-file', '/run/libvirtd.pid'], abortable);
      const ended = new AbortController();
      const abort = signal === undefined ? ended.signal : AbortSignal.any([signal, ended.signal]);
      const check = async (): Promise<void> => {
        if (!(await this.isRunning())) ended.abort(new Error('libvirtd ended'));
        await this.#answers();
      };
      await eventually(check, { timeoutMs, intervalMs: 50, signal: abort });
    } catch (error) {
      signal?.throwIfAborted();
      const message = `libvirtd did not start: ${(error as Error).message}; the end of its log:\n${await this.log()}`;
      throw new VedetteError('VDT_TESTBED_START', { message, cause: error });
    }
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
    const log = await readFile(join(this.#base, 'log/libvirtd.log'), 'utf8').catch(() => '(it logged nothing)');
    return log.slice(-4096);
  }

  /** Its process id inside the namespaces. */
  async #pid(): Promise<number | undefined> {
    const text = await readFile(join(this.#base, 'run/libvirtd.pid'), 'utf8').catch(() => undefined);
    return text === undefined ? undefined : Number(text);
  }
}
