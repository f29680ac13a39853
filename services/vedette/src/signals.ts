import { constants } from 'node:os';

/** What of the process is needed; `process` itself, or a test's stand-in. */
export interface SignalSource {
  on(signal: NodeJS.Signals, listener: () => void): unknown;
  exit(code: number): unknown;
}

/** What ends a command: Ctrl-C, a service manager, a terminal that is closed. */
export const endingSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** What commands listen to, and how a reason of our own is made to look like a signal. */
export interface HeldSignals {
  on(signal: NodeJS.Signals, listener: () => void): void;
  off(signal: NodeJS.Signals, listener: () => void): void;
  exit(code: number): unknown;
  /** As if the signal had come. */
  raise(signal: NodeJS.Signals): void;
}

/**
 * The signals that end a command, from the first moment of the process on: one that comes before anybody listens is
 * kept and handed over to who listens first, a second one in that time ends the process. So a Ctrl-C while a command
 * is still being loaded stops it in order as well.
 */
export function holdSignals(source: SignalSource): HeldSignals {
  const listeners = new Map<NodeJS.Signals, Set<() => void>>(endingSignals.map((signal) => [signal, new Set()]));
  let held: NodeJS.Signals | undefined;
  for (const [signal, listening] of listeners) {
    source.on(signal, () => raise(signal, listening));
  }
  function raise(signal: NodeJS.Signals, listening: ReadonlySet<() => void>): void {
    for (const listener of listening) listener();
    if (listening.size > 0) return;
    if (held !== undefined) source.exit(128 + constants.signals[signal]);
    held = signal;
  }
  return {
    on: (signal, listener) => {
      listeners.get(signal)?.add(listener);
      if (held !== signal) return;
      held = undefined;
      queueMicrotask(listener);
    },
    off: (signal, listener) => listeners.get(signal)?.delete(listener),
    exit: (code) => source.exit(code),
    raise: (signal) => raise(signal, listeners.get(signal) ?? new Set()),
  };
}
