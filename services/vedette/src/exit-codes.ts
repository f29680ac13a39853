import { exitCodes, VedetteError } from '@vedette/runtime';

/** The exit codes of the command line: those of every process, and what only a question can end with. */
export const commandExitCodes = {
  ...exitCodes,
  /** What was asked for does not exist. */
  notFound: 3,
  /** No process runs that could answer, and no store could be read instead. */
  nothingRunning: 4,
} as const;

/** What the help of every command says about them. */
export const exitCodeTable: ReadonlyArray<readonly [number, string]> = [
  [commandExitCodes.ok, 'done; also a stop by Ctrl-C or SIGTERM in which everything ended in order'],
  [commandExitCodes.failure, 'failed while running'],
  [commandExitCodes.usage, 'the command line or the configuration is wrong; nothing was started or changed'],
  [commandExitCodes.notFound, 'there is no such VM or host'],
  [commandExitCodes.nothingRunning, 'no process is running that could answer'],
  [commandExitCodes.forcedByInterrupt, 'a second Ctrl-C forced the end (143: a second SIGTERM)'],
];

const byCode: Readonly<Record<string, number>> = {
  VDT_COMMAND_USAGE: commandExitCodes.usage,
  VDT_COMMAND_AMBIGUOUS: commandExitCodes.usage,
  VDT_COMMAND_NO_HOSTS: commandExitCodes.usage,
  VDT_COMMAND_REAL_STORE: commandExitCodes.usage,
  VDT_COMMAND_SEVERAL_RUN: commandExitCodes.usage,
  VDT_COMMAND_NOT_FOUND: commandExitCodes.notFound,
  VDT_COMMAND_NOTHING_RUNS: commandExitCodes.nothingRunning,
  VDT_API_BAD_REQUEST: commandExitCodes.usage,
  VDT_API_NOT_FOUND: commandExitCodes.notFound,
  VDT_API_HOST_INVALID: commandExitCodes.usage,
  VDT_API_HOST_EXISTS: commandExitCodes.usage,
  VDT_API_HOSTS_FIXED: commandExitCodes.usage,
  VDT_API_METRICS_ADDRESS: commandExitCodes.configuration,
  VDT_CONFIG_INVALID: commandExitCodes.configuration,
};

/** The exit code that an error ends a command with. */
export function exitCodeOf(error: unknown): number {
  if (!VedetteError.is(error)) return commandExitCodes.failure;
  return byCode[error.code] ?? commandExitCodes.failure;
}
