import { execFileSync } from 'node:child_process';
import { cpus, loadavg, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';

/** What a figure was measured on. */
export function machine(): Record<string, unknown> {
  const [cpu] = cpus();
  return {
    cpu: cpu?.model.trim(),
    cpus: cpus().length,
    memoryMiB: Math.round(totalmem() / 2 ** 20),
    loadAverage: loadavg(),
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
    sqlite: process.versions.sqlite,
  };
}

/** The commit measured; `+` if the checkout differs from it. */
export function commit(): string {
  const git = (...args: string[]): string =>
    execFileSync('git', args, { cwd: fileURLToPath(new URL('.', import.meta.url)), encoding: 'utf8' }).trim();
  try {
    return `${git('rev-parse', 'HEAD')}${git('status', '--porcelain', '..') === '' ? '' : '+'}`;
  } catch {
    return 'unknown: not a git checkout, or no commit yet';
  }
}

/** Wall-clock seconds, and CPU seconds of the whole process with all its threads. */
export interface Spent {
  readonly seconds: number;
  readonly cpuSeconds: number;
}

export async function spent(work: () => Promise<void> | void): Promise<Spent> {
  const began = performance.now();
  const cpuBefore = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(cpuBefore);
  return { seconds: (performance.now() - began) / 1e3, cpuSeconds: (user + system) / 1e6 };
}

export function sum(all: readonly Spent[]): Spent {
  return {
    seconds: all.reduce((total, { seconds }) => total + seconds, 0),
    cpuSeconds: all.reduce((total, { cpuSeconds }) => total + cpuSeconds, 0),
  };
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] as number;
}

/** @param share between 0 and 1 */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] as number;
}
