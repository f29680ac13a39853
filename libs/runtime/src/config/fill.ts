import { Errors } from 'typebox/schema';
import { allowed, shown } from './allowed.ts';
import { type ConfigFault, type ConfigFaultCode, faultAt } from './faults.ts';
import { type Input, inputOf, itemIn, keyIn, type ListInput, type MapInput, type ScalarInput } from './input.ts';
import { flagName, variableName } from './names.ts';
import { didYouMean, nearest } from './nearest.ts';
import type { Origin } from './origin.ts';
import {
  isSettable,
  type ListPlan,
  type Plan,
  type SectionPlan,
  type TablePlan,
  type ValuePlan,
  type VariantsPlan,
} from './plan.ts';
import { readValue } from './read-value.ts';

/** A document in which every default has been written out; still in the notation of the file. */
export type Filled = string | number | boolean | readonly Filled[] | { readonly [key: string]: Filled };

export interface Filling {
  /** Of no meaning when there are faults. */
  readonly document: Filled;
  /** Where each section, list and value came from, by key. */
  readonly origins: ReadonlyMap<string, Origin>;
}

/** Puts what was given and what is the default together, and reports everything that the schema does not allow. */
export function fill(plan: SectionPlan, input: MapInput, faults: ConfigFault[]): Filling {
  const filler = new Filler(faults);
  const document = filler.section(plan, input, '') ?? {};
  return { document, origins: filler.origins };
}

/** Each method returns undefined where a fault was reported. */
class Filler {
  readonly origins = new Map<string, Origin>();
  readonly #faults: ConfigFault[];
  /** Faults reported here, and values that were broken before: where it grew, a section is not as it was meant. */
  #troubles = 0;

  constructor(faults: ConfigFault[]) {
    this.#faults = faults;
  }

  section(plan: SectionPlan, input: Input, key: string, chooser?: { by: string; chosen: string }): Filled | undefined {
    const map = this.#mapping(plan, input, key);
    if (map === undefined) return undefined;
    const troublesBefore = this.#troubles;
    for (const [name, { origin }] of map.entries) {
      if (!plan.keys.has(name)) this.#unknownKey(plan, name, keyIn(key, name), origin);
    }
    const filled: Record<string, Filled> = {};
    for (const [name, { plan: child }] of plan.keys) {
      const value =
        name === chooser?.by ? chooser.chosen : this.#key(child, map.entries.get(name)?.value, keyIn(key, name), map);
      if (value !== undefined) filled[name] = value;
    }
    return this.#checked(plan, filled, key, map.origin, troublesBefore);
  }

  /** A key that may not be there: its default, nothing, or a fault. */
  #key(plan: Plan, input: Input | undefined, key: string, parent: MapInput): Filled | undefined {
    if (input !== undefined) return this.#any(plan, input, key);
    if (plan.optional) return undefined;
    if (plan.kind === 'section' || plan.kind === 'variants') return this.#absentSection(plan, key, parent.origin);
    if (plan.fallback !== undefined) return this.#any(plan, inputOf(plan.fallback), key);
    this.#missing(plan, key, parent.origin);
    return undefined;
  }

  /** What its keys lack is reported where the section would stand. */
  #absentSection(plan: Plan, key: string, parentOrigin: Origin): Filled | undefined {
    const filled = this.#any(plan, { kind: 'map', origin: parentOrigin, entries: new Map() }, key);
    this.origins.set(key, { source: 'default' });
    return filled;
  }

  #any(plan: Plan, input: Input, key: string): Filled | undefined {
    if (input.overrides !== undefined) this.#any(plan, input.overrides, key);
    this.origins.set(key, input.origin);
    if (input.kind === 'broken') {
      this.#troubles++;
      return undefined;
    }
    switch (plan.kind) {
      case 'section':
        return this.section(plan, input, key);
      case 'variants':
        return this.#variants(plan, input, key);
      case 'list':
        return this.#list(plan, input, key);
      case 'table':
        return this.#table(plan, input, key);
      case 'value':
        return this.#value(plan, input, key);
    }
  }

  #variants(plan: VariantsPlan, input: Input, key: string): Filled | undefined {
    const map = this.#mapping(plan, input, key);
    if (map === undefined) return undefined;
    const { by } = plan;
    const chosen = this.#key(plan.chooser, map.entries.get(by)?.value, keyIn(key, by), map);
    const section = typeof chosen === 'string' ? plan.sections.get(chosen) : undefined;
    return section && this.section(section, map, key, { by, chosen: chosen as string });
  }

  #list(plan: ListPlan, input: Input, key: string): Filled | undefined {
    const list = input.kind === 'scalar' && input.untyped && plan.item.kind === 'value' ? splitList(input) : input;
    if (list.kind !== 'list') return this.#wrongKind(plan, list, key);
    const troublesBefore = this.#troubles;
    const items = list.items.map((item, at) => this.#any(plan.item, item, itemIn(key, at)));
    const given = items.filter((item) => item !== undefined);
    return this.#checked(plan, given, key, input.origin, troublesBefore);
  }

  #table(plan: TablePlan, input: Input, key: string): Filled | undefined {
    if (input.kind !== 'map') return this.#wrongKind(plan, input, key);
    const troublesBefore = this.#troubles;
    const filled: Record<string, Filled> = {};
    for (const [name, { origin, value }] of input.entries) {
      const path = keyIn(key, name);
      if (!plan.keyPattern.test(name)) {
        const message = `the name is not allowed; expected the form ${plan.keyPattern.source}`;
        this.#fault('VDT_CONFIG_BAD_VALUE', path, origin, message);
      }
      const one = this.#any(plan.value, value, path);
      if (one !== undefined) filled[name] = one;
    }
    return this.#checked(plan, filled, key, input.origin, troublesBefore);
  }

  /** The schema has the last word: whatever it says beyond what the methods here explain in better words. */
  #checked(plan: Plan, filled: Filled, key: string, origin: Origin, troublesBefore: number): Filled {
    if (this.#troubles > troublesBefore) return filled;
    const [, errors] = Errors(plan.schema, filled);
    for (const { message, instancePath } of errors) {
      this.#badValue(key, origin, instancePath === '' ? message : `${instancePath} ${message}`);
    }
    return filled;
  }

  #value(plan: ValuePlan, input: Input, key: string): Filled | undefined {
    if (input.kind === 'list' && input.origin.source === 'flag') {
      return this.#badValue(key, input.origin, 'the flag is given more than once');
    }
    if (input.kind !== 'scalar') return this.#wrongKind(plan, input, key);
    const reading = readValue(plan, input);
    return 'value' in reading ? reading.value : this.#badValue(key, input.origin, reading.problem);
  }

  /** A section without a single line below it is empty: all its keys may be commented out. */
  #mapping(plan: Plan, input: Input, key: string): MapInput | undefined {
    if (input.kind === 'map') return input;
    if (input.kind === 'scalar' && input.value === null) {
      return { kind: 'map', origin: input.origin, entries: new Map() };
    }
    this.#wrongKind(plan, input, key);
    return undefined;
  }

  #wrongKind(plan: Plan, input: Input, key: string): undefined {
    const onlyInFile = input.kind === 'scalar' && input.untyped && plan.kind !== 'value' && plan.kind !== 'section';
    const what = input.kind === 'scalar' ? shown(input.value, plan) : input.kind === 'list' ? 'a list' : 'a section';
    const where = onlyInFile ? ', written out in the file' : '';
    return this.#badValue(key, input.origin, `${what} is not allowed; expected ${allowed(plan)}${where}`);
  }

  #badValue(key: string, origin: Origin, message: string): undefined {
    this.#fault('VDT_CONFIG_BAD_VALUE', key, origin, message);
    return undefined;
  }

  #unknownKey(plan: SectionPlan, name: string, key: string, origin: Origin): void {
    const names = [...plan.keys.keys()];
    const message = `the key is not known; allowed here: ${names.join(', ')}${didYouMean(nearest(name, names))}`;
    this.#fault('VDT_CONFIG_UNKNOWN_KEY', key, origin, message);
  }

  #missing(plan: Plan, key: string, origin: Origin): void {
    const path = key.split('.');
    const byName = isSettable(plan) && !/["[]/.test(key);
    const how = byName ? ` (also by ${variableName(path)} or --${flagName(path)})` : '';
    this.#fault('VDT_CONFIG_MISSING_KEY', key, origin, `the key is missing; expected ${allowed(plan)}${how}`);
  }

  #fault(code: ConfigFaultCode, key: string, origin: Origin, message: string): void {
    if (origin.source === 'default') {
      throw new TypeError(`configuration schema: the default of ${key} is wrong: ${message}`);
    }
    this.#troubles++;
    this.#faults.push(faultAt(code, key, origin, message));
  }
}

/** `a, b` from the environment or a flag. */
function splitList(input: ScalarInput): ListInput {
  const texts = String(input.value).split(',');
  // Each item is new: what the whole value took the place of is no item's.
  const { origin, untyped } = input;
  const items = texts.map((text): ScalarInput => ({ kind: 'scalar', origin, untyped, value: text.trim() }));
  return { kind: 'list', origin: input.origin, items: String(input.value).trim() === '' ? [] : items };
}
