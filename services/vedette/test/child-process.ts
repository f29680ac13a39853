import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { type Random, RealClock } from '@vedette/runtime';
import { eventually, tempDir } from '@vedette/testbed';
import { expect } from 'vitest';
import { run } from '../src/program.ts';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** The real program under plain node, as a person starts it, with a home of its own. */
export class Program implements AsyncDisposable {
  readonly #child: ReturnType<typeof spawn>;
  readonly ended: Promise<Ended>;
  out = '';
  err = '';

  constructor(args: readonly string[], home: string, command: readonly string[] = [process.execPath, main]) {
    const [file = '', ...first] = command;
    const env = { PATH: process.env.PATH, HOME: home, TZ: 'UTC' };
    this.#child = spawn(file, [...first, ...args], { cwd: home, env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.out += text));
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.err += text));
    this.ended = once(this.#child, 'close').then(([code]) => ({ code, out: this.out, err: this.err }));
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Closes our end of its output, as `| head` does. */
  stopReading(): void {
    this.#child.stdout?.destroy();
  }

  async saidReady(): Promise<void> {
    await eventually(() => expect(this.out).toMatch(/^next .*\n/m), { timeoutMs: 15_000 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.ended;
  }
}

export async function runIn(home: string, ...args: string[]): Promise<Ended> {
  await using program = new Program(args, home);
  return await program.ended;
}

/** A question, within this process: it need not be started for that. */
export async function ask(home: string, ...args: string[]): Promise<Ended> {
  const clock = new RealClock();
  let out = '';
  let err = '';
  const code = await run(args, {
    stdout: { write: (text) => (out += text) },
    stderr: { write: (text) => (err += text) },
    env: { HOME: home },
    cwd: home,
    clock,
    startedMs: clock.now(),
    hooks: { on: () => undefined, off: () => undefined, exit: () => undefined },
  });
  return { code, out, err };
}

/** The documents of `--json`. */
export const records = (text: string): { id: string }[] =>
  text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));

export function integrityOf(store: string): unknown {
  const database = new DatabaseSync(store, { readOnly: true });
  try {
    return database.prepare('PRAGMA integrity_check').all();
  } finally {
    database.close();
  }
}

/**
 * Starts demos and interrupts each after some time of its own: it must end with 0 and leave a store that is sound and
 * can be read, or none at all.
 */
export async function interruptDemos(rounds: number, random: Random): Promise<void> {
  await using home = await tempDir('home');
  const store = join(home.path, '.local/state/vedette/demo/store.sqlite');
  for (let round = 0; round < rounds; round++) {
    const afterMs = 150 + Math.round(random() * 1_800);
    await using demo = new Program(['demo', '--fleet', '10x20', '--seed', String(round)], home.path);
    await new Promise((resolve) => setTimeout(resolve, afterMs));
    demo.signal('SIGINT');
    const { code, err } = await demo.ended;
    expect({ round, afterMs, code, err }).toEqual({ round, afterMs, code: 0, err: '' });
    const vms = await ask(home.path, 'vms', '--json');
    expect([0, 4]).toContain(vms.code); // 4: interrupted before there was a store
    if (vms.code === 0) expect(integrityOf(store)).toEqual([{ integrity_check: 'ok' }]);
  }
}
