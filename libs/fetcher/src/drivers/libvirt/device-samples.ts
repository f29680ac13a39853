import type { DeviceSample, DiskSample, InterfaceSample, MemorySample, VcpuSample } from '@vedette/model';

/**
 * libvirt's statistics of a domain in the fields of a {@link DeviceSample}.
 *
 * V1. What libvirt does not tell is left out, never zero. So is what it tells as unknown: a negative number, or one of
 *     2^63 and above (a -1 that travelled as unsigned).
 * V2. Nanoseconds become seconds, to the last place that a number of seconds has (2 ns after 104 days of processor time,
 *     where nanoseconds themselves pass what a number holds exactly); KiB become bytes.
 * V3. The order of the parameters does not show: devices come in the order of their numbers.
 */

/** libvirt's typed parameters by name, as `balloon.current`; 64-bit integers may come exact, as bigint. */
export type StatsParams = ReadonlyMap<string, number | bigint | boolean | string>;

/** What is sampled of a domain's devices, from the groups that `params` has. Never throws. */
export function deviceSample(params: StatsParams): DeviceSample {
  return {
    ...withoutUndefined({
      cpuTimeS: secondsOf(params, 'cpu.time'),
      cpuUserS: secondsOf(params, 'cpu.user'),
      cpuSystemS: secondsOf(params, 'cpu.system'),
      maximumVcpus: countOf(params, 'vcpu.maximum'),
      currentVcpus: countOf(params, 'vcpu.current'),
    }),
    vcpus: numbersOf(params, 'vcpu').flatMap((vcpu) => vcpuSample(params, vcpu)),
    memory: memorySample(params),
    disks: disksOf(params),
    interfaces: numbersOf(params, 'net').flatMap((nic) => interfaceSample(params, `net.${nic}`)),
  };
}

/**
 * Whether QEMU itself has answered for these statistics, of the groups balloon and block. False is what a hung QEMU
 * looks like in an answer that did not wait for it (`statsFlags.noWait`): libvirt then tells only what it knows without
 * asking. False, too, for a domain that is not active, and for one on which another call holds a job just then (a
 * migration, a snapshot): without waiting, libvirt cannot tell these from a hang. So one `false` is a suspicion only.
 */
export function hasMonitorFields(params: StatsParams): boolean {
  for (const name of params.keys()) {
    if (name.startsWith('balloon.') && !knownWithoutMonitor.has(name)) return true;
    if (blockField.test(name)) return true;
  }
  return false;
}

/** From the definition; the rest of `balloon` libvirt fetches under the job that a hung QEMU holds, `rss` too. */
const knownWithoutMonitor: ReadonlySet<string> = new Set(['balloon.current', 'balloon.maximum']);
/** The counters; names and paths come from the definition. */
const blockField = /^block\.\d+\.(?:rd|wr|fl)\./;

function vcpuSample(params: StatsParams, vcpu: number): readonly VcpuSample[] {
  const state = countOf(params, `vcpu.${vcpu}.state`);
  if (state === undefined || !Number.isInteger(state)) return [];
  const times = withoutUndefined({
    timeS: secondsOf(params, `vcpu.${vcpu}.time`),
    waitS: secondsOf(params, `vcpu.${vcpu}.wait`),
    delayS: secondsOf(params, `vcpu.${vcpu}.delay`),
  });
  return [{ vcpu, state, ...times }];
}

/** A domain without a balloon driver tells `maximum`, `current` and `rss` only. */
function memorySample(params: StatsParams): MemorySample {
  return withoutUndefined({
    maximumBytes: bytesOf(params, 'balloon.maximum'),
    currentBytes: bytesOf(params, 'balloon.current'),
    availableBytes: bytesOf(params, 'balloon.available'),
    unusedBytes: bytesOf(params, 'balloon.unused'),
    usableBytes: bytesOf(params, 'balloon.usable'),
    diskCachesBytes: bytesOf(params, 'balloon.disk_caches'),
    swapInBytes: bytesOf(params, 'balloon.swap_in'),
    swapOutBytes: bytesOf(params, 'balloon.swap_out'),
    majorFaults: countOf(params, 'balloon.major_fault'),
    minorFaults: countOf(params, 'balloon.minor_fault'),
    rssBytes: bytesOf(params, 'balloon.rss'),
  });
}

/** An entry with the name of one before it is a backing file of that disk (where they were asked for), not a disk. */
function disksOf(params: StatsParams): DiskSample[] {
  const disks = new Map<string, DiskSample>();
  for (const number of numbersOf(params, 'block')) {
    const device = textOf(params, `block.${number}.name`);
    if (device !== '' && !disks.has(device)) disks.set(device, diskSample(params, device, `block.${number}`));
  }
  return [...disks.values()];
}

function diskSample(params: StatsParams, device: string, prefix: string): DiskSample {
  const counts = withoutUndefined({
    readRequests: countOf(params, `${prefix}.rd.reqs`),
    readBytes: countOf(params, `${prefix}.rd.bytes`),
    readTimeS: secondsOf(params, `${prefix}.rd.times`),
    writeRequests: countOf(params, `${prefix}.wr.reqs`),
    writeBytes: countOf(params, `${prefix}.wr.bytes`),
    writeTimeS: secondsOf(params, `${prefix}.wr.times`),
    flushRequests: countOf(params, `${prefix}.fl.reqs`),
    flushTimeS: secondsOf(params, `${prefix}.fl.times`),
    capacityBytes: countOf(params, `${prefix}.capacity`),
    allocationBytes: countOf(params, `${prefix}.allocation`),
    physicalBytes: countOf(params, `${prefix}.physical`),
  });
  return { device, path: textOf(params, `${prefix}.path`), ...counts };
}

function interfaceSample(params: StatsParams, prefix: string): readonly InterfaceSample[] {
  const device = textOf(params, `${prefix}.name`);
  if (device === '') return [];
  const counts = withoutUndefined({
    receiveBytes: countOf(params, `${prefix}.rx.bytes`),
    receivePackets: countOf(params, `${prefix}.rx.pkts`),
    receiveErrors: countOf(params, `${prefix}.rx.errs`),
    receiveDrops: countOf(params, `${prefix}.rx.drop`),
    transmitBytes: countOf(params, `${prefix}.tx.bytes`),
    transmitPackets: countOf(params, `${prefix}.tx.pkts`),
    transmitErrors: countOf(params, `${prefix}.tx.errs`),
    transmitDrops: countOf(params, `${prefix}.tx.drop`),
  });
  return [{ device, ...counts }];
}

/** The numbers that devices of a group have, ascending: those with a field, since `count` promises no density. */
function numbersOf(params: StatsParams, group: string): readonly number[] {
  const numbers = new Set<number>();
  const prefix = `${group}.`;
  for (const name of params.keys()) {
    if (!name.startsWith(prefix)) continue;
    const number = /^\d{1,6}(?=\.)/.exec(name.slice(prefix.length));
    if (number !== null) numbers.add(Number(number[0]));
  }
  return [...numbers].sort((a, b) => a - b);
}

/** V1 */
const unknownFrom = 2n ** 63n;

function countOf(params: StatsParams, name: string): number | undefined {
  const value = params.get(name);
  if (typeof value === 'number') return value >= 0 && value < Number(unknownFrom) ? value : undefined;
  if (typeof value === 'bigint') return value >= 0n && value < unknownFrom ? Number(value) : undefined;
  return undefined;
}

function bytesOf(params: StatsParams, name: string): number | undefined {
  const kibibytes = countOf(params, name);
  return kibibytes === undefined ? undefined : kibibytes * 1024;
}

const nsPerS = 1_000_000_000;

function secondsOf(params: StatsParams, name: string): number | undefined {
  const ns = countOf(params, name);
  return ns === undefined ? undefined : ns / nsPerS;
}

/** Cut to what the schema allows, which nothing real reaches. */
function textOf(params: StatsParams, name: string): string {
  const value = params.get(name);
  return typeof value === 'string' ? value.slice(0, 1024).toWellFormed() : '';
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

function withoutUndefined<T extends Readonly<Record<string, unknown>>>(record: T): Defined<T> {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as Defined<T>;
}
