import { type ConfigFault, faultAt } from './faults.ts';
import type { Input, MapEntry, MapInput, ScalarInput } from './input.ts';
import { ENVIRONMENT_PREFIX } from './names.ts';
import { didYouMean, nearest } from './nearest.ts';
import type { Origin } from './origin.ts';
import type { Setting } from './settings.ts';

/** A flag's value: its text, `true` when it stood without one, several when it was repeated. */
export type FlagValue = string | boolean | readonly string[];

export interface EnvironmentOverlay {
  readonly root: MapInput;
  readonly settings: readonly Setting[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Names with the prefix that mean something else, or that the file itself refers to. */
  readonly known: ReadonlySet<string>;
  readonly faults: ConfigFault[];
}

/** Lays every `VEDETTE_*` variable over the tree. */
export function overlayEnvironment({ root, settings, env, known, faults }: EnvironmentOverlay): void {
  const byVariable = new Map(settings.map((setting) => [setting.variable, setting]));
  for (const [variable, text] of Object.entries(env)) {
    if (text === undefined || !variable.startsWith(ENVIRONMENT_PREFIX)) continue;
    const origin: Origin = { source: 'environment', variable };
    const setting = byVariable.get(variable);
    if (setting !== undefined) place(root, setting, untyped(text, origin), origin);
    else if (!known.has(variable)) {
      const near = didYouMean(nearest(variable, byVariable.keys()));
      const message = `no key has this environment variable${near}`;
      faults.push(faultAt('VDT_CONFIG_UNKNOWN_VARIABLE', '', origin, message));
    }
  }
}

export interface FlagOverlay {
  readonly root: MapInput;
  readonly settings: readonly Setting[];
  /** By name, without dashes. */
  readonly flags: Readonly<Record<string, FlagValue | undefined>>;
  readonly faults: ConfigFault[];
}

/** Lays the flags over the tree. */
export function overlayFlags({ root, settings, flags, faults }: FlagOverlay): void {
  const byFlag = new Map(settings.map((setting) => [setting.flag, setting]));
  for (const [flag, value] of Object.entries(flags)) {
    if (value === undefined) continue;
    const origin: Origin = { source: 'flag', flag };
    const setting = byFlag.get(flag);
    if (setting === undefined) {
      const near = nearest(flag, byFlag.keys());
      const message = `no key has this flag${didYouMean(near === undefined ? near : `--${near}`)}`;
      faults.push(faultAt('VDT_CONFIG_UNKNOWN_FLAG', '', origin, message));
    } else if (typeof value === 'boolean' && !setting.boolean) {
      const message = `the flag needs a value; expected ${setting.allowed}`;
      faults.push(faultAt('VDT_CONFIG_BAD_VALUE', setting.key, origin, message));
    } else place(root, setting, flagInput(value, origin), origin);
  }
}

function flagInput(value: FlagValue, origin: Origin): Input {
  if (typeof value === 'object') return { kind: 'list', origin, items: value.map((text) => untyped(text, origin)) };
  return untyped(String(value), origin);
}

function untyped(text: string, origin: Origin): ScalarInput {
  return { kind: 'scalar', origin, value: text, untyped: true };
}

/** Sections that the file leaves out or leaves empty are made; one that is something else stays, to be refused. */
function place(root: MapInput, setting: Setting, value: Input, origin: Origin): void {
  let section = root;
  for (const name of setting.path.slice(0, -1)) {
    const next = sectionIn(section, name, origin);
    if (next === undefined) return;
    section = next;
  }
  const last = setting.path.at(-1) ?? '';
  const before = section.entries.get(last);
  const input = before === undefined ? value : { ...value, overrides: before.value };
  section.entries.set(last, { origin: before?.origin ?? origin, value: input });
}

function sectionIn(parent: MapInput, name: string, origin: Origin): MapInput | undefined {
  const entry: MapEntry | undefined = parent.entries.get(name);
  if (entry?.value.kind === 'map') return entry.value;
  const empty = entry === undefined || (entry.value.kind === 'scalar' && entry.value.value === null);
  if (!empty) return undefined;
  const made: MapInput = { kind: 'map', origin: entry?.value.origin ?? origin, entries: new Map() };
  parent.entries.set(name, { origin: entry?.origin ?? origin, value: made });
  return made;
}
