/**
 * Ranges of names, as a shell writes them: `kvm{001..300}.example.org`, `rack{1..4}-{a,b}`. A number keeps the zeros it
 * is written with; several braces give every combination, the last one turning fastest.
 */

/** Most hosts of one configuration. */
export const maxHosts = 100_000;

export type Expansion =
  | { readonly names: readonly string[]; readonly fault?: undefined }
  /** Why it is no range, and what is. */
  | { readonly fault: string };

/** Every name that the text stands for, in its order; one without braces stands for itself. Pure. */
export function expandRange(text: string): Expansion {
  const alternatives: Alternatives[] = [];
  for (const part of text.split(/(\{[^{}]*\})/)) {
    const read = part.startsWith('{') && part.endsWith('}') ? readBraces(part.slice(1, -1)) : plainText(part);
    if (typeof read === 'string') return { fault: `${shown(text)} ${read}` };
    alternatives.push(read);
  }
  const count = alternatives.reduce((product, one) => product * one.count, 1);
  if (count > maxHosts) return { fault: `${shown(text)} stands for ${count} hosts; ${maxHosts} are allowed` };
  const names = alternatives.reduce<readonly string[]>(
    (begun, one) => begun.flatMap((start) => Array.from({ length: one.count }, (_, at) => start + one.text(at))),
    [''],
  );
  return { names };
}

interface Alternatives {
  readonly count: number;
  readonly text: (at: number) => string;
}

/** What is wrong, in words, or what it stands for. */
function readBraces(inside: string): Alternatives | string {
  const numbers = /^([0-9]{1,9})\.\.([0-9]{1,9})$/.exec(inside);
  if (numbers !== null) return readNumbers(numbers[1] ?? '', numbers[2] ?? '');
  const words = inside.split(',');
  if (inside.includes('..')) return `has {${inside}}, which is no range of numbers such as {001..300}`;
  if (words.length < 2 || words.includes('')) {
    return `has {${inside}}: braces hold a range such as {001..300}, or a list such as {a,b}`;
  }
  return { count: words.length, text: (at) => words[at] ?? '' };
}

function readNumbers(first: string, last: string): Alternatives | string {
  const [from, to] = [Number(first), Number(last)];
  if (from > to) return `has {${first}..${last}}, which runs backwards: write {${last}..${first}}`;
  const padded = [first, last].some((one) => one.length > 1 && one.startsWith('0'));
  const width = padded ? Math.max(first.length, last.length) : 1;
  return { count: to - from + 1, text: (at) => String(from + at).padStart(width, '0') };
}

function plainText(part: string): Alternatives | string {
  if (/[{}]/.test(part)) return 'has a brace without its other one; braces within braces are not read';
  return { count: 1, text: () => part };
}

function shown(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}...` : text);
}
