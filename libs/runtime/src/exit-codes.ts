/**
 * The exit codes of every Vedette process and command. Scripts may rely on them: a number is never given another
 * meaning.
 */
export const exitCodes = {
  /** Did what was asked; also a stop on the first signal in which every part ended in time. */
  ok: 0,
  /** Failed while running: the error was printed or logged with its code. */
  failure: 1,
  /** The command line was wrong; nothing was started. */
  usage: 2,
  /** The configuration was wrong (`VDT_CONFIG_*`); nothing was started. The same number as `usage` on purpose. */
  configuration: 2,
  /** A second SIGINT forced the exit before every part had stopped (128 + 2, as shells have it). */
  forcedByInterrupt: 130,
  /** A second SIGTERM forced the exit before every part had stopped (128 + 15). */
  forcedByTermination: 143,
} as const;

/** A value of {@link exitCodes}. */
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];
