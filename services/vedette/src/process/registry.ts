import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isAnswered } from '@vedette/api/contract';
import Type from 'typebox';
import { Check } from 'typebox/schema';
import { stateDirectory } from '../config/paths.ts';

/**
 * Who runs: one small file a process, so that a question without options finds the process to ask, wherever its
 * store is. A file is only a hint: what counts is whether its socket answers.
 */
const Entry = Type.Object({
  pid: Type.Integer({ minimum: 1 }),
  kind: Type.Enum(['up', 'demo']),
  store: Type.String({ minLength: 1, maxLength: 4096 }),
  socket: Type.String({ minLength: 1, maxLength: 512 }),
});
export type RegisteredProcess = Readonly<Type.Static<typeof Entry>>;

type Environment = Readonly<Record<string, string | undefined>>;

/** Writes this process down; disposing strikes it out. Also removes files of processes that answer no more. */
export async function registerProcess(env: Environment, entry: RegisteredProcess): Promise<AsyncDisposable> {
  const folder = registryFolder(env);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await runningProcesses(env); // as a side effect forgets the dead
  const file = join(folder, `${entry.pid}.json`);
  await writeFile(`${file}.new`, JSON.stringify(entry), { mode: 0o600 });
  await rename(`${file}.new`, file);
  return { [Symbol.asyncDispose]: () => rm(file, { force: true }) };
}

/** The processes that answer now, oldest process number first. */
export async function runningProcesses(env: Environment): Promise<readonly RegisteredProcess[]> {
  const folder = registryFolder(env);
  const names = await readdir(folder).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []; // nobody ever ran
    throw error;
  });
  const files = names.filter((name) => /^[0-9]+\.json$/.test(name)).map((name) => join(folder, name));
  const found = await Promise.all(files.map(answering));
  return found.filter((entry) => entry !== undefined).sort((a, b) => a.pid - b.pid);
}

function registryFolder(env: Environment): string {
  return join(stateDirectory(env), 'processes');
}

/** The process of a file; one that answers no more, or a file that is none of ours, is removed. */
async function answering(file: string): Promise<RegisteredProcess | undefined> {
  const entry = await readFile(file, 'utf8').then(parse, () => undefined); // struck out meanwhile
  if (entry !== undefined && (await isAnswered(entry.socket))) return entry;
  await rm(file, { force: true });
  return undefined;
}

function parse(text: string): RegisteredProcess | undefined {
  try {
    const entry: unknown = JSON.parse(text);
    return Check(Entry, entry) ? entry : undefined;
  } catch {
    return undefined; // not JSON: no entry
  }
}
