import { readdirSync, readFileSync } from 'node:fs';
import '../errors.ts';
import { VedetteError } from '@vedette/runtime';

/**
 * What Linux says of a process: CPU time and memory. CPU time comes from `/proc/<pid>/task/<tid>/schedstat`, in
 * nanoseconds, summed over the threads that live, where the kernel has it; else from `/proc/<pid>/stat`, which counts
 * ended threads too, in ticks of 10 ms (sysconf(_SC_CLK_TCK) is 100 on every Linux port of Node).
 *
 * Sources: proc(5); Documentation/scheduler/sched-stats.rst of the kernel.
 */
const TICK_MS = 10;

export interface MemoryUse {
  readonly rssMiB: number;
  readonly peakRssMiB: number;
}

/** CPU milliseconds a process has used so far. @throws VedetteError VDT_LOADGEN_PROCESS when it has ended */
export function cpuMsOf(pid: number): number {
  return schedulerMsOf(pid) ?? tickedMsOf(pid);
}

function schedulerMsOf(pid: number): number | undefined {
  let nanoseconds = 0;
  for (const thread of threadsOf(pid)) {
    try {
      nanoseconds += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ', 1)[0]);
    } catch {
      // The thread ended between the two reads; what it used is lost, as what earlier ones used is.
    }
  }
  return nanoseconds > 0 ? nanoseconds / 1e6 : undefined;
}

function threadsOf(pid: number): readonly string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch (cause) {
    throw endedError(pid, cause);
  }
}

function tickedMsOf(pid: number): number {
  const stat = read(pid, 'stat');
  // The name, in parentheses, may hold anything; the fields after it are numbers. utime and stime are 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

export function memoryOf(pid: number): MemoryUse {
  const status = read(pid, 'status');
  const kiB = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? Number.NaN);
  return { rssMiB: kiB('VmRSS') / 1024, peakRssMiB: kiB('VmHWM') / 1024 };
}

/** How many files, sockets included, a process may have open. */
export function openFilesLimitOf(pid: number): number {
  const limit = /^Max open files\s+(\S+)/m.exec(read(pid, 'limits'))?.[1];
  return limit === undefined || limit === 'unlimited' ? Number.POSITIVE_INFINITY : Number(limit);
}

/** CPU milliseconds that all processors of the machine have been busy with anything so far. */
export function machineBusyMs(): number {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softIrq = 0, steal = 0] = readFileSync('/proc/stat', 'utf8')
    .slice('cpu'.length)
    .trimStart()
    .split(/\s+/, 8)
    .map(Number);
  return (user + nice + system + irq + softIrq + steal) * TICK_MS;
}

function read(pid: number, file: 'stat' | 'status' | 'limits'): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch (cause) {
    throw endedError(pid, cause);
  }
}

function endedError(pid: number, cause: unknown): VedetteError {
  return new VedetteError('VDT_LOADGEN_PROCESS', { message: `process ${pid} has ended before it was measured`, cause });
}
