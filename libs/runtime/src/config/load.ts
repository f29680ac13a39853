import type Type from 'typebox';
import { ConfigError, type ConfigFault, faultAt } from './faults.ts';
import { type Filling, fill } from './fill.ts';
import type { MapInput } from './input.ts';
import { type Origin, originText } from './origin.ts';
import { type FlagValue, overlayEnvironment, overlayFlags } from './overlay.ts';
import { planOf } from './plan.ts';
import { type ConfigFile, readYaml } from './read-yaml.ts';
import { resolve } from './resolve.ts';
import type { Resolved } from './resolved.ts';
import { settingsOf } from './settings.ts';

export interface LoadConfigOptions<S extends Type.TObject> {
  /** Made of the building blocks of schema.ts. */
  readonly schema: S;
  /** Left out: defaults, environment and flags only. */
  readonly file?: ConfigFile;
  /** Usually process.env. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** By name without dashes, as {@link describeSettings} names them; undefined values count as not given. */
  readonly flags?: Readonly<Record<string, FlagValue | undefined>>;
  /** `VEDETTE_*` variables with another meaning, which are not faults: for instance `VEDETTE_CONFIG`. */
  readonly reservedVariables?: readonly string[];
  /** What no schema can say: names that must differ, one duration that must be below another. */
  readonly check?: (config: Resolved<S>) => Iterable<ConfigObjection>;
}

/** What a {@link LoadConfigOptions.check} objects to. */
export interface ConfigObjection {
  /** As it stands in the file: `monitor.pollInterval`, `hosts[2].name`. */
  readonly key: string;
  /** What is wrong and what is allowed. */
  readonly message: string;
}

export interface LoadedConfig<S extends Type.TObject> {
  readonly config: Resolved<S>;
  /** Where each key got its value, as people look for it; for `validate` and the log. */
  readonly origins: ReadonlyMap<string, string>;
}

/**
 * Puts file, environment and flags over the defaults (a flag wins over the environment, it over the file, it over
 * the default), checks everything against the schema, and resolves it (scenario D4, I9). Nothing is ever repaired:
 * a value that is overridden is still checked.
 *
 * @throws ConfigError with all faults at once; TypeError when the schema itself is at fault
 */
export function loadConfig<S extends Type.TObject>(options: LoadConfigOptions<S>): LoadedConfig<S> {
  const plan = planOf(options.schema);
  const faults: ConfigFault[] = [];
  const root = readSources(options, plan, faults);
  const filling = fill(plan, root, faults);
  refuse(faults);
  const config = resolve(plan, filling.document) as Resolved<S>;
  for (const { key, message } of options.check?.(config) ?? []) {
    faults.push(faultAt('VDT_CONFIG_BAD_VALUE', key, originOf(filling, key), message));
  }
  refuse(faults);
  const origins = new Map([...filling.origins].map(([key, origin]) => [key, originText(origin)]));
  return { config, origins };
}

function readSources<S extends Type.TObject>(
  { file, env, flags = {}, reservedVariables = [] }: LoadConfigOptions<S>,
  plan: ReturnType<typeof planOf>,
  faults: ConfigFault[],
): MapInput {
  const settings = settingsOf(plan);
  const known = new Set(reservedVariables);
  const root =
    file === undefined ? emptyDocument : readYaml({ file, env, onVariable: (name) => known.add(name), faults });
  if (root === undefined) throw new ConfigError(faults); // without the file, every other fault would be a guess
  const map = root.kind === 'map' ? root : undefined;
  if (map === undefined) {
    faults.push(
      faultAt('VDT_CONFIG_BAD_VALUE', '', root.origin, 'the file is no section: expected keys at its left edge'),
    );
    throw new ConfigError(faults);
  }
  const own = { ...map, entries: new Map(map.entries) };
  overlayEnvironment({ root: own, settings, env, known, faults });
  overlayFlags({ root: own, settings, flags, faults });
  return own;
}

const emptyDocument: MapInput = { kind: 'map', origin: { source: 'none' }, entries: new Map() };

/** The value's own place, or that of the nearest section around it that has one. */
function originOf({ origins }: Filling, key: string): Origin {
  for (let path = key; path !== ''; path = path.replace(/(\.[^.[\]]*|\[[0-9]*\]|^[^.[]*)$/, '')) {
    const origin = origins.get(path);
    if (origin !== undefined) return origin;
  }
  return { source: 'none' };
}

function refuse(faults: readonly ConfigFault[]): void {
  if (faults.length > 0) throw new ConfigError(faults);
}
