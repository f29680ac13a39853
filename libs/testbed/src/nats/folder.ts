import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TempDir, tempDir } from '../temp-dir.ts';

const NAME = 'nats';

let swept: Promise<void> | undefined;

/** Makes the folder that holds all of one server; those that dead test processes left are removed by the first one. */
export async function serverFolder(): Promise<TempDir> {
  swept ??= sweepStale();
  await swept;
  const folder = await tempDir(NAME);
  await writeFile(join(folder.path, 'owner'), `${process.pid} ${await startTicks(process.pid)}`);
  return folder;
}

/** A folder without an owner is being made or removed at this moment by another test process: it is left alone. */
async function sweepStale(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    if (!name.startsWith(`vedette-${NAME}-`)) continue;
    const folder = join(tmpdir(), name);
    const owner = await readFile(join(folder, 'owner'), 'utf8').catch(() => undefined);
    const [pid, ticks] = owner?.split(' ') ?? [];
    if (pid !== undefined && (await startTicks(Number(pid))) !== ticks)
      await rm(folder, { recursive: true, force: true });
  }
}

/** When a process was started: with its id it names it for good. `gone` when it is, and on systems without /proc. */
async function startTicks(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? 'gone';
}
