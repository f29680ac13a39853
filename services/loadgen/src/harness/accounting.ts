import { availableParallelism } from 'node:os';
import type { Clock } from '@vedette/runtime';
import { cpuMsOf, type MemoryUse, machineBusyMs, memoryOf } from './processes.ts';

/** What one process cost between two readings. */
export interface ProcessCost {
  readonly name: string;
  readonly cpuMs: number;
  /** Of all processors of the machine together. */
  readonly share: number;
  readonly memory: MemoryUse;
}

/** What a window of time cost, by process. */
export interface WindowCost {
  readonly seconds: number;
  readonly processes: readonly ProcessCost[];
  /** Of the machine, by the processes above together. */
  readonly share: number;
  /** Of the machine, by everything else: above a few hundredths, the window is noisy. */
  readonly foreignShare: number;
}

/** Reads what the processes of a run cost, window by window. */
export class Accounting {
  readonly #clock: Clock;
  readonly #pids: ReadonlyMap<string, number>;
  readonly #readMachineMs: () => number;
  readonly #readCpuMs: (pid: number) => number;
  readonly #cores: number;
  #beganMs = 0;
  #machineMs = 0;
  #cpuMs = new Map<string, number>();

  /** @param pids every process of the run, by name */
  constructor(
    clock: Clock,
    pids: ReadonlyMap<string, number>,
    readings: {
      readonly cpuMsOf?: (pid: number) => number;
      readonly machineBusyMs?: () => number;
      cores?: number;
    } = {},
  ) {
    this.#clock = clock;
    this.#pids = pids;
    this.#readCpuMs = readings.cpuMsOf ?? cpuMsOf;
    this.#readMachineMs = readings.machineBusyMs ?? machineBusyMs;
    this.#cores = readings.cores ?? availableParallelism();
  }

  begin(): void {
    this.#beganMs = this.#clock.now();
    this.#machineMs = this.#readMachineMs();
    this.#cpuMs = this.#readAll();
  }

  /** What was used since {@link begin}. */
  end(): WindowCost {
    const elapsedMs = this.#clock.now() - this.#beganMs;
    const capacityMs = elapsedMs * this.#cores;
    const now = this.#readAll();
    const processes = [...this.#pids].map(([name, pid]) => {
      const cpuMs = (now.get(name) ?? 0) - (this.#cpuMs.get(name) ?? 0);
      return { name, cpuMs, share: cpuMs / capacityMs, memory: memoryOf(pid) };
    });
    const ownMs = processes.reduce((sum, { cpuMs }) => sum + cpuMs, 0);
    const foreignMs = Math.max(0, this.#readMachineMs() - this.#machineMs - ownMs);
    return {
      seconds: elapsedMs / 1_000,
      processes,
      share: ownMs / capacityMs,
      foreignShare: foreignMs / capacityMs,
    };
  }

  #readAll(): Map<string, number> {
    return new Map([...this.#pids].map(([name, pid]) => [name, this.#readCpuMs(pid)]));
  }
}
