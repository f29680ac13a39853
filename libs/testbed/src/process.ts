import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, type WriteStream } from 'node:fs';
import { RealClock, VedetteError, withDeadline } from '@vedette/runtime';
import './errors.ts';
import { reapLater, reapNoMore } from './reaper.ts';

/** How much of a process's output is kept in memory, in characters; older output is dropped. */
const OUTPUT_LIMIT = 256 * 1024;

export interface ProcessOptions {
  readonly command: string;
  readonly args?: readonly string[];
  /** What it is called in errors; the command unless said. */
  readonly name?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /**
   * Resolves when the process can be used; raced against its early exit and against `readyTimeoutMs`. Usually
   * `(process, signal) => process.line(/listening/, signal)` or an {@link eventually} that tries to connect.
   */
  readonly ready: (process: RunningProcess, signal: AbortSignal) => Promise<unknown>;
  /** 30,000 unless said. */
  readonly readyTimeoutMs?: number;
  /** What {@link RunningProcess.stop} sends first; SIGTERM unless said. */
  readonly stopSignal?: NodeJS.Signals;
  /** How long it may take to stop before the tree is killed; 10,000 unless said. */
  readonly stopTimeoutMs?: number;
  /** All output is written there too. */
  readonly logFile?: string;
  readonly signal?: AbortSignal;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/**
 * A server started for tests, with its own process group: {@link stop} and {@link kill} end the whole tree, and so does
 * the death of the test process. Whoever started it stops it (or `await using`).
 */
export class RunningProcess implements AsyncDisposable {
  readonly name: string;
  readonly pid: number;
  /** Resolves when the process has ended and its output is complete; never rejects. */
  readonly exited: Promise<Exit>;
  readonly #child: ChildProcess;
  readonly #options: ProcessOptions;
  readonly #watchers = new Set<() => void>();
  readonly #log: WriteStream | undefined;
  #output = '';
  #exit: Exit | undefined;
  #ended = false;

  /** Use {@link startProcess}. */
  constructor(child: ChildProcess, pid: number, options: ProcessOptions) {
    this.#child = child;
    this.#options = options;
    this.name = options.name ?? options.command;
    this.pid = pid;
    this.#log = options.logFile === undefined ? undefined : createWriteStream(options.logFile, { flags: 'a' });
    const exited = Promise.withResolvers<Exit>();
    this.exited = exited.promise;
    for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', this.#keep);
    child.on('exit', () => {
      this.#killTree(); // what it left behind; before anybody else can get its number
      this.#ended = true;
      reapNoMore(pid);
    });
    child.on('close', (code, signal) => {
      this.#exit = { code, signal };
      this.#log?.end();
      this.#notify();
      exited.resolve(this.#exit);
    });
  }

  /** How it ended; undefined while it runs. */
  get exit(): Exit | undefined {
    return this.#exit;
  }

  /** The last 256 Ki characters of standard output and standard error, in the order they came. */
  get output(): string {
    return this.#output;
  }

  /** Resolves with the first match of `pattern` in the output, past or future; rejects when the process ends before. */
  async line(pattern: RegExp, signal?: AbortSignal): Promise<RegExpMatchArray> {
    const found = Promise.withResolvers<RegExpMatchArray>();
    const look = (): void => {
      const match = this.#output.match(pattern);
      if (match !== null) found.resolve(match);
      else if (this.#exit !== undefined) found.reject(this.#failure(`ended before it wrote ${pattern}`));
    };
    const onAbort = (): void => found.reject(signal?.reason);
    this.#watchers.add(look);
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      look();
      return await found.promise;
    } finally {
      this.#watchers.delete(look);
      signal?.removeEventListener('abort', onAbort);
    }
  }

  /** Sends a signal to the process itself, not to its tree. Does nothing after its end. */
  signal(signal: NodeJS.Signals): void {
    if (!this.#ended) this.#child.kill(signal);
  }

  /** Asks the process to end, kills its tree if it has not within the time set, and waits for its end. Idempotent. */
  async stop(): Promise<Exit> {
    const { stopSignal = 'SIGTERM', stopTimeoutMs = 10_000 } = this.#options;
    this.signal(stopSignal);
    const timer = new RealClock().setTimer(() => this.#killTree(), stopTimeoutMs);
    const exit = await this.exited;
    timer.cancel();
    return exit;
  }

  /** Kills the process and everything in its group, and waits for its end. Idempotent. */
  async kill(): Promise<Exit> {
    this.#killTree();
    return this.exited;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop().then(() => undefined);
  }

  /** Runs the readiness probe of the options; whatever goes wrong ends the tree and carries the end of the output. */
  async becomeReady(): Promise<this> {
    const { ready, readyTimeoutMs = 30_000, signal } = this.#options;
    const deadline = { what: `start of ${this.name}`, timeoutMs: readyTimeoutMs };
    const early = this.exited.then(({ code, signal: by }) => {
      throw this.#failure(`ended early with ${code ?? by}`);
    });
    try {
      await withDeadline(new RealClock(), signal === undefined ? deadline : { ...deadline, signal }, (abort) =>
        Promise.race([ready(this, abort), early]),
      );
      return this;
    } catch (error) {
      await this.kill();
      signal?.throwIfAborted();
      throw VedetteError.is(error, 'VDT_TESTBED_START') ? error : this.#failure((error as Error).message, error);
    } finally {
      early.catch(() => undefined); // an end after readiness is told by `exited`
    }
  }

  readonly #keep = (text: string): void => {
    this.#output = (this.#output + text).slice(-OUTPUT_LIMIT);
    this.#log?.write(text);
    this.#notify();
  };

  #notify(): void {
    for (const watcher of this.#watchers) watcher();
  }

  #killTree(): void {
    if (this.#ended) return;
    try {
      process.kill(-this.pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error; // ESRCH: nobody of the group is left
    }
  }

  #failure(what: string, cause?: unknown): VedetteError {
    const message = `${this.name} ${what}; the end of its output:\n${this.#output.slice(-4096)}`;
    return new VedetteError('VDT_TESTBED_START', { message, ...(cause === undefined ? {} : { cause }) });
  }
}

/**
 * Starts a server and returns when it is ready.
 *
 * @throws VedetteError VDT_TESTBED_START when it cannot start, ends early or is not ready in time; nothing of it is left
 */
export async function startProcess(options: ProcessOptions): Promise<RunningProcess> {
  options.signal?.throwIfAborted();
  const child = spawn(options.command, options.args ?? [], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: options.env ?? process.env,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  const failed = Promise.withResolvers<never>();
  child.on('error', (error) => {
    const message = `${options.name ?? options.command} could not be started: ${error.message}`;
    failed.reject(new VedetteError('VDT_TESTBED_START', { message, cause: error }));
  });
  if (child.pid === undefined) return failed.promise;
  failed.promise.catch(() => undefined); // later errors of a started child (a signal not sent) show as it living on
  reapLater(child.pid);
  return new RunningProcess(child, child.pid, options).becomeReady();
}
