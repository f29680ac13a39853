import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The oldest nats-server that the bus driver works with. */
export const oldestVersion = '2.10.0';

/** Where `make setup` puts the program when the machine has none, or an old one. */
const unpackedDir = join(import.meta.dirname, '../../../../.cache/testbed/nats');

export interface NatsProgram {
  readonly path: string;
  /** As `2.10.27`. */
  readonly version: string;
}

/** The program to start, or in a sentence why there is none. */
export type FoundProgram = NatsProgram | { readonly reason: string };

let found: FoundProgram | undefined;

/** Looks on PATH and in .cache/testbed, once in the life of this process. */
export function findNatsProgram(): FoundProgram {
  found ??= lookFor(pathCandidates());
  return found;
}

/** The first of these programs that runs and is new enough. */
export function lookFor(candidates: readonly string[]): FoundProgram {
  const present = candidates.filter((path) => existsSync(path));
  const refused: string[] = [];
  for (const path of present) {
    const version = versionOf(path);
    if (version !== undefined && isNewEnough(version)) return { path, version };
    refused.push(version === undefined ? `${path} does not run` : `${path} is ${version}`);
  }
  const why = refused.length === 0 ? 'none is on PATH or in .cache/testbed/nats' : refused.join(', ');
  return { reason: `no nats-server >= ${oldestVersion}: ${why}; run \`make setup\`` };
}

function pathCandidates(): string[] {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin', unpackedDir];
  return [...new Set(folders)].filter((folder) => folder !== '').map((folder) => join(folder, 'nats-server'));
}

function versionOf(path: string): string | undefined {
  const { stdout } = spawnSync(path, ['--version'], { encoding: 'utf8', timeout: 10_000 });
  return /^nats-server: v(\d+\.\d+\.\d+)/.exec(stdout ?? '')?.[1];
}

function isNewEnough(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [wantedMajor = 0, wantedMinor = 0] = oldestVersion.split('.').map(Number);
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}
