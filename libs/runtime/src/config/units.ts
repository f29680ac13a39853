import { nearest } from './nearest.ts';

/** A unit and how many base units it is. */
type UnitTable = Readonly<Record<string, number>>;

const durationUnits: UnitTable = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const sizeUnits: UnitTable = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 };

/** How people write these units when they do not write ours; only ever used to suggest, never to accept. */
const unitAliases: Readonly<Record<string, string>> = {
  millisecond: 'ms',
  milli: 'ms',
  msec: 'ms',
  second: 's',
  sec: 's',
  minute: 'm',
  min: 'm',
  hour: 'h',
  hr: 'h',
  day: 'd',
  b: 'B',
  byte: 'B',
  k: 'KiB',
  kb: 'KiB',
  kib: 'KiB',
  m: 'MiB',
  mb: 'MiB',
  mib: 'MiB',
  g: 'GiB',
  gb: 'GiB',
  gib: 'GiB',
  t: 'TiB',
  tb: 'TiB',
  tib: 'TiB',
};

/** A kind of quantity that is written as a number with a unit, in one word: `3s`, `1.5h`, `256KiB`. */
export interface Quantity {
  readonly name: 'duration' | 'size';
  /** What the key of the resolved value ends with, and so the unit of the number there. */
  readonly suffix: 'Ms' | 'Bytes';
  readonly units: UnitTable;
  readonly examples: readonly [string, string];
}

/** Durations, resolved to whole milliseconds. */
export const duration: Quantity = { name: 'duration', suffix: 'Ms', units: durationUnits, examples: ['3s', '500ms'] };

/** Sizes of data, resolved to whole bytes; binary units only, so that nobody has to guess what a kilobyte is. */
export const byteSize: Quantity = {
  name: 'size',
  suffix: 'Bytes',
  units: sizeUnits,
  examples: ['256KiB', '64MiB'],
};

/** The regular expression of a quantity, for its validator and its JSON Schema alike. */
export function quantityPattern(quantity: Quantity): string {
  return `^[0-9]+(\\.[0-9]+)?(${Object.keys(quantity.units).join('|')})$`;
}

/** The number of milliseconds or bytes that `text` says; undefined when it does not, or is no whole number of them. */
export function parseQuantity(quantity: Quantity, text: string): number | undefined {
  const match = /^([0-9]+(?:\.[0-9]+)?)([A-Za-z]+)$/.exec(text);
  const factor = Object.hasOwn(quantity.units, match?.[2] ?? '') ? quantity.units[match?.[2] ?? ''] : undefined;
  if (factor === undefined) return undefined;
  const value = Number(match?.[1]) * factor;
  const whole = Math.round(value);
  const exact = Math.abs(value - whole) <= 1e-9 * Math.max(1, value); // 0.1 and its like are not exact in binary
  return exact && Number.isSafeInteger(whole) ? whole : undefined;
}

/** What somebody who wrote `text` may have meant: `3 minuts` -> `3m`, `256kb` -> `256KiB`. */
export function suggestQuantity(quantity: Quantity, text: string): string | undefined {
  const match = /^\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]+)\s*$/.exec(text);
  const written = match?.[2];
  if (written === undefined) return undefined;
  const unit = unitFor(quantity, written);
  const suggestion = `${match?.[1]}${unit}`;
  return unit !== undefined && parseQuantity(quantity, suggestion) !== undefined ? suggestion : undefined;
}

function unitFor(quantity: Quantity, written: string): string | undefined {
  if (Object.hasOwn(quantity.units, written)) return written;
  const lower = written.toLowerCase();
  const byCase = Object.keys(quantity.units).find((unit) => unit.toLowerCase() === lower);
  if (byCase !== undefined) return byCase;
  const names = Object.keys(unitAliases).filter((name) => Object.hasOwn(quantity.units, unitAliases[name] ?? ''));
  const singular = lower.replace(/s$/, '');
  const name = names.find((one) => one === singular) ?? nearest(singular, names);
  return name === undefined ? undefined : unitAliases[name];
}
