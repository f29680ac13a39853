/**
 * What being watched costs a libvirtd: its processor time, from /proc/PID/stat, with and without a fetcher that polls
 * every 3 s as a host actor does.
 *
 *     node libs/fetcher/bench/libvirtd-load.bench.ts [--json FILE] [--guests 10,40] [--seconds 60]
 *
 * Real QEMUs under a private libvirtd: BIOS-only guests, emulated, without disk, NIC and agent. Per number of guests
 * three phases of equal length: nobody connected; a fetcher polling (definitions read and everything settled before);
 * then one call of deviceStats, as it is made every 5 minutes, by itself. Needs root and an otherwise calm machine.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import type { HostFetcher } from '@vedette/fetcher';
import { libvirtDriver } from '@vedette/fetcher/libvirt';
import { RealClock } from '@vedette/runtime';
import { libvirtAvailable, type PrivateLibvirt, startLibvirt } from '@vedette/testbed/libvirt';

const NOT_MEASURED = [
  'guest agents, leases and the neighbour table: these guests have none; an agent costs a call each 15 s, most of it waiting',
  'definitions: read once before; then after events, and once in 30 minutes each',
  'the processor time of QEMU for its one monitor command each 15 s',
  'hardware with KVM, where monitors answer faster than under emulation; TLS and ssh',
  'guests with many disks and NICs, whose device statistics are longer',
];

const POLL_MS = 3_000;
const TICKS_PER_S = 100;
const clock = new RealClock();

const { values } = parseArgs({
  options: {
    json: { type: 'string' },
    guests: { type: 'string', default: '10,40' },
    seconds: { type: 'string', default: '60' },
  },
});
const available = libvirtAvailable();
if (!available.ok) {
  console.error(`cannot run here: ${available.reason}`);
  process.exit(1);
}

interface Result {
  readonly guests: number;
  readonly idlePercent: number;
  readonly polledPercent: number;
  readonly pollP50Ms: number;
  readonly pollMaxMs: number;
  readonly deviceStatsCpuMs: number;
  readonly deviceStatsMs: number;
}

const seconds = Number(values.seconds);
const results: Result[] = [];
await using libvirt = await startLibvirt();
let running = 0;
for (const guests of values.guests.split(',').map(Number)) {
  for (; running < guests; running++) await libvirt.startBiosGuest(`guest${running}`);
  results.push(await measure(libvirt, guests));
}

console.table(
  results.map((result) => ({
    guests: result.guests,
    'libvirtd, nobody connected (% of a CPU)': result.idlePercent.toFixed(2),
    'polled every 3 s (% of a CPU)': result.polledPercent.toFixed(2),
    'a poll, p50 (ms)': result.pollP50Ms.toFixed(1),
    'a poll, longest (ms)': result.pollMaxMs.toFixed(1),
    'one deviceStats (ms of CPU)': result.deviceStatsCpuMs.toFixed(0),
    'one deviceStats (ms)': result.deviceStatsMs.toFixed(0),
  })),
);
console.log(`Not measured:\n${NOT_MEASURED.map((line) => `- ${line}`).join('\n')}`);
if (values.json !== undefined) {
  writeFileSync(
    values.json,
    `${JSON.stringify({ seconds, results, notMeasured: NOT_MEASURED, machine: machine() })}\n`,
  );
}

async function measure(on: PrivateLibvirt, guests: number): Promise<Result> {
  await clock.sleep(10_000); // BIOSes come to rest
  const idlePercent = await percentOver(on, () => clock.sleep(seconds * 1_000));
  const driver = libvirtDriver({ clock });
  await using fetcher = driver.open({ id: 'bench', url: `libvirt:///system?socket=${on.socketPath}` });
  await poll(fetcher, 15_000);
  const tookMs: number[] = [];
  const polledPercent = await percentOver(on, async () => void tookMs.push(...(await poll(fetcher, seconds * 1_000))));
  const beganMs = clock.now();
  const cpuBeforeMs = cpuMsOf(on);
  const sampled = await fetcher.deviceStats({ timeoutMs: 30_000 });
  if (sampled.size !== guests) throw new Error(`${sampled.size} of ${guests} guests were sampled`);
  const sorted = tookMs.toSorted((a, b) => a - b);
  return {
    guests,
    idlePercent,
    polledPercent,
    pollP50Ms: sorted[sorted.length >> 1] ?? Number.NaN,
    pollMaxMs: sorted.at(-1) ?? Number.NaN,
    deviceStatsCpuMs: cpuMsOf(on) - cpuBeforeMs,
    deviceStatsMs: clock.now() - beganMs,
  };
}

/** Polls for so long; how long each took. */
async function poll(fetcher: HostFetcher, forMs: number): Promise<readonly number[]> {
  const tookMs: number[] = [];
  const endMs = clock.now() + forMs;
  for (let nextMs = clock.now(); nextMs < endMs; nextMs += POLL_MS) {
    await clock.sleep(nextMs - clock.now());
    const beganMs = clock.now();
    await fetcher.runtimeStats({ timeoutMs: 10_000 });
    tookMs.push(clock.now() - beganMs);
  }
  await clock.sleep(endMs - clock.now());
  return tookMs;
}

async function percentOver(on: PrivateLibvirt, work: () => Promise<void>): Promise<number> {
  const beganMs = clock.now();
  const before = cpuMsOf(on);
  await work();
  return (100 * (cpuMsOf(on) - before)) / (clock.now() - beganMs);
}

/** User and system time of libvirtd, to 10 ms. */
function cpuMsOf({ rootDir, baseDir }: PrivateLibvirt): number {
  const pid = readFileSync(`${baseDir}/run/libvirtd.pid`, 'utf8').trim();
  const stat = readFileSync(`${rootDir}/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1_000) / TICKS_PER_S;
}

function machine(): Record<string, unknown> {
  const [cpu] = cpus();
  return {
    cpu: cpu?.model.trim(),
    cpus: cpus().length,
    memoryMiB: Math.round(totalmem() / 2 ** 20),
    loadAverage: loadavg(),
    node: process.version,
    libvirt: execFileSync('virsh', ['--version'], { encoding: 'utf8' }).trim(),
  };
}
