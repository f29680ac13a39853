import type { Fleet } from '../fleet.ts';
import type { FleetHost } from '../host.ts';
import { type ClassicVmStats, classicStats, classicStatus, statusTimeOf } from './stats.ts';

/** One VM of `Host.getVMList`. */
export interface ClassicVm {
  readonly vmId: string;
  readonly status: string;
  readonly statusTime: string;
}

/**
 * A simulated host as VDSM told it in 2013: everything at every call, nothing about what changed. For comparison only
 * (docs/performance.md, P2); Vedette never asks so.
 */
export interface ClassicHost {
  /** `Host.getVMList`, as its `fullStatus` of false has it. */
  getVMList(tMs: number): readonly ClassicVm[];
  /** `Host.getAllVmStats`: about 1 KiB of JSON for each VM that is up. */
  getAllVmStats(tMs: number): readonly ClassicVmStats[];
}

/** @param host of this fleet */
export function classicHost(fleet: Fleet, host: FleetHost): ClassicHost {
  return {
    getVMList: (tMs) =>
      host.at(tMs).map((view) => ({
        vmId: view.identity.vm,
        status: classicStatus(view),
        statusTime: statusTimeOf(tMs),
      })),
    getAllVmStats: (tMs) => host.at(tMs).map((view) => classicStats(view, fleet.options.cpu, tMs)),
  };
}
