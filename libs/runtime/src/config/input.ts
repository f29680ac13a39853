import type { Origin } from './origin.ts';

/**
 * What was given, before any schema is looked at: the file, then environment and flags laid over it. Mappings are
 * Maps, so no key of a document ever becomes a property of an object before the schema has named it.
 */
export type Input = ScalarInput | MapInput | ListInput | BrokenInput;

interface Given {
  readonly origin: Origin;
  /** What this value overrides: of no effect any more, and yet checked, so that no fault hides behind a flag. */
  readonly overrides?: Input;
}

export interface ScalarInput extends Given {
  readonly kind: 'scalar';
  readonly value: string | number | boolean | null;
  /** The value is text whose type the schema decides: it came from the environment or the command line. */
  readonly untyped: boolean;
}

export interface MapInput extends Given {
  readonly kind: 'map';
  readonly entries: Map<string, MapEntry>;
}

export interface MapEntry {
  /** Where the key stands. */
  readonly origin: Origin;
  readonly value: Input;
}

export interface ListInput extends Given {
  readonly kind: 'list';
  readonly items: readonly Input[];
}

/** A value with a fault that has been reported already: nothing more is to be said about it. */
export interface BrokenInput extends Given {
  readonly kind: 'broken';
}

const fromDefault: Origin = { source: 'default' };

/** A default of the schema, as if it had been given. */
export function inputOf(value: unknown): Input {
  if (Array.isArray(value)) return { kind: 'list', origin: fromDefault, items: value.map(inputOf) };
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).map(
      ([key, one]) => [key, { origin: fromDefault, value: inputOf(one) }] as const,
    );
    return { kind: 'map', origin: fromDefault, entries: new Map(entries) };
  }
  return { kind: 'scalar', origin: fromDefault, value: value as ScalarInput['value'], untyped: false };
}

/** The name of a key inside the section named `parent`. */
export function keyIn(parent: string, key: string): string {
  const plain = /^[A-Za-z_][\w-]*$/.test(key) ? key : JSON.stringify(key);
  return parent === '' ? plain : `${parent}.${plain}`;
}

/** The name of an item of the list named `parent`, from 0. */
export function itemIn(parent: string, at: number): string {
  return `${parent}[${at}]`;
}
