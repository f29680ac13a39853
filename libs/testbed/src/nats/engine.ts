import { readFile } from 'node:fs/promises';
import { RealClock, withDeadline } from '@vedette/runtime';
import { eventually } from '../eventually.ts';
import { type RunningProcess, startProcess } from '../process.ts';

/** How much of what a server logged is kept, in characters. */
export const LOG_LIMIT = 64 * 1024;

/** What runs a server: a program of this machine, or a container. Started again it finds its store as it was left. */
export interface Engine {
  readonly by: 'program' | 'container';
  readonly running: boolean;
  /** The end of what all its runs logged. */
  readonly log: string;
  /** Resolves when clients can connect. */
  start(options: { readonly timeoutMs: number; readonly signal?: AbortSignal }): Promise<void>;
  /** Sends this signal and waits for the end; SIGKILL after 15 s without one. */
  stop(signal: NodeJS.Signals): Promise<void>;
  freeze(): Promise<void>;
  thaw(): Promise<void>;
  /** Ends it at once and leaves nothing that could be started again. Idempotent. */
  dispose(): Promise<void>;
}

/** The nats-server of this machine, a child of this process. */
export class ProgramEngine implements Engine {
  readonly by = 'program';
  readonly #program: string;
  readonly #configFile: string;
  readonly #name: string;
  #process: RunningProcess | undefined;
  #earlierLog = '';

  constructor(options: { readonly program: string; readonly configFile: string; readonly name: string }) {
    this.#program = options.program;
    this.#configFile = options.configFile;
    this.#name = options.name;
  }

  get running(): boolean {
    return this.#process !== undefined && this.#process.exit === undefined;
  }

  get log(): string {
    return (this.#earlierLog + (this.#process?.output ?? '')).slice(-LOG_LIMIT);
  }

  async start(options: { readonly timeoutMs: number; readonly signal?: AbortSignal }): Promise<void> {
    const { timeoutMs, signal } = options;
    this.#earlierLog = this.log;
    this.#process = undefined;
    this.#process = await startProcess({
      name: this.#name,
      command: this.#program,
      args: ['--config', this.#configFile],
      ready: (process, abort) => process.line(/Server is ready/, abort),
      readyTimeoutMs: timeoutMs,
      ...(signal === undefined ? {} : { signal }),
    });
  }

  async stop(signal: NodeJS.Signals): Promise<void> {
    const process = this.#process;
    if (process === undefined || process.exit !== undefined) return;
    if (signal === 'SIGKILL') {
      await process.kill();
      return;
    }
    process.signal(signal);
    process.signal('SIGCONT'); // a frozen one would never read the signal
    try {
      await withDeadline(new RealClock(), { what: 'its end', timeoutMs: 15_000 }, () => process.exited);
    } catch {
      await process.kill(); // it had its time
    }
  }

  async freeze(): Promise<void> {
    const pid = this.#process?.pid;
    this.#process?.signal('SIGSTOP');
    if (pid !== undefined) await eventually(async () => expectState(pid, /[Tt]/));
  }

  async thaw(): Promise<void> {
    this.#process?.signal('SIGCONT');
  }

  dispose(): Promise<void> {
    return this.stop('SIGKILL');
  }
}

/** Where the kernel tells states of processes, this waits for one; a signal takes effect some time after it was sent. */
async function expectState(pid: number, wanted: RegExp): Promise<void> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  const state = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[0];
  if (state !== undefined && !wanted.test(state)) throw new Error(`process ${pid} is in state ${state}`);
}
