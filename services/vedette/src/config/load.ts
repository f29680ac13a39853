import { resolve } from 'node:path';
import { ConfigError, type FlagValue, loadConfig, readConfigFile } from '@vedette/runtime/config';
import { type CheckUrl, completeHost, machineName, objections, type WatchedHost } from './hosts.ts';
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
  readonly signal?: AbortSignal;
}

/** A configuration with nothing left open. */
export interface Settings {
  readonly config: Config;
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
}

/** Environment variables with the prefix of the settings and another meaning. */
export const reservedVariables = ['VEDETTE_CONFIG'];

/**
 * Reads and checks the configuration, and completes it.
 *
 * @throws ConfigError with every fault, each with key, file and line (scenario D4)
 */
export async function loadSettings(source: SettingsSource): Promise<Settings> {
  const { file, env, flags, cwd, signal } = source;
  const text =
    file === undefined ? undefined : await readConfigFile(resolve(cwd, file), signal === undefined ? {} : { signal });
  const { config, origins } = loadConfig({
    schema: configSchema,
    ...(text === undefined || file === undefined ? {} : { file: { ...text, path: file } }),
    env,
    flags,
    reservedVariables,
    check: (checked) => objections(checked, source.checkUrl),
  });
  const where = { cwd, ...(file === undefined ? {} : { file }) };
  const absolute = (written: string, key: string): string => pathFrom(written, origins.get(key), where);
  const { path } = config.store;
  const storePath = path === undefined ? (source.fallbackStore ?? defaultStorePath(env)) : absolute(path, 'store.path');
  const { socket } = config.api;
  const socketPath = socket === undefined ? socketBeside(storePath) : absolute(socket, 'api.socket');
  const socketKey = socket === undefined ? 'store.path' : 'api.socket';
  if (Buffer.byteLength(socketPath) > maxSocketBytes) throw tooLong(socketKey, socketPath, origins.get(socketKey));
  return {
    config,
    hosts: config.hosts.map(completeHost),
    member: config.member ?? machineName(),
    machine: machineName(),
    storePath,
    socketPath,
    storeIsSet: path !== undefined,
  };
}

/** What the address of a unix socket holds, without its end mark (unix(7)). */
const maxSocketBytes = 107;

function tooLong(key: string, path: string, origin = 'default'): ConfigError {
  const place = /:([0-9]+):([0-9]+)$/.exec(origin);
  const message = `the API socket would be ${path}, of ${Buffer.byteLength(path)} bytes; a socket's path may have ${maxSocketBytes}`;
  const [line, column] = [place?.[1], place?.[2]].map((text) => (text === undefined ? undefined : Number(text)));
  return new ConfigError([{ code: 'VDT_CONFIG_BAD_VALUE', key, where: origin, line, column, message }]);
}
