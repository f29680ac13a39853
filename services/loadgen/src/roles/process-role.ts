import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { type Clock, VedetteError, withDeadline } from '@vedette/runtime';
import '../errors.ts';
import type { WireAddress } from '../wires/wires.ts';
import type { RoleHandle } from './role.ts';

/** What the run sends to the process of a role, and what comes back. */
export type ToRole =
  | { readonly kind: 'start'; readonly role: string; readonly settings: unknown; readonly wires: WireAddress }
  | { readonly kind: 'ask'; readonly id: number; readonly call: string; readonly args: unknown }
  | { readonly kind: 'stop' };
export type FromRole =
  | { readonly kind: 'ready' }
  | { readonly kind: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'failed'; readonly id: number | undefined; readonly message: string }
  | { readonly kind: 'tell'; readonly line: string };

export interface ProcessRoleOptions {
  readonly name: string;
  /** A key of `roleStarts`. */
  readonly role: string;
  readonly settings: unknown;
  readonly wires: WireAddress;
  readonly clock: Clock;
  readonly tell: (line: string) => void;
  readonly startTimeoutMs?: number;
  /** Options of Node for the process, as `--cpu-prof`. */
  readonly nodeOptions?: readonly string[];
}

/** Shared with the command line of Vedette: a role is up in half the time. */
const compileCache = join(import.meta.dirname, '../../../../.cache/compile');

const STOP_TIMEOUT_MS = 20_000;

/** Starts a role in a process of its own. It ends with this one: its channel closes. */
export async function startProcessRole(options: ProcessRoleOptions): Promise<RoleHandle> {
  const child = fork(join(import.meta.dirname, 'role-main.ts'), [options.name], {
    execArgv: ['--expose-gc', '--disable-warning=ExperimentalWarning', ...(options.nodeOptions ?? [])],
    serialization: 'advanced',
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: { NODE_COMPILE_CACHE: compileCache, ...process.env },
  });
  const role = new ProcessRole(child, options);
  await role.start();
  return role;
}

class ProcessRole implements RoleHandle {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #options: ProcessRoleOptions;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  readonly #ready = Promise.withResolvers<void>();
  readonly #exited = Promise.withResolvers<void>();
  #ids = 0;
  #ended = false;
  #stopping = false;

  constructor(child: ChildProcess, options: ProcessRoleOptions) {
    this.name = options.name;
    this.#child = child;
    this.#options = options;
    child.on('message', (message) => this.#heard(message as FromRole));
    child.on('error', (error) => this.#failed(error));
    child.on('exit', (code, signal) => {
      this.#ended = true;
      this.#failed(this.#endedError(code ?? signal));
      this.#exited.resolve();
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async start(): Promise<void> {
    const { role, settings, wires, clock, startTimeoutMs = 60_000 } = this.#options;
    this.#send({ kind: 'start', role, settings, wires });
    try {
      await withDeadline(
        clock,
        { what: `the start of ${this.name}`, timeoutMs: startTimeoutMs },
        () => this.#ready.promise,
      );
    } catch (error) {
      this.#child.kill('SIGKILL');
      await this.#exited.promise;
      throw error;
    }
  }

  ask<T>(call: string, args?: unknown, options: { readonly timeoutMs?: number } = {}): Promise<T> {
    if (this.#ended) return Promise.reject(this.#endedError('an earlier exit'));
    const id = ++this.#ids;
    const waiting = Promise.withResolvers<unknown>();
    this.#waiting.set(id, waiting);
    this.#send({ kind: 'ask', id, call, args });
    const what = `${call} of ${this.name}`;
    const { timeoutMs = 60_000 } = options;
    return withDeadline(this.#options.clock, { what, timeoutMs }, () => waiting.promise as Promise<T>).finally(() =>
      this.#waiting.delete(id),
    );
  }

  async stop(): Promise<void> {
    if (this.#ended) return;
    if (!this.#stopping) this.#send({ kind: 'stop' });
    this.#stopping = true;
    const { clock } = this.#options;
    const timer = clock.setTimer(() => this.#child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await this.#exited.promise;
    timer.cancel();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #send(message: ToRole): void {
    // An error of the channel means that the process has ended, which its exit tells.
    if (this.#child.connected) this.#child.send(message, () => undefined);
  }

  #heard(message: FromRole): void {
    switch (message.kind) {
      case 'ready':
        this.#ready.resolve();
        break;
      case 'answer':
        this.#waiting.get(message.id)?.resolve(message.value);
        break;
      case 'failed':
        this.#roleFailed(message.id, message.message);
        break;
      case 'tell':
        this.#options.tell(message.line);
    }
  }

  #roleFailed(id: number | undefined, message: string): void {
    const error = new VedetteError('VDT_LOADGEN_ROLE', { message: `${this.name}: ${message}` });
    if (id === undefined) this.#failed(error);
    else this.#waiting.get(id)?.reject(error);
  }

  #failed(error: Error): void {
    this.#ready.reject(error);
    this.#ready.promise.catch(() => undefined); // it may have been ready long ago
    for (const waiting of this.#waiting.values()) waiting.reject(error);
  }

  #endedError(by: unknown): VedetteError {
    return new VedetteError('VDT_LOADGEN_PROCESS', {
      message: `${this.name} ended by ${String(by)} before the run did`,
    });
  }
}
