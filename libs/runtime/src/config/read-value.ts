import { Errors } from 'typebox/schema';
import { allowed, shown } from './allowed.ts';
import type { ScalarInput } from './input.ts';
import { didYouMean, nearest } from './nearest.ts';
import type { ValuePlan } from './plan.ts';
import { suggestQuantity } from './units.ts';

/** The value as its schema wants it, or what is wrong with it and what is allowed. */
export type ValueReading = { readonly value: string | number | boolean } | { readonly problem: string };

/** Reads one given value by its schema; text from the environment and the command line gets its type here. */
export function readValue(plan: ValuePlan, input: ScalarInput): ValueReading {
  const value = input.untyped ? typed(plan, String(input.value)) : input.value;
  const [, faults] = Errors(plan.schema, value);
  const unsafe = plan.type === 'integer' && typeof value === 'number' && !Number.isSafeInteger(value);
  if (value !== null && faults.length === 0 && !unsafe) return { value };
  const own = faults.find(({ keyword }) => keyword === '~refine' && plan.type !== 'quantity')?.message;
  const what = value === null ? 'there is no value' : `${shown(value, plan)} is not allowed`;
  return { problem: `${what}; expected ${own ?? allowed(plan)}${hint(plan, value)}` };
}

/** Text becomes what it spells, where it spells what is wanted; otherwise it stays and is refused as text. */
function typed(plan: ValuePlan, text: string): string | number | boolean {
  switch (plan.type) {
    case 'text':
    case 'quantity':
      return text;
    case 'boolean':
      return text === 'true' || (text === 'false' ? false : text);
    case 'integer':
    case 'number':
      return /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(text) ? Number(text) : text;
    case 'choice':
      return plan.choices.find((choice) => String(choice) === text) ?? text;
  }
}

function hint(plan: ValuePlan, value: string | number | boolean | null): string {
  if (plan.secret || value === null) return '';
  const text = String(value);
  if (plan.type === 'text' && typeof value !== 'string') return `: write it in quotes, "${text}"`;
  if (plan.type === 'choice') return didYouMean(nearest(text, plan.choices.map(String)));
  if (plan.quantity === undefined) return '';
  if (typeof value === 'number') return '; a number alone has no unit';
  return didYouMean(suggestQuantity(plan.quantity, text));
}
