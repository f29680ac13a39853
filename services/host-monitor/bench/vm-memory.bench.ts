/**
 * What one VM costs the monitor: live and resident bytes, and the time to take in its row of a poll, as objects in
 * Maps, as flat objects and in the table of `src/vm-table`; then the whole monitor with all its actors. Each in a
 * process of its own.
 *
 *     node services/host-monitor/bench/vm-memory.bench.ts [--fleets 250x40,2500x40] [--only table] [--json FILE]
 *
 * The objects and the table run the monitor's own listings and outbox, all told and acknowledged; the flat objects only
 * compare and assign. 25000x40 is 1,000,000 VMs: up to 4 GB and some minutes a row.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { MonitorMemory } from './monitor-memory.child.ts';
import { representations } from './representations.ts';
import type { VMMemory } from './vm-memory.child.ts';

const notMeasured = [
  'what drivers keep of each VM for themselves, and connections',
  'of the representations: what else one host has beside listings and outbox (the whole monitor has it all)',
  'parsing of replies; garbage of the polls; the time of the garbage collector beyond what falls into the polls',
  'fragmentation after weeks of VMs that come and go',
];

const { values } = parseArgs({
  options: {
    fleets: { type: 'string', default: '250x40,2500x40' },
    only: { type: 'string', default: '' },
    json: { type: 'string' },
  },
});

const script = fileURLToPath(new URL('./vm-memory.child.ts', import.meta.url));
const wholeScript = fileURLToPath(new URL('./monitor-memory.child.ts', import.meta.url));
const flags = ['--expose-gc', '--max-old-space-size=10000'];
const results: VMMemory[] = [];
const whole: MonitorMemory[] = [];
for (const fleet of values.fleets.split(',')) {
  const [hosts = '250', vmsPerHost = '40'] = fleet.split('x');
  for (const name of Object.keys(representations).filter((one) => one.includes(values.only))) {
    const output = execFileSync(process.execPath, [...flags, script, name, hosts, vmsPerHost, '2000'], {
      encoding: 'utf8',
    });
    results.push(JSON.parse(output) as VMMemory);
  }
  const output = execFileSync(process.execPath, [...flags, wholeScript, hosts, vmsPerHost], { encoding: 'utf8' });
  whole.push(JSON.parse(output) as MonitorMemory);
}

console.table(
  results.map((result) => ({
    VMs: result.vms,
    representation: result.representation,
    'live B/VM': Math.round(result.liveBytesPerVM),
    heap: Math.round(result.heapBytesPerVM),
    external: Math.round(result.externalBytesPerVM),
    'RSS B/VM': Math.round(result.rssBytesPerVM),
    'poll ns/VM': Math.round(result.unchangedNsPerVM),
    'with hashes': Math.round(result.withHashesNsPerVM),
    '5 % changed': Math.round(result.changingNsPerVM),
    'longest begin ms': result.longestBeginMs.toFixed(1),
  })),
);
console.table(
  whole.map((result) => ({
    VMs: result.vms,
    'whole monitor': `${result.hosts} hosts`,
    'live B/VM': Math.round(result.liveBytesPerVM),
    heap: Math.round(result.heapBytesPerVM),
    external: Math.round(result.externalBytesPerVM),
    'RSS B/VM': Math.round(result.rssBytesPerVM),
    'us/poll with the making of rows': Math.round(result.cpuMicrosPerPoll),
  })),
);
console.log(`Not measured:\n${notMeasured.map((what) => `- ${what}`).join('\n')}`);
if (values.json !== undefined) {
  writeFileSync(
    values.json,
    `${JSON.stringify({ machine: machine(), commit: commit(), results, whole, notMeasured }, undefined, 2)}\n`,
  );
}

function machine(): Record<string, unknown> {
  const [cpu] = cpus();
  return {
    cpu: cpu?.model.trim(),
    cpus: cpus().length,
    memoryMiB: Math.round(totalmem() / 2 ** 20),
    loadAverage: loadavg(),
    node: process.version,
    v8: process.versions.v8,
  };
}

/** The commit measured; `+` if the checkout differs from it. */
function commit(): string {
  const git = (...args: string[]): string =>
    execFileSync('git', args, { cwd: import.meta.dirname, encoding: 'utf8' }).trim();
  try {
    return `${git('rev-parse', 'HEAD')}${git('status', '--porcelain', '..') === '' ? '' : '+'}`;
  } catch {
    return 'unknown: not a git checkout, or no commit yet';
  }
}
