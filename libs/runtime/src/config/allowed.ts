import type { ScalarInput } from './input.ts';
import type { Plan, ValuePlan } from './plan.ts';

const SHOWN_CHARACTERS = 60;

/** What may be written here, as the end of a sentence: `expected ${allowed(plan)}`. */
export function allowed(plan: Plan): string {
  switch (plan.kind) {
    case 'section':
    case 'variants':
      return 'a section (keys, indented below it)';
    case 'list':
      return `a list, each item ${allowed(plan.item)}`;
    case 'table':
      return `a table of names, each with ${allowed(plan.value)}`;
    case 'value':
      return allowedValue(plan);
  }
}

/** A value as a message may show it: short, in quotes where it is text, without the password of a URL. */
export function shown(value: ScalarInput['value'], plan?: Plan): string {
  if (plan !== undefined && holdsSecrets(plan)) return 'the value (not shown: it is a secret)';
  const text = JSON.stringify(value).replaceAll(/:\/\/[^/"\s]*@/g, '://***@');
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}... (${text.length} characters)` : text;
}

function holdsSecrets(plan: Plan): boolean {
  if (plan.kind === 'list') return holdsSecrets(plan.item);
  return plan.kind === 'value' && plan.secret;
}

function allowedValue(plan: ValuePlan): string {
  switch (plan.type) {
    case 'choice':
      return plan.choices.length === 1 ? String(plan.choices[0]) : `one of ${plan.choices.join(', ')}`;
    case 'boolean':
      return 'true or false';
    case 'integer':
      return `a whole number${range(plan)}`;
    case 'number':
      return `a number${range(plan)}`;
    case 'quantity':
      return quantityText(plan);
    case 'text':
      return textText(plan);
  }
}

function quantityText({ quantity, schema }: ValuePlan): string {
  const { 'x-min': min, 'x-max': max } = schema as { 'x-min'?: string; 'x-max'?: string };
  if (quantity === undefined) return 'a quantity';
  const [one, other] = quantity.examples;
  const units = Object.keys(quantity.units).join(', ');
  return `a ${quantity.name} such as ${one} or ${other} (units ${units})${between(min, max)}`;
}

function textText({ schema }: ValuePlan): string {
  const { pattern, minLength, maxLength, examples } = schema as {
    pattern?: string | RegExp;
    minLength?: number;
    maxLength?: number;
    examples?: unknown;
  };
  const example = Array.isArray(examples) && typeof examples[0] === 'string' ? `, such as ${examples[0]}` : '';
  const form = pattern === undefined ? '' : ` of the form ${pattern instanceof RegExp ? pattern.source : pattern}`;
  const length = minLength === 1 && maxLength === undefined ? ' that is not empty' : characters(minLength, maxLength);
  return `text${form}${length}${example}`;
}

function characters(min: number | undefined, max: number | undefined): string {
  const length = between(min, max);
  return length === '' ? '' : `${length} characters`;
}

function range({ schema }: ValuePlan): string {
  const { minimum, maximum } = schema as { minimum?: number; maximum?: number };
  return between(minimum, maximum);
}

function between(min: string | number | undefined, max: string | number | undefined): string {
  if (min !== undefined && max !== undefined) return ` from ${min} to ${max}`;
  if (min !== undefined) return ` of at least ${min}`;
  return max === undefined ? '' : ` of at most ${max}`;
}
