import Type from 'typebox';
import { Check } from 'typebox/schema';
import { defined } from './defined.ts';
import { byteSize, duration, type Quantity } from './units.ts';

/**
 * A configuration schema, read once into what the other steps need. Only the building blocks of schema.ts can be
 * read; anything else is a mistake of the programmer and throws a TypeError that names the key.
 */
export type Plan = SectionPlan | VariantsPlan | ListPlan | TablePlan | ValuePlan;

interface Planned {
  readonly schema: Type.TSchema;
  readonly description: string | undefined;
  /** What is meant when the key is left out; undefined: nothing is. */
  readonly fallback: unknown;
  /** Whether the key may be left out without a default. */
  readonly optional: boolean;
}

export interface SectionPlan extends Planned {
  readonly kind: 'section';
  readonly keys: ReadonlyMap<string, KeyPlan>;
}

export interface KeyPlan {
  readonly plan: Plan;
  /** The key in the resolved configuration: with the unit of its value. */
  readonly resolvedKey: string;
}

export interface VariantsPlan extends Planned {
  readonly kind: 'variants';
  /** The key whose value says which section is meant. */
  readonly by: string;
  readonly chooser: ValuePlan;
  readonly sections: ReadonlyMap<string, SectionPlan>;
}

export interface ListPlan extends Planned {
  readonly kind: 'list';
  readonly item: Plan;
}

export interface TablePlan extends Planned {
  readonly kind: 'table';
  readonly keyPattern: RegExp;
  readonly value: Plan;
}

/** A single value. */
export interface ValuePlan extends Planned {
  readonly kind: 'value';
  readonly type: 'text' | 'integer' | 'number' | 'boolean' | 'choice' | 'quantity';
  /** For a choice: what may be chosen. */
  readonly choices: readonly (string | number | boolean)[];
  /** For a quantity: which. */
  readonly quantity: Quantity | undefined;
  /** Never shown in a message. */
  readonly secret: boolean;
}

const quantities: readonly Quantity[] = [duration, byteSize];

/** Reads a whole schema. Keys are camel case, so that each has one environment variable and one flag. */
export function planOf(schema: Type.TObject): SectionPlan {
  return sectionPlan(schema, '');
}

function anyPlan(schema: Type.TSchema, key: string): Plan {
  if (Type.IsObject(schema)) return sectionPlan(schema, key);
  if (Type.IsArray(schema)) return { ...planned(schema), kind: 'list', item: anyPlan(schema.items, `${key}[]`) };
  if (Type.IsRecord(schema)) {
    const keyPattern = new RegExp(Type.RecordPattern(schema));
    return { ...planned(schema), kind: 'table', keyPattern, value: anyPlan(Type.RecordValue(schema), `${key}.*`) };
  }
  if (Type.IsUnion(schema) && schema.anyOf.every(Type.IsObject)) return variantsPlan(schema, key);
  return valuePlan(schema, key);
}

function sectionPlan(schema: Type.TObject, key: string): SectionPlan {
  if (keywordsOf(schema).additionalProperties !== false) throw mistake(key, 'is no Section: it allows unknown keys');
  const keys = new Map<string, KeyPlan>();
  const resolvedKeys = new Set<string>();
  for (const [name, property] of Object.entries(schema.properties)) {
    const path = key === '' ? name : `${key}.${name}`;
    if (!/^[a-z][A-Za-z0-9]*$/.test(name)) throw mistake(path, 'is not written in camel case');
    const plan = anyPlan(property, path);
    const resolvedKey = name + suffixOf(plan);
    if (resolvedKeys.has(resolvedKey)) throw mistake(path, `resolves to ${resolvedKey}, as another key does`);
    resolvedKeys.add(resolvedKey);
    keys.set(name, { plan, resolvedKey });
  }
  return { ...planned(schema), kind: 'section', keys };
}

function variantsPlan(schema: Type.TUnion, key: string): VariantsPlan {
  const by = (keywordsOf(schema).discriminator as { propertyName?: string } | undefined)?.propertyName;
  if (by === undefined) throw mistake(key, 'is a union of sections without the key that chooses: use Variants');
  const sections = new Map<string, SectionPlan>();
  for (const one of schema.anyOf as Type.TObject[]) {
    const literal: unknown = one.properties[by];
    const name = Type.IsLiteral(literal) ? literal.const : undefined;
    if (typeof name !== 'string') throw mistake(key, `has a variant without a literal text as its ${by}`);
    if (sections.has(name)) throw mistake(key, `has two variants with ${by} ${name}`);
    sections.set(name, sectionPlan(one, key));
  }
  const base = planned(schema);
  const fallback = (base.fallback as Record<string, unknown> | undefined)?.[by];
  const annotations = defined({ default: fallback, description: base.description });
  const chooser = valuePlan(Type.Enum([...sections.keys()], annotations), `${key}.${by}`);
  return { ...base, fallback, kind: 'variants', by, chooser, sections };
}

/** Whether the environment and the command line can set it: a single value, or a list of them. */
export function isSettable(plan: Plan): boolean {
  return plan.kind === 'value' || (plan.kind === 'list' && plan.item.kind === 'value');
}

function valuePlan(schema: Type.TSchema, key: string): ValuePlan {
  const keywords = keywordsOf(schema);
  const choices = choicesOf(schema);
  const quantity = quantities.find(({ name }) => name === keywords['x-quantity']);
  const type = quantity === undefined ? (choices === undefined ? plainType(schema, key) : 'choice') : 'quantity';
  const base = planned(schema);
  if (base.fallback !== undefined && !Check(schema, base.fallback)) {
    throw mistake(key, `has a default that its own schema refuses: ${JSON.stringify(base.fallback)}`);
  }
  return { ...base, kind: 'value', type, choices: choices ?? [], quantity, secret: keywords.writeOnly === true };
}

function plainType(schema: Type.TSchema, key: string): 'text' | 'integer' | 'number' | 'boolean' {
  if (Type.IsString(schema)) return 'text';
  if (Type.IsInteger(schema)) return 'integer';
  if (Type.IsNumber(schema)) return 'number';
  if (Type.IsBoolean(schema)) return 'boolean';
  throw mistake(key, 'is of a type that a configuration cannot have');
}

function choicesOf(schema: Type.TSchema): (string | number | boolean)[] | undefined {
  if (Type.IsEnum(schema)) return schema.enum;
  if (Type.IsLiteral(schema)) return [schema.const as string | number | boolean];
  if (!Type.IsUnion(schema) || !schema.anyOf.every(Type.IsLiteral)) return undefined;
  return schema.anyOf.map((one) => (one as Type.TLiteral).const as string | number | boolean);
}

function planned(schema: Type.TSchema): Planned {
  const { description, default: fallback } = keywordsOf(schema) as { description?: string; default?: unknown };
  return { schema, description, fallback, optional: Type.IsOptional(schema) };
}

/** The static types of TypeBox do not name the keywords that are options. */
function keywordsOf(schema: Type.TSchema): Readonly<Record<string, unknown>> {
  return schema as Readonly<Record<string, unknown>>;
}

/** Lists and tables carry the unit of what they hold. */
function suffixOf(plan: Plan): string {
  if (plan.kind === 'list') return suffixOf(plan.item);
  if (plan.kind === 'table') return suffixOf(plan.value);
  return (plan.kind === 'value' && plan.quantity?.suffix) || '';
}

function mistake(key: string, what: string): TypeError {
  return new TypeError(`configuration schema: ${key === '' ? 'the whole' : key} ${what}`);
}
