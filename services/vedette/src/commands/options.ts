import { isIdentifier, type VMState, vmStates } from '@vedette/model';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Whom } from '../client/locate.ts';

/**
 * What several commands share. The name in angle brackets says what a value is, also to the completion: `<host>`,
 * `<vm>`, `<file>`.
 */

export interface CommonOptions extends Whom {
  readonly json?: true;
}

/** Whom to ask, and in which form to answer. */
export function withCommonOptions(command: Command): Command {
  return command
    .option('--json', 'JSON for programs: one document a line')
    .option('--config <file>', 'ask the process of this configuration (or VEDETTE_CONFIG)')
    .option('--store <file>', 'ask the process that has this store, or read it when none runs');
}

export function limitOption(standard: number): Option {
  return new Option('--limit <count>', `at most this many records (without --json: ${standard})`).argParser(readCount);
}

export function stateOption(): Option {
  const option = new Option('--state <states>', 'in any of these states, separated by commas');
  option.argParser((text: string, before?: readonly VMState[]) => [...(before ?? []), ...readStates(text)]);
  option.argChoices = [...vmStates];
  return option;
}

/** Checks what becomes part of a query. */
export function readIdentifier(text: string): string {
  if (isIdentifier(text)) return text;
  throw new InvalidArgumentError('It has to be 1 to 80 bytes without control characters.');
}

export function readCount(text: string): number {
  const count = Number(text);
  if (/^[0-9]{1,9}$/.test(text) && count > 0) return count;
  throw new InvalidArgumentError('It has to be a whole number above 0.');
}

function readStates(text: string): VMState[] {
  return text.split(',').map((one) => {
    const state = vmStates.find((known) => known === one);
    if (state === undefined) throw new InvalidArgumentError(`States are ${vmStates.join(', ')}.`);
    return state;
  });
}

/** Examples below the options of a command's help: what to type, and what it does. */
export function examples(command: Command, lines: ReadonlyArray<readonly [string, string]>): Command {
  const width = Math.max(...lines.map(([line]) => line.length));
  const text = lines.map(([line, does]) => `  ${line.padEnd(width)}  ${does}`).join('\n');
  return command.addHelpText('after', `\nExamples:\n${text}`);
}
