import Type from 'typebox';
import { defined } from './defined.ts';
import { byteSize, duration, parseQuantity, type Quantity, quantityPattern } from './units.ts';

/**
 * The building blocks of a configuration schema. A schema is an ordinary TypeBox schema made of these, so that one
 * definition gives the static type, the validator and the published JSON Schema:
 *
 * - {@link Section}: an object with fixed keys; {@link Variants}: one of several sections, chosen by one of its keys
 * - {@link Duration}, {@link ByteSize}: numbers with a unit; {@link Secret}: text that no message shows
 * - Type.String, Type.Integer, Type.Number, Type.Boolean, Type.Enum, Type.Literal
 * - Type.Array of one of these, Type.Record for a table with free keys
 *
 * A key with a `default` may be left out. A key in Type.Optional may be left out and then resolves to undefined.
 * Every other key must be given. Sections may always be left out; their keys then have their own defaults.
 */

/** A duration as text with a unit; resolves to milliseconds under its key + `Ms`. */
export interface TDuration extends Type.TString {
  readonly 'x-quantity': 'duration';
}

/** A size as text with a unit; resolves to bytes under its key + `Bytes`. */
export interface TByteSize extends Type.TString {
  readonly 'x-quantity': 'size';
}

/** An object with exactly these keys. */
export type TSection<Properties extends Type.TProperties = Type.TProperties> = Type.TObject<Properties>;

export interface QuantityOptions {
  readonly description?: string;
  /** In the same notation as the value itself. */
  readonly default?: string;
  readonly min?: string;
  readonly max?: string;
}

/** A duration: `ms`, `s`, `m`, `h` or `d`, for instance `Duration({ default: '3s', min: '100ms' })`. */
export function Duration(options: QuantityOptions = {}): TDuration {
  return quantityType(duration, options) as TDuration;
}

/** A size of data: `B`, `KiB`, `MiB`, `GiB` or `TiB`, for instance `ByteSize({ default: '256KiB' })`. */
export function ByteSize(options: QuantityOptions = {}): TByteSize {
  return quantityType(byteSize, options) as TByteSize;
}

/** Text that is never repeated in a message: passwords, tokens. Best given as `${NAME}`. */
export function Secret(options: Type.TStringOptions = {}): Type.TString {
  return Type.String({ ...options, writeOnly: true });
}

/** A section: unknown keys in it are faults. */
export function Section<Properties extends Type.TProperties>(
  properties: Properties,
  options: Type.TObjectOptions = {},
): TSection<Properties> {
  return Type.Object(properties, { ...options, additionalProperties: false });
}

export interface VariantsOptions {
  readonly description?: string;
  /** The value of the choosing key that is meant when it is left out; without it, it must be given. */
  readonly default?: string;
}

/**
 * One of several sections; `key`, a Type.Literal in each of them, says which:
 * `Variants('driver', [Section({ driver: Type.Literal('memory') }), Section({ driver: Type.Literal('sqlite'), ... })])`.
 */
export function Variants<Sections extends Type.TObject[]>(
  key: string,
  sections: [...Sections],
  options: VariantsOptions = {},
): Type.TUnion<Sections> {
  const { default: chosen, ...rest } = options;
  const fallback = defined({ default: chosen === undefined ? undefined : { [key]: chosen } });
  return Type.Union(sections, { ...rest, ...fallback, discriminator: { propertyName: key } });
}

function quantityType(quantity: Quantity, options: QuantityOptions): Type.TSchema {
  const { min, max, ...rest } = options;
  const [least, most] = [boundOf(quantity, min) ?? 0, boundOf(quantity, max) ?? Number.MAX_SAFE_INTEGER];
  const text = Type.String({
    ...rest,
    ...defined({ 'x-min': min, 'x-max': max }),
    'x-quantity': quantity.name,
    pattern: quantityPattern(quantity),
    examples: quantity.examples,
  });
  return Type.Refine(text, (written: string) => {
    const value = parseQuantity(quantity, written);
    return value !== undefined && value >= least && value <= most;
  });
}

function boundOf(quantity: Quantity, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = parseQuantity(quantity, text);
  if (value === undefined) throw new TypeError(`${text} is not a ${quantity.name}`);
  return value;
}
