import type { DomainInfo } from '@vedette/libvirt';

/** Processor time that a VM has used since it was started, in nanoseconds, as far as its source tells. */
export interface CpuTimes {
  readonly totalNs?: number | bigint | undefined;
  readonly userNs?: number | bigint | undefined;
  readonly systemNs?: number | bigint | undefined;
}

/** Shares of one processor: 2 is two processors busy. As the fields of `RuntimeRow`. */
export interface CpuShares {
  readonly cpuUser?: number;
  readonly cpuSystem?: number;
}

/** What `virDomainGetInfo` tells: the total only. It asks no QEMU. */
export function cpuTimesOfInfo(info: Pick<DomainInfo, 'cpuTimeNs'>): CpuTimes {
  return { totalNs: info.cpuTimeNs };
}

/** What the group `cpuTotal` of the statistics tells. It asks QEMU since libvirt 8.10. */
export function cpuTimesOfStats(params: ReadonlyMap<string, unknown>): CpuTimes {
  return {
    totalNs: timeOf(params.get('cpu.time')),
    userNs: timeOf(params.get('cpu.user')),
    systemNs: timeOf(params.get('cpu.system')),
  };
}

function timeOf(value: unknown): number | bigint | undefined {
  return typeof value === 'number' || typeof value === 'bigint' ? value : undefined;
}

/**
 * The processor shares of one run of a VM, from cumulative times on a monotonic clock.
 *
 * U1. A share is told of the time between the last two samples. Where there is no sample before, no time between them,
 *     or a counter that went back (the VM was started anew), nothing is told, and the sample is the first of its run.
 * U2. Where both samples tell the system's part, `cpuSystem` is that and `cpuUser` the rest of the total (QEMU's own
 *     work in user space and the guest's). Where one of them has the total only, `cpuUser` carries all of it and
 *     `cpuSystem` is left out: their sum is right either way.
 */
export class CpuRatio {
  #last: (CpuTimes & { readonly atMs: number }) | undefined;

  /** Takes in a sample. @param atMs monotonic, when it was taken */
  sample(times: CpuTimes, atMs: number): CpuShares {
    const before = this.#last;
    const total = totalOf(times);
    if (total === undefined) return {}; // nothing was told: the sample before stands
    this.#last = { ...times, atMs };
    if (before === undefined || atMs <= before.atMs) return {};
    const elapsedNs = (atMs - before.atMs) * 1e6;
    const used = difference(totalOf(before), total);
    if (used === undefined || used < 0) return {};
    const system = difference(before.systemNs, times.systemNs);
    if (system === undefined) return { cpuUser: used / elapsedNs };
    if (system < 0) return {};
    return { cpuUser: Math.max(0, used - system) / elapsedNs, cpuSystem: system / elapsedNs };
  }

  /** The run of the VM is over: the next sample is the first of another. */
  reset(): void {
    this.#last = undefined;
  }

  /** Seconds since the last sample (`statsAge` of the agent protocol); undefined before the first. */
  ageS(nowMs: number): number | undefined {
    return this.#last === undefined ? undefined : Math.max(0, nowMs - this.#last.atMs) / 1000;
  }
}

function totalOf({ totalNs, userNs, systemNs }: CpuTimes): number | bigint | undefined {
  if (totalNs !== undefined) return totalNs;
  return userNs === undefined || systemNs === undefined ? undefined : BigInt(userNs) + BigInt(systemNs);
}

/** Exact where both are bigint: the difference is small, the counters need not be. */
function difference(before: number | bigint | undefined, after: number | bigint | undefined): number | undefined {
  if (before === undefined || after === undefined) return undefined;
  if (typeof before === 'bigint' && typeof after === 'bigint') return Number(after - before);
  return Number(after) - Number(before);
}
