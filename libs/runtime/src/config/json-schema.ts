import type Type from 'typebox';
import { defined } from './defined.ts';
import { type Plan, planOf, type SectionPlan, type VariantsPlan } from './plan.ts';

/** A JSON Schema document or a part of one. */
export type JsonSchema = { readonly [keyword: string]: unknown };

export interface JsonSchemaOptions {
  /** The document's `$id`. */
  readonly id: string;
  readonly title: string;
  readonly description?: string;
}

const annotationKeywords: ReadonlySet<string> = new Set(['description', 'default']);

const reference = { $ref: '#/$defs/reference' };

/**
 * The JSON Schema (draft 2020-12) of the configuration file, for editors and other programs. It accepts what
 * {@link loadConfig} accepts in a file, as far as a schema can say it: keys with defaults may be left out, and any
 * value may be a reference to an environment variable. The bounds of durations and sizes are only annotations.
 */
export function configJsonSchema(schema: Type.TObject, options: JsonSchemaOptions): JsonSchema {
  const { id, title, description } = options;
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: id,
    title,
    ...defined({ description }),
    ...sectionSchema(planOf(schema)),
    $defs: {
      reference: {
        description: `refers to environment variables: \${NAME}, or \${NAME:-default}`,
        type: 'string',
        pattern: '\\$\\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\\}',
      },
    },
  };
}

function partSchema(plan: Plan): JsonSchema {
  switch (plan.kind) {
    case 'section':
      return { ...annotations(plan), ...sectionSchema(plan) };
    case 'variants':
      return { ...annotations(plan), anyOf: variantSchemas(plan) };
    case 'list': {
      const list = { ...constraints(plan), items: partSchema(plan.item) };
      return plan.item.kind === 'value' ? orReference(plan, list) : { ...annotations(plan), ...list };
    }
    case 'table': {
      const patternProperties = { [plan.keyPattern.source]: partSchema(plan.value) };
      return { ...annotations(plan), ...constraints(plan), patternProperties, additionalProperties: false };
    }
    case 'value':
      return orReference(plan, constraints(plan));
  }
}

function sectionSchema(plan: SectionPlan): JsonSchema {
  const entries = [...plan.keys].map(([key, { plan: child }]) => [key, partSchema(child)] as const);
  return objectSchema(Object.fromEntries(entries), keysToGive(plan));
}

/** The choosing key may be left out only in the section that is the default. */
function variantSchemas(plan: VariantsPlan): JsonSchema[] {
  return [...plan.sections].map(([name, section]) => {
    const { properties } = sectionSchema(section);
    const required = keysToGive(section).filter((key) => key !== plan.by || name !== plan.fallback);
    return objectSchema(properties, required);
  });
}

/** A section without a key that must be given may also stand there empty. */
function objectSchema(properties: unknown, required: readonly string[]): JsonSchema {
  const base = { properties, additionalProperties: false };
  return required.length === 0 ? { type: ['object', 'null'], ...base } : { type: 'object', ...base, required };
}

function keysToGive(plan: SectionPlan): string[] {
  return [...plan.keys].filter(([, { plan: child }]) => mustBeGiven(child)).map(([key]) => key);
}

/** Whether a section without this key is refused. */
function mustBeGiven(plan: Plan): boolean {
  if (plan.optional) return false;
  if (plan.kind === 'section') return keysToGive(plan).length > 0;
  if (plan.kind !== 'variants') return plan.fallback === undefined;
  const meant = plan.sections.get(String(plan.fallback));
  return meant === undefined || keysToGive(meant).some((key) => key !== plan.by);
}

/** Annotations stay outside, where editors look for them. */
function orReference(plan: Plan, schema: JsonSchema): JsonSchema {
  return { ...annotations(plan), anyOf: [schema, reference] };
}

function annotations({ description, ...plan }: Plan): JsonSchema {
  const value = plan.kind === 'variants' && plan.fallback !== undefined ? { [plan.by]: plan.fallback } : plan.fallback;
  return defined({ description, default: value });
}

/** The keywords of the TypeBox schema itself, as plain JSON; TypeBox keeps its own marks out of it. */
function constraints(plan: Plan): JsonSchema {
  const keywords = JSON.parse(JSON.stringify(plan.schema, regexAsText)) as JsonSchema;
  return Object.fromEntries(Object.entries(keywords).filter(([keyword]) => !annotationKeywords.has(keyword)));
}

function regexAsText(_key: string, value: unknown): unknown {
  return value instanceof RegExp ? value.source : value;
}
