import type Type from 'typebox';
import { allowed } from './allowed.ts';
import { flagName, variableName } from './names.ts';
import { isSettable, type Plan, planOf, type SectionPlan } from './plan.ts';

/** A key that the environment and the command line can set: a single value, or a list of them. */
export interface Setting {
  /** In the file, with dots: `monitor.pollInterval`. */
  readonly key: string;
  readonly path: readonly string[];
  /** The environment variable: `VEDETTE_MONITOR_POLL_INTERVAL`. */
  readonly variable: string;
  /** The flag, without its dashes: `monitor-poll-interval`. */
  readonly flag: string;
  /** Whether it takes several values: separated by commas, or as a repeated flag. */
  readonly list: boolean;
  /** Whether the flag may stand without a value, meaning true. */
  readonly boolean: boolean;
  /** Not for a command line, which every user of the machine can read; the variable is for whom a file will not do. */
  readonly secret: boolean;
  readonly description: string | undefined;
  /** As it would be written in the file; undefined when there is none. */
  readonly default: unknown;
  /** What may be written, as the end of a sentence. */
  readonly allowed: string;
}

/** Every setting of a schema, in its order: what the help text, the completion and the documentation are made of. */
export function describeSettings(schema: Type.TObject): readonly Setting[] {
  return settingsOf(planOf(schema));
}

/** @throws TypeError when two keys would have the same environment variable */
export function settingsOf(plan: SectionPlan): readonly Setting[] {
  const settings = new Map<string, Setting>();
  for (const setting of settingsIn(plan, [])) {
    const known = settings.get(setting.variable);
    if (known !== undefined && known.key !== setting.key) {
      throw new TypeError(`configuration schema: ${known.key} and ${setting.key} would both be ${setting.variable}`);
    }
    if (known === undefined) settings.set(setting.variable, setting); // variants may share a key
  }
  return [...settings.values()];
}

function* settingsIn(plan: Plan, path: readonly string[]): Generator<Setting> {
  if (plan.kind === 'section') {
    for (const [key, child] of plan.keys) yield* settingsIn(child.plan, [...path, key]);
  } else if (plan.kind === 'variants') {
    yield settingOf(plan.chooser, [...path, plan.by]);
    for (const section of plan.sections.values()) {
      for (const [key, child] of section.keys) if (key !== plan.by) yield* settingsIn(child.plan, [...path, key]);
    }
  } else if (isSettable(plan)) {
    yield settingOf(plan, path);
  }
}

function settingOf(plan: Plan, path: readonly string[]): Setting {
  return {
    key: path.join('.'),
    path,
    variable: variableName(path),
    flag: flagName(path),
    list: plan.kind === 'list',
    boolean: plan.kind === 'value' && plan.type === 'boolean',
    secret: plan.kind === 'value' && plan.secret,
    description: plan.description,
    default: plan.fallback,
    allowed: allowed(plan),
  };
}
