import type { NodeInfo } from '@vedette/libvirt';
import type { HostSample } from '@vedette/model';

/** What one reading of a host brought: `nodeInfo`, `nodeMemoryStats` (KiB) and `nodeCpuStats` (ns since boot). */
export interface NodeReading {
  readonly node: Pick<NodeInfo, 'cpus' | 'memoryKiB'>;
  /** `total`, `free`, `buffers`, `cached`. Empty where the driver has none; then nothing is known to be free. */
  readonly memory: ReadonlyMap<string, number>;
  /** `kernel`, `user`, `idle`, `iowait`, of all processors together. Undefined: this driver has none. */
  readonly cpu?: ReadonlyMap<string, number> | undefined;
}

const cpuFields = { user: 'cpuUser', kernel: 'cpuSystem', idle: 'cpuIdle', iowait: 'cpuIoWait' } as const;
type CpuField = keyof typeof cpuFields;
type CpuShare = (typeof cpuFields)[CpuField];

/**
 * A host's own figures, reading by reading.
 *
 * N1. `memoryFreeMiB` is what can be given to VMs: what is free, and the buffers and page cache, which the kernel gives
 *     up on demand. libvirt does not tell the kernel's own estimate (MemAvailable); this one is too high by what lies in
 *     tmpfs. Never more than there is.
 * N2. Processor shares are of the time since the reading before, and sum to 1. The first has none; nor has one that
 *     follows a reboot (`user` or `kernel` went back). `idle` and `iowait` step back by themselves on Linux: by zero.
 */
export class HostSampler {
  #cpu: ReadonlyMap<string, number> | undefined;

  sample({ node, memory, cpu }: NodeReading): HostSample {
    // One source for both: in a container the memory of the node info was seen to be less than what these call free.
    const totalKiB = memory.get('total') ?? node.memoryKiB;
    const freeKiB = (memory.get('free') ?? 0) + (memory.get('buffers') ?? 0) + (memory.get('cached') ?? 0);
    return {
      cpuCount: node.cpus,
      memoryMiB: Math.floor(totalKiB / 1024),
      memoryFreeMiB: Math.floor(Math.min(freeKiB, totalKiB) / 1024),
      ...this.#shares(cpu),
    };
  }

  #shares(cpu: ReadonlyMap<string, number> | undefined): { readonly [S in CpuShare]?: number } {
    const before = this.#cpu;
    this.#cpu = cpu;
    if (cpu === undefined || before === undefined) return {};
    const spent = new Map<CpuField, number>();
    for (const field of Object.keys(cpuFields) as CpuField[]) {
      const now = cpu.get(field);
      const then = before.get(field);
      if (now === undefined || then === undefined) continue;
      if (now < then && (field === 'user' || field === 'kernel')) return {};
      spent.set(field, Math.max(0, now - then));
    }
    const all = spent.values().reduce((sum, ns) => sum + ns, 0);
    if (all === 0) return {};
    return Object.fromEntries([...spent].map(([field, ns]) => [cpuFields[field], ns / all]));
  }
}
