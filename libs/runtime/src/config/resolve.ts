import type { Filled } from './fill.ts';
import type { Plan } from './plan.ts';
import { parseQuantity } from './units.ts';

/**
 * Turns a filled document without faults into what the program works with: quantities become numbers under a key
 * with their unit, keys without a value are there as undefined, and nothing can be changed any more.
 */
export function resolve(plan: Plan, filled: Filled | undefined): unknown {
  if (filled === undefined) return undefined;
  switch (plan.kind) {
    case 'section':
      return resolveSection(plan, filled as Readonly<Record<string, Filled>>);
    case 'variants': {
      const document = filled as Readonly<Record<string, Filled>>;
      const section = plan.sections.get(document[plan.by] as string);
      return section === undefined ? undefined : resolveSection(section, document);
    }
    case 'list':
      return Object.freeze((filled as readonly Filled[]).map((item) => resolve(plan.item, item)));
    case 'table': {
      const entries = Object.entries(filled).map(([name, value]) => [name, resolve(plan.value, value)] as const);
      return Object.freeze(Object.fromEntries(entries));
    }
    case 'value':
      return plan.quantity === undefined ? filled : parseQuantity(plan.quantity, filled as string);
  }
}

function resolveSection(plan: Extract<Plan, { kind: 'section' }>, document: Readonly<Record<string, Filled>>): unknown {
  const resolved: Record<string, unknown> = {};
  for (const [name, { plan: child, resolvedKey }] of plan.keys) resolved[resolvedKey] = resolve(child, document[name]);
  return Object.freeze(resolved);
}
