import type { DeviceSample, HostSample } from '@vedette/model';
import { isActive } from '@vedette/model';
import { sectionOf } from '../documents.ts';
import { fraction, mix, salts } from '../mixing.ts';
import type { ResolvedFleetOptions } from '../options.ts';
import { memoryPercent } from '../samples.ts';
import type { VmView } from '../view.ts';
import type { SimulatedAgent } from './agent.ts';
import { loadOf } from './rows.ts';

const MIB = 2 ** 20;
const HOST_CPUS = 32;

/** What is sampled of a VM's devices: counters that only grow while it runs; undefined while it is down. */
export function devicesOf(view: VmView, tMs: number): DeviceSample | undefined {
  if (!isActive(view.state)) return undefined;
  const { key, place } = view.identity;
  const upS = Math.max(0, (tMs - (view.startedAtMs ?? tMs)) / 1_000);
  const rate = (what: number): number => fraction(mix(key, what, 1, salts.attribute));
  const counter = (what: number, perSecond: number): number => Math.floor(upS * perSecond * rate(what));
  const vcpus = numberIn(view, 'vcpus');
  const cpuTimeS = upS * rate(14);
  return {
    cpuTimeS,
    cpuUserS: 0.8 * cpuTimeS,
    cpuSystemS: 0.2 * cpuTimeS,
    maximumVcpus: vcpus,
    currentVcpus: vcpus,
    vcpus: Array.from({ length: vcpus }, (_, vcpu) => ({ vcpu, state: 1, timeS: cpuTimeS / vcpus })),
    memory: memoryOf(view, tMs),
    disks: [
      {
        device: 'vda',
        path: `/var/lib/images/${view.identity.vm}.qcow2`,
        readBytes: counter(10, 200_000),
        readRequests: counter(10, 12),
        writeBytes: counter(11, 400_000),
        writeRequests: counter(11, 24),
      },
    ],
    interfaces: [{ device: `vnet${place}`, receiveBytes: counter(12, 100_000), transmitBytes: counter(13, 100_000) }],
  };
}

function memoryOf(view: VmView, tMs: number): DeviceSample['memory'] {
  const bytes = numberIn(view, 'memoryMiB') * MIB;
  const unusedBytes = Math.round(bytes * (1 - memoryPercent(view.identity.key, tMs) / 100));
  return {
    maximumBytes: bytes,
    currentBytes: bytes,
    availableBytes: bytes,
    unusedBytes,
    rssBytes: bytes - unusedBytes,
  };
}

/**
 * A host with room for its VMs and somewhat more, as busy as they are.
 *
 * @param again a sample was taken before: shares of processors are since then
 */
export function hostSampleOf(
  agent: SimulatedAgent,
  cpu: ResolvedFleetOptions['cpu'],
  tMs: number,
  again: boolean,
): HostSample {
  let usedMiB = 0;
  let vms = 0;
  const busy = { user: 0, system: 0 };
  for (const { view } of agent.vms()) {
    vms++;
    if (!isActive(view.state)) continue;
    usedMiB += numberIn(view, 'memoryMiB');
    const { user, system } = loadOf(cpu, view, tMs);
    busy.user += user / HOST_CPUS;
    busy.system += system / HOST_CPUS;
  }
  const memoryMiB = 2 ** Math.ceil(Math.log2(Math.max(8, vms) * 8 * 1024));
  const figures = { cpuCount: HOST_CPUS, memoryMiB, memoryFreeMiB: Math.max(0, memoryMiB - usedMiB) };
  if (!again) return figures;
  const scale = 1 / Math.max(1, busy.user + busy.system);
  const [cpuUser, cpuSystem] = [busy.user * scale, busy.system * scale];
  return { ...figures, cpuUser, cpuSystem, cpuIdle: Math.max(0, 1 - cpuUser - cpuSystem), cpuIoWait: 0 };
}

function numberIn(view: VmView, member: 'vcpus' | 'memoryMiB'): number {
  const own = sectionOf(view, 'info').content?.[member];
  return typeof own === 'number' ? own : 0;
}
