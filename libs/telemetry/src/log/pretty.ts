import type { ErrorFields } from './error-fields.ts';

export interface PrettyOptions {
  /** Colours the level. */
  readonly colour: boolean;
}

const colours: Readonly<Record<string, string>> = {
  trace: '\u001b[90m',
  debug: '\u001b[36m',
  info: '\u001b[32m',
  warn: '\u001b[33m',
  error: '\u001b[31m',
  fatal: '\u001b[35m',
};

/** What a terminal would act upon: control characters of both ranges, line separators, changes of direction. */
const unprintable = /[\p{Cc}\u2028-\u202e\u2066-\u2069]/gu;

/**
 * A log line (JSON) as one line for people: time of day (UTC), level, component and host, message, then the other
 * fields as `name=value`. Names and texts from outside cannot add lines or move the cursor.
 */
export function prettyLine(line: string, options: PrettyOptions): string {
  const { time, level, component, host, msg, err, ...rest } = JSON.parse(line) as Record<string, unknown>;
  const parts = [clockTime(time), levelText(String(level), options.colour)];
  if (component !== undefined) parts.push(`${printable(plainText(component))}:`);
  if (host !== undefined) parts.push(`[${printable(plainText(host))}]`);
  if (msg !== undefined) parts.push(printable(plainText(msg)));
  if (err !== undefined) parts.push(...errorParts(err, msg));
  for (const [name, value] of Object.entries(rest)) parts.push(`${printable(name)}=${fieldText(value)}`);
  return `${parts.join(' ')}\n`;
}

/** `2026-01-01T12:00:00.123Z` -> `12:00:00.123`. */
function clockTime(time: unknown): string {
  return String(time).slice(11, 23);
}

function levelText(level: string, colour: boolean): string {
  const text = level.toUpperCase().padEnd(5);
  return colour ? `${colours[level] ?? ''}${text}\u001b[0m` : text;
}

/** Code, message, what to do, and the causes; where a fault of our own stands when it has no code. */
function errorParts(err: unknown, msg: unknown): string[] {
  if (typeof err !== 'object' || err === null) return [`err=${fieldText(err)}`];
  const { message, code, path, action, cause, stack } = err as ErrorFields;
  const parts: string[] = [];
  if (message !== msg) parts.push(`err=${fieldText(message)}`);
  if (code === undefined) parts.push(`at=${fieldText(firstFrame(stack))}`);
  else parts.push(`code=${fieldText(code)}`);
  if (path !== undefined) parts.push(`path=${fieldText(path)}`);
  for (let one = cause; one !== undefined; one = typeof one === 'string' ? undefined : one.cause) {
    parts.push(`cause=${fieldText(typeof one === 'string' ? one : one.message)}`);
  }
  if (action !== undefined) parts.push(`action=${fieldText(action)}`);
  return parts;
}

function firstFrame(stack: string | undefined): string {
  const frame = stack?.split('\n').find((text) => text.startsWith('    at '));
  return frame?.slice('    at '.length) ?? 'unknown';
}

function fieldText(value: unknown): string {
  if (typeof value === 'string' && /^[\w.:/@+,~%-]+$/.test(value)) return value;
  return printable(JSON.stringify(value) ?? '');
}

function plainText(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}

function printable(text: string): string {
  return text.replaceAll(unprintable, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
