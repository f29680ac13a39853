import { access, stat } from 'node:fs/promises';
import { isAnswered } from '@vedette/api/contract';
import { VedetteError } from '@vedette/runtime';
import { loadSettings } from '../config/load.ts';
import { defaultStorePath, demoStorePath, socketBeside } from '../config/paths.ts';
import type { CommandContext } from '../context.ts';
import '../errors.ts';
import { runningProcesses } from '../process/registry.ts';

/** How a person says whom to ask; nothing: whoever runs. */
export interface Whom {
  readonly config?: string | undefined;
  readonly store?: string | undefined;
}

/** Where the answer is to be had. */
export type Located =
  | { readonly kind: 'process'; readonly socketPath: string }
  | { readonly kind: 'store'; readonly storePath: string; readonly writtenMs: number };

/**
 * Finds the process to ask, or the store to read when none runs: that of the configuration, environment or flag
 * where one names it; else the one process that runs; else the user's own store, else that of the last demo.
 *
 * @throws VedetteError VDT_COMMAND_NOTHING_RUNS, VDT_COMMAND_SEVERAL_RUN; ConfigError
 */
export async function locate(context: CommandContext, whom: Whom): Promise<Located> {
  const { env, cwd } = context;
  const file = whom.config ?? env.VEDETTE_CONFIG;
  const settings = await loadSettings({ file, env, cwd, flags: { 'store-path': whom.store }, withHosts: false });
  if (file !== undefined || settings.storeIsSet || settings.config.api.socket !== undefined) {
    return located([settings]);
  }
  const [one, ...others] = await runningProcesses(env);
  if (one !== undefined && others.length === 0) return { kind: 'process', socketPath: one.socket };
  if (one !== undefined) {
    const stores = [one, ...others].map(({ store }) => store);
    const message = `${stores.length} processes of Vedette are running, with the stores ${stores.join(' and ')}`;
    throw new VedetteError('VDT_COMMAND_SEVERAL_RUN', { message });
  }
  return located([defaultStorePath(env), demoStorePath(env)].map(withSocket));
}

interface Candidate {
  readonly storePath: string;
  readonly socketPath: string;
}

function withSocket(storePath: string): Candidate {
  return { storePath, socketPath: socketBeside(storePath) };
}

async function located(candidates: readonly Candidate[]): Promise<Located> {
  for (const { socketPath } of candidates) {
    // oxlint-disable-next-line no-await-in-loop -- the first that answers is the one
    if (await isAnswered(socketPath)) return { kind: 'process', socketPath };
  }
  for (const { storePath } of candidates) {
    // oxlint-disable-next-line no-await-in-loop -- as above
    const writtenMs = await lastWritten(storePath);
    if (writtenMs !== undefined) return { kind: 'store', storePath, writtenMs };
  }
  const places = candidates.map(({ storePath }) => storePath).join(' or ');
  const message = `nothing is running, and there is no store at ${places}`;
  throw new VedetteError('VDT_COMMAND_NOTHING_RUNS', { message });
}

/** When the store, or what stands in its write-ahead log, was last written; undefined where there is no store. */
async function lastWritten(storePath: string): Promise<number | undefined> {
  try {
    await access(storePath);
  } catch {
    return undefined; // there is none, or none that this user may see
  }
  const times = await Promise.all([modifiedMs(storePath), modifiedMs(`${storePath}-wal`)]);
  return Math.max(...times);
}

async function modifiedMs(path: string): Promise<number> {
  return stat(path).then(
    ({ mtimeMs, size }) => (size === 0 ? 0 : mtimeMs), // a reader leaves an empty log
    () => 0, // a store that was closed in order has no log beside it
  );
}
