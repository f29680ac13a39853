import { homedir } from 'node:os';
import { dirname, extname, isAbsolute, join, resolve } from 'node:path';

type Environment = Readonly<Record<string, string | undefined>>;

/** Where Vedette keeps what it has to remember for this user (XDG Base Directory Specification 0.8). */
export function stateDirectory(env: Environment): string {
  const { XDG_STATE_HOME: given } = env;
  const base = given !== undefined && isAbsolute(given) ? given : join(env.HOME ?? homedir(), '.local', 'state');
  return join(base, 'vedette');
}

/** The store of `vedette up` where none is set. */
export function defaultStorePath(env: Environment): string {
  return join(stateDirectory(env), 'store.sqlite');
}

/** The store of `vedette demo` where none is set; apart from the real one, so that neither shows in the other. */
export function demoStorePath(env: Environment): string {
  return join(stateDirectory(env), 'demo', 'store.sqlite');
}

/** The API socket of the process that has this store, where none is set: beside it. */
export function socketBeside(storePath: string): string {
  const extension = extname(storePath);
  const stem = extension === '' ? storePath : storePath.slice(0, -extension.length);
  return `${stem}.sock`;
}

/**
 * The absolute path of one that was written in the configuration file, and is then relative to it, or elsewhere
 * (`origin` as the loader gives it).
 */
export function pathFrom(written: string, origin: string | undefined, where: { file?: string; cwd: string }): string {
  const fromFile = where.file !== undefined && origin?.startsWith(`${where.file}:`) === true;
  return resolve(where.cwd, fromFile ? dirname(where.file ?? '') : '', written);
}
