import type { Clock } from '@vedette/runtime';
import { type DestinationStream, destination as fileDestination, type Logger as PinoLogger, pino } from 'pino';
import { errorFields } from './error-fields.ts';
import { prettyLine } from './pretty.ts';
import { redactLine } from './redact.ts';

/**
 * The logger that is handed down: pino's own, called as `logger.warn({ err, host }, 'what happened')`. Errors go under
 * `err`. {@link Logger.child} with `component`, and `host` where there is one, makes the logger of a part.
 */
export type Logger = PinoLogger;

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

/** From the most to the least talkative; `silent` logs nothing. */
export type LogLevel = (typeof logLevels)[number];

export interface LoggerOptions {
  /** Gives the lines their time. */
  readonly clock: Clock;
  /** Default `info`. */
  readonly level?: LogLevel;
  /** `pretty` is for people: it takes effect only on a terminal, programs always get JSON. Default `json`. */
  readonly format?: 'json' | 'pretty';
  /** Fields of every line, for instance the service and its instance. */
  readonly base?: Readonly<Record<string, string>>;
  /** Where lines go; default standard error, see {@link stderrDestination}. */
  readonly destination?: DestinationStream;
  /** Whether the destination is a terminal; default: whether standard error is one. */
  readonly terminal?: boolean;
  /** Whether a terminal gets colours; default no. */
  readonly colour?: boolean;
}

/**
 * Makes the root logger of a process. One line per entry: `time` (ISO 8601, from the clock's wall time), `level` (its
 * name), the base and child fields, `msg`. Every line is freed of secrets before it leaves.
 */
export function createLogger(options: LoggerOptions): Logger {
  const { clock, level = 'info', format = 'json', base = {}, colour = false } = options;
  const { destination = stderrDestination(), terminal = process.stderr.isTTY === true } = options;
  const render = format === 'pretty' && terminal ? (line: string) => prettyLine(line, { colour }) : undefined;
  return pino(
    {
      level,
      base: { ...base },
      timestamp: () => `,"time":"${new Date(clock.wallNow()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }), log: withErrorFields },
      serializers: { err: (value: unknown) => value },
      hooks: {
        streamWrite: (line) => {
          const safe = redactLine(line);
          return render === undefined ? safe : render(safe);
        },
      },
    },
    destination,
  );
}

/** A logger that logs nothing, for tests and for callers who give none. */
export function silentLogger(): Logger {
  return pino({ level: 'silent' }, { write: () => undefined });
}

export interface StderrOptions {
  /** Told of every line that was given up; it must not log. */
  readonly onDrop?: () => void;
}

/** Bytes that wait for a slow reader of standard error at most. */
const MAX_WAITING_BYTES = 4 * 2 ** 20;

/**
 * Standard error without ever holding up the process: lines wait in memory for a slow reader, at most 4 MiB; beyond
 * that new lines are dropped and counted (I6). What waits is written when the process exits, which then does wait for
 * its reader.
 */
export function stderrDestination(options: StderrOptions = {}): DestinationStream {
  const stream = fileDestination({ fd: 2, sync: false, maxLength: MAX_WAITING_BYTES });
  if (options.onDrop !== undefined) stream.on('drop', options.onDrop);
  return stream;
}

/** Errors among the fields become plain fields; everything else stays as it is. */
function withErrorFields(fields: Record<string, unknown>): Record<string, unknown> {
  let copy: Record<string, unknown> | undefined;
  for (const [name, value] of Object.entries(fields)) {
    const plain = plainErrors(value);
    if (plain === value) continue;
    copy ??= { ...fields };
    copy[name] = plain;
  }
  return copy ?? fields;
}

function plainErrors(value: unknown): unknown {
  if (value instanceof Error) return errorFields(value);
  const listed = Array.isArray(value) && value.some((one) => one instanceof Error);
  return listed ? (value as unknown[]).map((one) => (one instanceof Error ? errorFields(one) : one)) : value;
}
