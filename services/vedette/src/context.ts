import { constants } from 'node:os';
import type { Clock } from '@vedette/runtime';
import { type OutputStream, type Paint, paintFor } from './output/style.ts';
import type { Looks } from './output/tables.ts';
import { endingSignals } from './signals.ts';

/** What a command may touch of the process around it; a test hands in its own. */
export interface CommandContext {
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly clock: Clock;
  /** When the process was started, on the clock. */
  readonly startedMs: number;
  /** Signals and the forced exit; usually `process`. */
  readonly hooks: {
    on(signal: NodeJS.Signals, listener: () => void): unknown;
    off(signal: NodeJS.Signals, listener: () => void): unknown;
    exit(code: number): unknown;
  };
}

/** How the output of a command looks: fitted and coloured for a terminal, whole and plain for anything else. */
export function looksOf({ stdout, env }: CommandContext): Looks {
  const width = stdout.isTTY === true ? (stdout.columns ?? 80) : undefined;
  return { width, paint: paintFor(stdout, env) };
}

/**
 * Writes output; resolves when its reader has room for more, so that nothing piles up for a slow one (I6).
 *
 * @throws the signal's reason
 */
export async function print({ stdout }: CommandContext, text: string, signal: AbortSignal): Promise<void> {
  if (stdout.write(text) !== false) return;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  stdout.once?.('drain', resolve);
  await promise.finally(() => signal.removeEventListener('abort', onAbort));
}

/** Says something beside the output: one line on the error stream, so that it never gets into a program's input. */
export function note({ stderr, env }: CommandContext, text: string): void {
  const paint: Paint = paintFor(stderr, env);
  stderr.write(`${paint('dim', text)}\n`);
}

/**
 * Runs `work` with a signal that aborts on the first Ctrl-C or SIGTERM; a second one ends the process as shells do.
 */
export async function untilSignal<T>({ hooks }: CommandContext, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const removals = endingSignals.map((signal) => {
    const listener = (): void => {
      if (controller.signal.aborted) hooks.exit(128 + constants.signals[signal]);
      controller.abort();
    };
    hooks.on(signal, listener);
    return () => hooks.off(signal, listener);
  });
  try {
    return await work(controller.signal);
  } finally {
    for (const remove of removals) remove();
  }
}
