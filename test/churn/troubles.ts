import { RealClock } from '@vedette/runtime';
import type { Chance } from './chance.ts';
import type { Trouble, TroubleName } from './history.ts';
import type { Lab, LabHost } from './lab.ts';
import type { ChurnSpine } from './spine.ts';

const clock = new RealClock();

/** All well below the grace of a host (60 s) and of a member (10 s): nothing may be told of them. */
const longestMs = { daemonDown: 4_000, freeze: 15_000, monitorDown: 4_000 } as const;

/** Draws a trouble, makes it, and resolves when it is over. */
export async function makeTrouble(lab: Lab, spine: ChurnSpine, chance: Chance): Promise<Trouble> {
  const name = chance.weighted<TroubleName>([
    [3, 'libvirtd_restart'],
    [3, 'libvirtd_kill'],
    [3, 'libvirtd_freeze'],
    [2, 'monitor_restart'],
    [1, 'monitor_crash'],
  ]);
  const host = lab.hosts[chance.between(0, lab.hosts.length - 1)] as LabHost;
  const share = chance.unit();
  const hangs = lab.guests.some(({ hungOn }) => hungOn === host);
  if (name === 'monitor_restart' || name === 'monitor_crash') {
    const fromMs = clock.now();
    await (name === 'monitor_restart' ? spine.stopMonitor() : spine.crashMonitor());
    await clock.sleep(share * longestMs.monitorDown);
    await spine.startMonitor();
    return { name, hosts: lab.hosts.map(({ id }) => id), fromMs, untilMs: clock.now() };
  }
  const fromMs = name === 'libvirtd_freeze' ? await freeze(host, share) : await restart(host, name, share, hangs);
  return { name, hosts: [host.id], fromMs, untilMs: clock.now() };
}

/** Deeds on the host go on, and wait. */
async function freeze({ libvirt }: LabHost, share: number): Promise<number> {
  const fromMs = clock.now();
  await libvirt.daemon.signal('SIGSTOP');
  await clock.sleep(5_000 + share * (longestMs.freeze - 5_000));
  await libvirt.daemon.signal('SIGCONT');
  return fromMs;
}

/**
 * No deed is under way meanwhile: what libvirt makes of one that is cut off is not the question here. Where a QEMU hangs
 * an orderly end takes 30 s (facts, trap 4), so libvirtd is killed.
 */
async function restart({ libvirt, gate }: LabHost, name: TroubleName, share: number, hangs: boolean): Promise<number> {
  await gate.enter({ alone: true });
  try {
    const fromMs = clock.now();
    await libvirt.daemon.stop(name === 'libvirtd_kill' || hangs ? 'SIGKILL' : 'SIGTERM');
    await clock.sleep(share * longestMs.daemonDown);
    await libvirt.daemon.start();
    return fromMs;
  } finally {
    gate.leave();
  }
}
