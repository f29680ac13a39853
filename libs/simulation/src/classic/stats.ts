import type { Address, DeviceSample } from '@vedette/model';
import { isActive, type VMState } from '@vedette/model';
import { sectionOf } from '../documents.ts';
import { devicesOf } from '../driver/devices.ts';
import { loadOf } from '../driver/rows.ts';
import type { ResolvedFleetOptions } from '../options.ts';
import { memoryPercent } from '../samples.ts';
import type { VmView } from '../view.ts';

/**
 * One VM as VDSM's `Host.getAllVmStats` tells it, all at once (vdsm, lib/vdsm/api/vdsm-api.yml): most numbers travel
 * as text. About 1 KiB of JSON for one that is up, as
 * was measured in 2013; fields that came later (statuses of jobs, hashes of TPM and NVRAM...) are left out.
 */
export type ClassicVmStats = Readonly<Record<string, unknown>> & { readonly vmId: string; readonly status: string };

/** VDSM's words (virt/vmstatus.py); the other direction is `vdsmState` of the model. */
const statuses: Readonly<Record<VMState, string>> = {
  starting: 'Powering up',
  running: 'Up',
  paused: 'Paused',
  paused_error: 'Paused',
  saving: 'Saving State',
  suspended: 'Down',
  restoring: 'Restoring state',
  migrating_out: 'Migration Source',
  migrating_in: 'Migration Destination',
  migrated_away: 'Down',
  rebooting: 'RebootInProgress',
  stopping: 'Powering down',
  stopped: 'Down',
  failed: 'Down',
  pm_suspended: 'Up',
  not_responding: 'Up',
  absent: 'Down',
  gone: 'Down',
  unknown: 'Down',
};

/** virt/vmexitreason.py, where there is one to give. */
const exitReasons: Partial<Record<VMState, number>> = { suspended: 5, migrated_away: 4, stopped: 7, failed: 1 };

const MIB = 2 ** 20;
const KIB = 2 ** 10;

/** As `statusTime` has it: milliseconds of VDSM's monotonic clock, as text. */
export function statusTimeOf(tMs: number): string {
  return String(Math.floor(tMs));
}

export function classicStatus({ state }: VmView): string {
  return statuses[state];
}

export function classicStats(view: VmView, cpu: ResolvedFleetOptions['cpu'], tMs: number): ClassicVmStats {
  const common = { vmId: view.identity.vm, status: classicStatus(view), statusTime: statusTimeOf(tMs) };
  if (!isActive(view.state)) return { ...common, ...downStats(view.state) };
  return { ...common, ...upStats(view, cpu, tMs), ...guestStats(view), ...deviceStats(view, tMs) };
}

function downStats(state: VMState): Readonly<Record<string, unknown>> {
  const failed = state === 'failed';
  return {
    exitCode: failed ? 1 : 0,
    exitReason: exitReasons[state] ?? 0,
    exitMessage: failed ? 'Lost connection with qemu process' : 'User shut down from within the guest',
    timeOffset: '0',
  };
}

function upStats(view: VmView, cpu: ResolvedFleetOptions['cpu'], tMs: number): Readonly<Record<string, unknown>> {
  const { user, system } = loadOf(cpu, view, tMs);
  const elapsedS = Math.max(0, Math.floor((tMs - (view.startedAtMs ?? tMs)) / 1_000));
  return {
    vmName: view.identity.name,
    elapsedTime: String(elapsedS),
    monitorResponse: view.state === 'not_responding' ? '-1' : '0',
    pauseCode: view.state === 'paused_error' ? 'EIO' : 'NOERR',
    clientIp: '',
    timeOffset: '0',
    cpuUser: (100 * user).toFixed(2),
    cpuSys: (100 * system).toFixed(2),
    cpuUsage: String(Math.round((user + system) * elapsedS * 1e9)),
    memUsage: String(Math.round(memoryPercent(view.identity.key, tMs))),
    displayInfo: [{ type: 'vnc', port: String(5900 + (view.identity.place % 1000)), ipAddress: '0', tlsPort: '-1' }],
    hash: String(view.identity.key * 4_294_967 + view.configVersion),
  };
}

function guestStats(view: VmView): Readonly<Record<string, unknown>> {
  const content = sectionOf(view, 'guest').content;
  const addresses = (content?.addresses ?? []) as readonly Address[];
  const interfaces = new Map<string, { name: string; hw: string; inet: string[]; inet6: string[] }>();
  for (const { interface: name, mac, address, family } of addresses) {
    const held = interfaces.get(name) ?? { name, hw: mac, inet: [], inet6: [] };
    held[family === 'ipv4' ? 'inet' : 'inet6'].push(address);
    interfaces.set(name, held);
  }
  return {
    guestIPs: addresses.map(({ address }) => address).join(' '),
    appsList: content?.apps ?? [],
    netIfaces: [...interfaces.values()],
    username: 'Unknown',
    session: 'Unknown',
  };
}

function deviceStats(view: VmView, tMs: number): Readonly<Record<string, unknown>> {
  const devices = devicesOf(view, tMs);
  if (devices === undefined) return {};
  return { ...memoryStats(devices), network: networkStats(devices), disks: diskStats(devices), disksUsage: [] };
}

function memoryStats({ memory }: DeviceSample): Readonly<Record<string, unknown>> {
  const kiB = (bytes: number | undefined): string => String(Math.round((bytes ?? 0) / KIB));
  return {
    memoryStats: {
      mem_total: kiB(memory.availableBytes),
      mem_free: kiB(memory.unusedBytes),
    },
    balloonInfo: {
      balloon_max: kiB(memory.maximumBytes),
      balloon_min: kiB(memory.maximumBytes),
      balloon_cur: kiB(memory.currentBytes),
    },
  };
}

function networkStats({ interfaces }: DeviceSample): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    interfaces.map(({ device, receiveBytes = 0, transmitBytes = 0 }) => [
      device,
      {
        speed: '1000',
        state: 'unknown',
        rx: String(receiveBytes),
        tx: String(transmitBytes),
        rxErrors: '0',
        rxDropped: '0',
        txErrors: '0',
        txDropped: '0',
      },
    ]),
  );
}

function diskStats({ disks }: DeviceSample): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    disks.map(({ device, readBytes = 0, readRequests = 0, writeBytes = 0, writeRequests = 0 }) => [
      device,
      {
        truesize: String(10_240 * MIB),
        readBytes: String(readBytes),
        readOps: String(readRequests),
        readRate: '0.00',
        writtenBytes: String(writeBytes),
        writeOps: String(writeRequests),
        writeRate: '0.00',
      },
    ]),
  );
}
