import type { HostStats } from '@vedette/fetcher';
import { isActive } from '@vedette/model';
import { sectionOf } from '../documents.ts';
import { fraction, mix, salts } from '../mixing.ts';
import { memoryPercent } from '../samples.ts';
import type { VmView } from '../view.ts';
import type { SimulatedAgent } from './agent.ts';

const KIB_PER_MIB = 1024;

/** What is sampled of a VM's devices: counters that only grow while it runs. */
export function devicesOf(view: VmView, tMs: number): Readonly<Record<string, unknown>> {
  if (!isActive(view.state)) return {};
  const { key } = view.identity;
  const memoryKiB = memoryMiB(view) * KIB_PER_MIB;
  const upS = Math.max(0, (tMs - (view.startedAtMs ?? tMs)) / 1_000);
  const counter = (what: number, perSecond: number): number =>
    Math.floor(upS * perSecond * fraction(mix(key, what, 1, salts.attribute)));
  return {
    balloonInfo: { currentKiB: memoryKiB, unusedKiB: Math.round(memoryKiB * (1 - memoryPercent(key, tMs) / 100)) },
    disks: { vda: { readBytes: counter(10, 200_000), writtenBytes: counter(11, 400_000) } },
    network: { eth0: { receivedBytes: counter(12, 100_000), transmittedBytes: counter(13, 100_000) } },
  };
}

/** A host with room for its VMs and somewhat more. */
export function hardwareOf(agent: SimulatedAgent): HostStats {
  let usedMiB = 0;
  let vms = 0;
  for (const { view } of agent.vms()) {
    vms++;
    if (isActive(view.state)) usedMiB += memoryMiB(view);
  }
  const memory = 2 ** Math.ceil(Math.log2(Math.max(8, vms) * 8 * KIB_PER_MIB));
  return { cpuCount: 32, memoryMiB: memory, memoryFreeMiB: Math.max(0, memory - usedMiB) };
}

function memoryMiB(view: VmView): number {
  const own = sectionOf(view, 'info').content?.memoryMiB;
  return typeof own === 'number' ? own : 0;
}
