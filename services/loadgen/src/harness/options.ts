import { parseArgs } from 'node:util';
import { VedetteError } from '@vedette/runtime';
import '../errors.ts';

/** One option of a workload's command line. */
export type OptionSpec =
  | { readonly type: 'flag'; readonly help: string }
  | { readonly type: 'text'; readonly help: string; readonly default?: string; readonly among?: readonly string[] }
  | {
      readonly type: 'number';
      readonly help: string;
      readonly default?: number;
      readonly from: number;
      readonly to: number;
    };

export type OptionSpecs = Readonly<Record<string, OptionSpec>>;

type ValueOf<S extends OptionSpec> = S extends { readonly type: 'flag' }
  ? boolean
  : S extends { readonly type: 'number' }
    ? S extends { readonly default: number }
      ? number
      : number | undefined
    : S extends { readonly default: string }
      ? string
      : string | undefined;

export type OptionValues<S extends OptionSpecs> = { readonly [K in keyof S]: ValueOf<S[K]> };

/** Reads a command line. @throws VedetteError VDT_LOADGEN_USAGE in one sentence */
export function readOptions<const S extends OptionSpecs>(specs: S, argv: readonly string[]): OptionValues<S> {
  const given = parsed(specs, argv);
  const values: Record<string, unknown> = {};
  for (const [name, spec] of Object.entries(specs)) values[name] = readOne(name, spec, given[name]);
  return values as OptionValues<S>;
}

/** One line an option, for `--help`. */
export function describeOptions(specs: OptionSpecs): string {
  const lines = Object.entries(specs).map(([name, spec]) => {
    const head = spec.type === 'flag' ? `--${name}` : `--${name} ${spec.type === 'number' ? 'N' : 'TEXT'}`;
    const among = spec.type === 'text' && spec.among !== undefined ? ` (${spec.among.join(', ')})` : '';
    const otherwise = spec.type !== 'flag' && spec.default !== undefined ? `; ${spec.default} unless given` : '';
    return [head, `${spec.help}${among}${otherwise}`] as const;
  });
  const width = Math.max(...lines.map(([head]) => head.length));
  return lines.map(([head, help]) => `  ${head.padEnd(width)}  ${help}`).join('\n');
}

function parsed(specs: OptionSpecs, argv: readonly string[]): Readonly<Record<string, string | boolean | undefined>> {
  const options = Object.fromEntries(
    Object.entries(specs).map(([name, { type }]) => [name, { type: type === 'flag' ? 'boolean' : 'string' } as const]),
  );
  try {
    return parseArgs({ args: [...argv], options, strict: true, allowPositionals: false }).values;
  } catch (cause) {
    const [said = ''] = (cause as Error).message.split('. ', 1);
    throw new VedetteError('VDT_LOADGEN_USAGE', { message: said.charAt(0).toLowerCase() + said.slice(1), cause });
  }
}

function readOne(name: string, spec: OptionSpec, given: string | boolean | undefined): unknown {
  if (spec.type === 'flag') return given === true;
  if (given === undefined) return spec.default;
  return spec.type === 'number' ? numberOf(name, spec, String(given)) : textOf(name, spec, String(given));
}

function numberOf(name: string, spec: Extract<OptionSpec, { type: 'number' }>, given: string): number {
  const value = given.trim() === '' ? Number.NaN : Number(given);
  if (value >= spec.from && value <= spec.to) return value;
  throw new VedetteError('VDT_LOADGEN_USAGE', {
    message: `--${name} ${given} is not a number from ${spec.from} to ${spec.to}`,
  });
}

function textOf(name: string, spec: Extract<OptionSpec, { type: 'text' }>, given: string): string {
  if (spec.among === undefined || spec.among.includes(given)) return given;
  throw new VedetteError('VDT_LOADGEN_USAGE', { message: `--${name} ${given} is none of ${spec.among.join(', ')}` });
}
