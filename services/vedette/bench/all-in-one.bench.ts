/**
 * What the all-in-one process costs: from its start to the first HostSnapshot beside importing the same modules, and
 * its processor time and memory while it watches a simulated fleet.
 *
 *     node services/vedette/bench/all-in-one.bench.ts [--fleet 250x40] [--seconds 60] [--repeats 7] [--json FILE]
 *
 * Not measured: a real hypervisor (its own first answer), a busy bus, a store that has grown for weeks. The processor
 * time includes the simulation of the hosts, which runs in the same process.
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { cpus, loadavg, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const main = join(import.meta.dirname, '../src/main.ts');
const importOnly = join(import.meta.dirname, 'import-only.ts');
const { values: args } = parseArgs({
  options: {
    fleet: { type: 'string', default: '250x40' },
    seconds: { type: 'string', default: '60' },
    repeats: { type: 'string', default: '7' },
    json: { type: 'string' },
  },
});

interface Demo extends AsyncDisposable {
  readonly pid: number;
  readonly firstSnapshotMs: Promise<number>;
}

async function startDemo(fleet: string): Promise<Demo> {
  const state = await mkdtemp(join(tmpdir(), 'vedette-bench-'));
  const beganMs = performance.now();
  const child = spawn(process.execPath, [main, 'up', '--fleet', fleet], {
    env: { ...process.env, XDG_STATE_HOME: state, XDG_RUNTIME_DIR: state },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const first = Promise.withResolvers<number>();
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    if (!log.includes('first snapshot') && `${log}${text}`.includes('first snapshot'))
      first.resolve(performance.now() - beganMs);
    log = `${log}${text}`.slice(-65_536);
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  void ended.then(() => first.reject(new Error(`the process ended early:\n${log}`)));
  return {
    pid: child.pid ?? 0,
    firstSnapshotMs: first.promise,
    async [Symbol.asyncDispose]() {
      child.kill('SIGINT');
      await ended;
      await rm(state, { recursive: true });
    },
  };
}

async function measureStart(repeats: number): Promise<{ readonly imports: number[]; readonly starts: number[] }> {
  const imports: number[] = [];
  const starts: number[] = [];
  for (let repeat = 0; repeat < repeats; repeat++) {
    const beganMs = performance.now();
    execFileSync(process.execPath, [importOnly], { stdio: 'ignore' });
    imports.push(performance.now() - beganMs);
    await using demo = await startDemo('25x40');
    starts.push(await demo.firstSnapshotMs);
  }
  return { imports, starts };
}

interface Load {
  readonly cpuShareOfOneCore: number;
  readonly rssMiB: number;
  readonly peakRssMiB: number;
}

async function measureLoad(fleet: string, seconds: number): Promise<Load> {
  await using demo = await startDemo(fleet);
  await demo.firstSnapshotMs;
  await sleep(20_000); // the first contact, and the documents asked for after it
  const before = await cpuSeconds(demo.pid);
  await sleep(seconds * 1_000);
  const used = (await cpuSeconds(demo.pid)) - before;
  const status = await readFile(`/proc/${demo.pid}/status`, 'utf8');
  const kiB = (name: string): number => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0);
  return { cpuShareOfOneCore: used / seconds, rssMiB: kiB('VmRSS') / 1024, peakRssMiB: kiB('VmHWM') / 1024 };
}

async function cpuSeconds(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function median(samples: readonly number[]): number {
  return [...samples].sort((a, b) => a - b)[samples.length >> 1] ?? Number.NaN;
}

const start = await measureStart(Number(args.repeats));
const load = await measureLoad(args.fleet, Number(args.seconds));
const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: import.meta.dirname })
  .toString()
  .trim();
const result = {
  start: { importMs: median(start.imports), firstSnapshotMs: median(start.starts), ...start },
  load: { fleet: args.fleet, seconds: Number(args.seconds), ...load },
  machine: {
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    memoryMiB: Math.round(totalmem() / 2 ** 20),
    loadavg: loadavg(),
  },
  node: process.version,
  commit,
};
const ratio = result.start.firstSnapshotMs / result.start.importMs;
console.log(
  `start: importing the same modules ${result.start.importMs.toFixed(0)} ms, to the first HostSnapshot ${result.start.firstSnapshotMs.toFixed(0)} ms, ratio ${ratio.toFixed(2)} (to reach: 1.30)`,
);
console.log(
  `load ${args.fleet}: ${(100 * load.cpuShareOfOneCore).toFixed(1)} % of one core, ${load.rssMiB.toFixed(0)} MiB resident, ${load.peakRssMiB.toFixed(0)} MiB at its peak`,
);
if (args.json !== undefined) await writeFile(args.json, `${JSON.stringify(result, undefined, 2)}\n`);
