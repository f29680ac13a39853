import { dirname, isAbsolute, join, resolve } from 'node:path';
import { ConfigError, type ConfigFault, type FlagValue, loadConfig, readConfigFile } from '@vedette/runtime/config';
import { type HostGroup, resolveGroups } from './host-groups.ts';
import { type CheckUrl, checkUrlOnBus, machineName, type WatchedHost } from './hosts.ts';
import { type InventoryFault, resolveInventory } from './inventory.ts';
import { defaultStorePath, pathFrom, socketBeside } from './paths.ts';
import { type Config, configSchema } from './schema.ts';

export type { WatchedHost } from './hosts.ts';

/** Where the settings of a command come from. */
export interface SettingsSource {
  /** `--config`, or VEDETTE_CONFIG; undefined: no file. */
  readonly file: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** By the names of the settings, without dashes. */
  readonly flags: Readonly<Record<string, FlagValue | undefined>>;
  readonly cwd: string;
  /** The store where nothing names one; the user's own unless said. */
  readonly fallbackStore?: string;
  /** What the fetchers object to in the URL of a host; left out: only the scheme is looked at. */
  readonly checkUrl?: CheckUrl;
  /** Default true. False leaves them out, unread and unchecked: a question needs to know only whom to ask. */
  readonly withHosts?: boolean;
  readonly signal?: AbortSignal;
}

/** A configuration with nothing left open. */
export interface Settings {
  readonly config: Config;
  readonly groups: ReadonlyMap<string, HostGroup>;
  /** Ranges and hosts files have become hosts. */
  readonly hosts: readonly WatchedHost[];
  readonly member: string;
  /** This machine's name, as an identifier. */
  readonly machine: string;
  /** Absolute. */
  readonly storePath: string;
  /** Absolute. */
  readonly socketPath: string;
  /** Whether a file, the environment or a flag names the store. */
  readonly storeIsSet: boolean;
  /** Makes a path written at this key absolute: relative to the configuration file where it is written there. */
  readonly inConfig: (path: string, key: string) => string;
}

/** Environment variables with the prefix of the settings and another meaning. */
export const reservedVariables = ['VEDETTE_CONFIG'];

/**
 * Reads and checks the configuration with all its hosts, and completes it.
 *
 * @throws ConfigError with every fault, each with key, file and line (scenario D4)
 */
export async function loadSettings(source: SettingsSource): Promise<Settings> {
  const { file, env, flags, cwd, withHosts = true } = source;
  const text = file === undefined ? undefined : await readConfigFile(resolve(cwd, file), reading(source));
  const { config, origins } = loadConfig({
    schema: configSchema,
    ...(text === undefined || file === undefined ? {} : { file: { ...text, path: file } }),
    ...{ env, flags, reservedVariables },
  });
  const where = { cwd, ...(file === undefined ? {} : { file }) };
  const absolute = (written: string, key: string): string => pathFrom(written, origins.get(key), where);
  const groups = resolveGroups(config, absolute);
  const hosts = withHosts ? await hostsOf(source, config, { origins, groups }) : [];
  const { path } = config.store;
  const storePath = path === undefined ? (source.fallbackStore ?? defaultStorePath(env)) : absolute(path, 'store.path');
  const { socket } = config.api;
  const socketPath = socket === undefined ? socketBeside(storePath) : absolute(socket, 'api.socket');
  const socketKey = socket === undefined ? 'store.path' : 'api.socket';
  if (Buffer.byteLength(socketPath) > maxSocketBytes) throw tooLong(socketKey, socketPath, origins.get(socketKey));
  return {
    ...{ config, groups, hosts, storePath, socketPath },
    member: config.member ?? machineName(),
    machine: machineName(),
    storeIsSet: path !== undefined,
    inConfig: absolute,
  };
}

interface Read {
  readonly origins: ReadonlyMap<string, string>;
  readonly groups: ReadonlyMap<string, HostGroup>;
}

/** @throws ConfigError with everything that is wrong with them */
async function hostsOf(source: SettingsSource, config: Config, read: Read): Promise<readonly WatchedHost[]> {
  const { cwd, file = '' } = source;
  const { hosts, faults } = await resolveInventory(config, {
    groups: read.groups,
    checkUrl: checkUrlOnBus(config.bus.url, source.checkUrl),
    readHosts: async (written) => {
      const path = isAbsolute(written) ? written : join(dirname(file), written);
      const { text } = await readConfigFile(resolve(cwd, path), reading(source)).catch((error: unknown) => {
        throw renamed(error, path);
      });
      return { path, text };
    },
  });
  if (faults.length > 0) throw new ConfigError(faults.map((fault) => placed(fault, read.origins)));
  return hosts;
}

/** The same faults under the name by which people know the file. */
function renamed(error: unknown, where: string): unknown {
  return error instanceof ConfigError ? new ConfigError(error.faults.map((fault) => ({ ...fault, where }))) : error;
}

function placed({ key, at, message }: InventoryFault, origins: ReadonlyMap<string, string>): ConfigFault {
  if (at !== undefined) {
    const { path, line } = at;
    return { code: 'VDT_CONFIG_BAD_VALUE', key, where: `${path}:${line}`, line, column: undefined, message };
  }
  return faultAt(key, originOf(key, origins), message);
}

/** The value's own place, or that of the nearest section around it that has one. */
function originOf(key: string, origins: ReadonlyMap<string, string>): string | undefined {
  for (let path = key; path !== ''; path = path.replace(/(\.[^.[\]]*|\[[0-9]*\]|^[^.[]*)$/, '')) {
    const origin = origins.get(path);
    if (origin !== undefined) return origin;
  }
  return undefined;
}

/** What the address of a unix socket holds, without its end mark (unix(7)). */
const maxSocketBytes = 107;

function tooLong(key: string, path: string, origin = 'default'): ConfigError {
  const message = `the API socket would be ${path}, of ${Buffer.byteLength(path)} bytes; a socket's path may have ${maxSocketBytes}`;
  return new ConfigError([faultAt(key, origin, message)]);
}

function faultAt(key: string, origin = 'no configuration file', message: string): ConfigFault {
  const place = /:([0-9]+):([0-9]+)$/.exec(origin);
  const [line, column] = [place?.[1], place?.[2]].map((text) => (text === undefined ? undefined : Number(text)));
  return { code: 'VDT_CONFIG_BAD_VALUE', key, where: origin, line, column, message };
}

function reading({ signal }: SettingsSource): { readonly signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}
