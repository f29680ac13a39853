import '../error-codes.ts';
import { VedetteError } from '../errors.ts';
import { defined } from './defined.ts';
import { type Origin, originText } from './origin.ts';

/** The codes a fault can have; each is described in docs/errors.md. */
export type ConfigFaultCode =
  | 'VDT_CONFIG_UNREADABLE'
  | 'VDT_CONFIG_TOO_LARGE'
  | 'VDT_CONFIG_SYNTAX'
  | 'VDT_CONFIG_DUPLICATE_KEY'
  | 'VDT_CONFIG_FORBIDDEN_KEY'
  | 'VDT_CONFIG_UNKNOWN_KEY'
  | 'VDT_CONFIG_MISSING_KEY'
  | 'VDT_CONFIG_BAD_VALUE'
  | 'VDT_CONFIG_MISSING_VARIABLE'
  | 'VDT_CONFIG_UNKNOWN_VARIABLE'
  | 'VDT_CONFIG_UNKNOWN_FLAG';

/** One thing that is wrong with a configuration. */
export interface ConfigFault {
  readonly code: ConfigFaultCode;
  /** The key it is about, for instance `monitor.pollInterval` or `hosts[2].url`; empty for the whole document. */
  readonly key: string;
  /** Where to look: `vedette.yaml:3:5`, `VEDETTE_LOG_LEVEL`, `--log-level`. */
  readonly where: string;
  /** Line and column in the file, from 1; undefined when the fault is not in the file. */
  readonly line: number | undefined;
  readonly column: number | undefined;
  /** What is wrong and what is allowed, in one sentence, without the key and the place. */
  readonly message: string;
}

/** A message lists at most this many faults; {@link ConfigError.faults} has all of them. */
const FAULTS_IN_MESSAGE = 25;

/** Everything that is wrong with a configuration, at once; code VDT_CONFIG_INVALID. */
export class ConfigError extends VedetteError {
  /** At least one; those in the file first, in its order. */
  readonly faults: readonly ConfigFault[];

  constructor(faults: readonly ConfigFault[]) {
    const sorted = faults.toSorted(inFileOrder);
    super('VDT_CONFIG_INVALID', { message: messageOf(sorted), ...defined({ path: sorted[0]?.where }) });
    this.name = 'ConfigError';
    this.faults = sorted;
  }
}

/** Makes one fault from its parts. */
export function faultAt(code: ConfigFaultCode, key: string, origin: Origin, message: string): ConfigFault {
  const { line, column } = origin.source === 'file' ? origin : { line: undefined, column: undefined };
  return { code, key, where: originText(origin), line, column, message };
}

function inFileOrder(a: ConfigFault, b: ConfigFault): number {
  const byLine = (a.line ?? Number.POSITIVE_INFINITY) - (b.line ?? Number.POSITIVE_INFINITY);
  return byLine || (a.column ?? 0) - (b.column ?? 0) || 0;
}

function messageOf(faults: readonly ConfigFault[]): string {
  const lines = faults.slice(0, FAULTS_IN_MESSAGE).map(({ where, key, message }) => {
    return `  ${where}: ${key === '' ? '' : `${key}: `}${message}`;
  });
  if (faults.length > FAULTS_IN_MESSAGE) lines.push(`  and ${faults.length - FAULTS_IN_MESSAGE} more`);
  const count = faults.length === 1 ? '1 fault' : `${faults.length} faults`;
  return `${count} in the configuration:\n${lines.join('\n')}`;
}
