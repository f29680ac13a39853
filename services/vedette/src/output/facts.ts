import { printable } from './printable.ts';
import type { Paint, Tone } from './style.ts';

/** What is said of one thing: a name, a text and how it is set off. */
export type Fact = readonly [name: string, text: string, tone?: Tone];

/** One line a fact, the texts below each other; facts with an empty text are left out. */
export function factLines(facts: readonly Fact[], paint: Paint): string {
  const told = facts.filter(([, text]) => text !== '');
  const width = Math.max(...told.map(([name]) => name.length));
  return told
    .map(([name, text, tone = 'plain']) => `${paint('dim', name.padEnd(width))}  ${paint(tone, printable(text))}\n`)
    .join('');
}
