import type { Argument, Command, Option } from 'commander';

/** What may stand where the cursor is. */
export type Completable =
  /** One of these words. */
  | { readonly kind: 'words'; readonly words: ReadonlyArray<readonly [word: string, description: string]> }
  /** A value that only the fleet, or the file system, knows. */
  | { readonly kind: 'host' | 'vm' | 'realm' | 'file' }
  | { readonly kind: 'nothing' };

/**
 * What may stand for the last of `words`, by the definitions of the commands alone. The words follow the program's
 * name; the last one is what has been typed of the word under the cursor, maybe nothing.
 */
export function completableAt(program: Command, words: readonly string[]): Completable {
  const current = words.at(-1) ?? '';
  const position = { command: program, argument: 0, option: undefined as Option | undefined };
  for (const word of words.slice(0, -1)) step(position, word);
  if (position.option !== undefined) return valuesFor(position.option, current);
  if (current.startsWith('-')) return matching(optionWords(program, position.command), current);
  const subcommands = position.command.commands.filter(isShown);
  if (subcommands.length > 0 && position.argument === 0) {
    return matching(
      subcommands.map((one) => [one.name(), one.summary()] as const),
      current,
    );
  }
  const { registeredArguments } = position.command;
  const last = registeredArguments.at(-1);
  const argument = registeredArguments[position.argument] ?? (last?.variadic === true ? last : undefined);
  return argument === undefined ? { kind: 'nothing' } : valuesFor(argument, current);
}

interface Position {
  command: Command;
  /** Arguments that stand before the cursor. */
  argument: number;
  /** The option whose value comes next. */
  option: Option | undefined;
}

function step(position: Position, word: string): void {
  if (position.option !== undefined) {
    position.option = undefined;
    return;
  }
  if (word.startsWith('-')) {
    const option = position.command.options.find(({ long, short }) => long === word || short === word);
    position.option = option !== undefined && (option.required || option.optional) ? option : undefined;
    return;
  }
  const subcommand = position.command.commands.find((one) => one.name() === word);
  if (subcommand === undefined || position.argument > 0) position.argument++;
  else position.command = subcommand;
}

function valuesFor(value: Option | Argument, current: string): Completable {
  const { argChoices } = value;
  if (argChoices !== undefined)
    return matching(
      argChoices.map((choice) => [choice, ''] as const),
      current,
    );
  const name = 'flags' in value ? /[<[]([a-z]+)/.exec(value.flags)?.[1] : value.name();
  if (name === 'host' || name === 'vm' || name === 'realm' || name === 'file') return { kind: name };
  return { kind: 'nothing' };
}

function matching(words: ReadonlyArray<readonly [string, string]>, current: string): Completable {
  return { kind: 'words', words: words.filter(([word]) => word.startsWith(current)) };
}

function optionWords(program: Command, command: Command): ReadonlyArray<readonly [string, string]> {
  const options = command === program ? program.options : [...command.options, ...program.options];
  const shown = options.filter(({ hidden }) => !hidden);
  return [...shown.map(({ long, description }) => [long ?? '', description] as const), ['--help', 'display help']];
}

/** Commands for the shell alone begin with two underscores. */
function isShown(command: Command): boolean {
  return !command.name().startsWith('__');
}
