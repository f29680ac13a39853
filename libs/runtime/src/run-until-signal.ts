import { constants } from 'node:os';
import type { RunGroup, RunOutcome } from './run-group.ts';

/** What of the process is needed to run until a signal; `process` itself, or a stand-in in a test. */
export interface ProcessHooks {
  on(signal: NodeJS.Signals, listener: () => void): unknown;
  off(signal: NodeJS.Signals, listener: () => void): unknown;
  exit(code: number): unknown;
}

export interface RunUntilSignalOptions {
  /** Default SIGINT and SIGTERM. */
  readonly signals?: readonly NodeJS.Signals[];
  /** Default the process itself. */
  readonly hooks?: ProcessHooks;
  /** Told of every signal that arrives: `stop` for the first, `exit` for one that forces the exit. */
  readonly onSignal?: (signal: NodeJS.Signals, effect: 'stop' | 'exit') => void;
}

/**
 * Starts the group, unless somebody has, and waits until it has ended. The first signal stops it in order, also while it is still
 * starting; a second one exits the process at once with 128 + the signal's number.
 *
 * Never rejects: errors of the start and of the parts are in the outcome. The caller turns it into an exit code.
 */
export async function runUntilSignal(group: RunGroup, options: RunUntilSignalOptions = {}): Promise<RunOutcome> {
  const { signals = ['SIGINT', 'SIGTERM'], hooks = process, onSignal = () => undefined } = options;
  let stopping = false;
  const receive = (signal: NodeJS.Signals): void => {
    onSignal(signal, stopping ? 'exit' : 'stop');
    if (stopping) hooks.exit(128 + constants.signals[signal]);
    stopping = true;
    void group.stop();
  };
  const listeners = signals.map((signal) => ({ signal, listener: () => receive(signal) }));
  for (const { signal, listener } of listeners) hooks.on(signal, listener);
  try {
    if (group.state === 'idle') await group.start().catch(() => undefined); // the outcome carries the error
    return await group.done;
  } finally {
    for (const { signal, listener } of listeners) hooks.off(signal, listener);
  }
}
