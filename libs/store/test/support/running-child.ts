import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** A process of child.ts: open once made, writing until it is killed. */
export class RunningChild implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly #exited: Promise<void>;
  readonly #lines: string[] = [];

  private constructor(process: ChildProcess) {
    this.#process = process;
    this.#exited = new Promise((resolve) => process.once('close', () => resolve()));
  }

  static async start(path: string, vms: number): Promise<RunningChild> {
    const script = fileURLToPath(new URL('./child.ts', import.meta.url));
    const child = new RunningChild(
      spawn(process.execPath, [script, path, String(vms)], { stdio: ['ignore', 'pipe', 'inherit'] }),
    );
    await child.#opened();
    return child;
  }

  get pid(): number {
    return this.#process.pid as number;
  }

  /** Batches acknowledged so far. */
  get acknowledged(): number {
    return Number(this.#lines.at(-1) ?? 0);
  }

  /** Ends it at once, as a power button would. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  #opened(): Promise<void> {
    return new Promise((resolve, reject) => {
      void this.#exited.then(() => reject(new Error('the child ended before it had opened the store')));
      const lines = createInterface({ input: this.#process.stdout as NonNullable<ChildProcess['stdout']> });
      lines.on('line', (line) => {
        if (line.startsWith('open')) resolve();
        else this.#lines.push(line);
      });
    });
  }
}
