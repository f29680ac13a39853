import { describeSettings, type FlagValue, type Setting } from '@vedette/runtime/config';
import { type Command, Option } from 'commander';
import type Type from 'typebox';
import { configSchema } from '../config/schema.ts';

/** Flags people type often, by the name of their setting. */
const shortNames: Readonly<Record<string, string>> = {
  'store-path': 'store',
  'api-socket': 'socket',
  'bus-url': 'bus',
  'source-url': 'source',
};

/** What stands in the brackets of a flag, which also says to the completion what a value is. */
const valueNames: Readonly<Record<string, string>> = { 'store-path': 'file', 'api-socket': 'file' };

/** Adds a flag for every setting of a configuration that one can set, under a heading of their own in the help. */
export function withSettings(command: Command, schema: Type.TObject = configSchema): Command {
  for (const setting of flagsOf(schema)) command.addOption(settingOption(setting));
  return command;
}

/** The settings among the options of a command, for the loader of the configuration. */
export function settingFlags(
  options: Readonly<Record<string, unknown>>,
  schema: Type.TObject = configSchema,
): Record<string, FlagValue | undefined> {
  const flags = flagsOf(schema).map(({ flag }) => [flag, options[attributeOf(flag)]] as const);
  return Object.fromEntries(flags) as Record<string, FlagValue | undefined>;
}

function flagsOf(schema: Type.TObject): readonly Setting[] {
  return describeSettings(schema).filter(({ secret }) => !secret);
}

function settingOption({ flag, description = '', default: standard, boolean, allowed }: Setting): Option {
  const short = shortNames[flag];
  const names = short === undefined ? `--${flag}` : `--${short}, --${flag}`;
  const option = new Option(boolean ? names : `${names} <${valueNames[flag] ?? 'value'}>`);
  option.description = standard === undefined ? description : `${description} (default: ${plainText(standard)})`;
  const choices = /^one of (.+)$/.exec(allowed)?.[1];
  if (choices !== undefined) option.argChoices = choices.split(', ');
  return option.helpGroup('Settings (in a file: see `vedette config schema`):');
}

function plainText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** The property under which commander keeps an option. */
function attributeOf(flag: string): string {
  return flag.replace(/-([a-z0-9])/g, (_dash, letter: string) => letter.toUpperCase());
}
