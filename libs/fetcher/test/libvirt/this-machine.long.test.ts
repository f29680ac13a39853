import { connectLibvirt, statsFlags } from '@vedette/libvirt';
import { RealClock } from '@vedette/runtime';
import { eventually } from '@vedette/testbed';
import { libvirtAvailable, type PrivateLibvirt, startLibvirt } from '@vedette/testbed/libvirt';
import { beforeEach, expect, it } from 'vitest';
import { deviceSample, hasMonitorFields } from '../../src/drivers/libvirt/device-samples.ts';
import { agentGuestInfo, agentReport, mergeGuestDetails } from '../../src/drivers/libvirt/guest-details.ts';
import { type NeighbourReport, neighbourReports } from '../../src/drivers/libvirt/neighbour-reports.ts';
import { NeighbourReader } from '../../src/drivers/libvirt/neighbours.ts';

/** One guest that booted Linux, seen through all three sources of addresses. */
const available = libvirtAvailable({ fullGuests: true });
beforeEach((ctx) => {
  if (!available.ok) ctx.skip(available.reason);
});

const clock = new RealClock();
const LONG = { timeoutMs: 30_000 };
const mac = '52:54:00:aa:bb:01';

/** Runs a command in the guest by its agent. */
async function inGuest(libvirt: PrivateLibvirt, path: string, ...arg: readonly string[]): Promise<void> {
  const command = JSON.stringify({ execute: 'guest-exec', arguments: { path, arg } });
  await libvirt.virsh('qemu-agent-command', '--timeout', '5', 'guest', command);
}

it('S2: agent, lease and neighbour table agree on a guest, and see an address that it adds', async () => {
  await using libvirt = await startLibvirt();
  await libvirt.startFullGuest('guest', { mac });
  await libvirt.agentAnswers('guest', 90_000);
  await using connection = await connectLibvirt({ socketPath: libvirt.socketPath });
  const domain = await connection.lookupDomain(await libvirt.virsh('domuuid', 'guest'));
  const reader = new NeighbourReader({ clock, hostRoot: libvirt.rootDir });
  let before: readonly NeighbourReport[] = [];
  const sources = async () => {
    const table = await reader.read(LONG);
    before = neighbourReports({ table, macs: [mac], before, nowMs: clock.now() });
    const interfaces = await connection.interfaceAddresses(domain, 'agent', LONG);
    const agent = agentReport(interfaces, await connection.guestInfo(domain, agentGuestInfo, LONG));
    return { agent, leases: await connection.interfaceAddresses(domain, 'lease', LONG), neighbours: before };
  };

  const { agent, leases } = await eventually(async () => {
    const now = await sources();
    expect(now.agent.interfaces?.flatMap(({ addresses }) => addresses).length).toBeGreaterThan(1);
    return now;
  }, LONG);
  const byAgent = mergeGuestDetails({ agent });
  const [address = ''] = byAgent?.addresses.filter(({ family }) => family === 'ipv4').map((one) => one.address) ?? [];
  expect(address).toMatch(/^192\.168\.122\.\d+$/);
  expect(byAgent).toMatchObject({ hostname: 'guest', os: expect.stringMatching(/Debian/) });
  expect(byAgent?.apps).toEqual([expect.stringMatching(/^kernel-\d/)]);
  expect(mergeGuestDetails({ leases })?.addresses).toMatchObject([{ address, mac, source: 'lease' }]);

  await inGuest(libvirt, '/bin/ip', 'addr', 'add', '192.168.122.200/24', 'dev', 'eth0');
  await eventually(async () => {
    // Whatever is sent there, the kernel asks who has the address.
    for (const target of [address, '192.168.122.200']) {
      await libvirt.run('bash', ['-c', `echo >/dev/udp/${target}/9`]);
    }
    const now = await sources();
    const both = (merged: ReturnType<typeof mergeGuestDetails>): readonly string[] =>
      merged?.addresses.filter(({ family }) => family === 'ipv4').map((one) => one.address) ?? [];
    expect(both(mergeGuestDetails({ neighbours: now.neighbours }))).toEqual([address, '192.168.122.200']);
    expect(both(mergeGuestDetails({ agent: now.agent }))).toEqual([address, '192.168.122.200']);
  }, LONG);
}, 180_000);

it('trap 1: a guest that hangs has no monitor fields, one that runs has, and its sample is what virsh shows', async () => {
  await using libvirt = await startLibvirt();
  const guest = await libvirt.startFullGuest('guest', { mac });
  await using connection = await connectLibvirt({ socketPath: libvirt.socketPath });
  const groups = ['cpuTotal', 'balloon', 'vcpu', 'interface', 'block'] as const;
  const [live] = await connection.domainStats({ groups, ...LONG });
  const params = live?.params ?? new Map();
  expect(hasMonitorFields(params)).toBe(true);
  const shown = await libvirt.virsh('domstats', '--balloon', '--block', '--raw', guest.name);
  const maximumKiB = Number(/balloon\.maximum=(\d+)/.exec(shown)?.[1]);
  const capacity = Number(/block\.0\.capacity=(\d+)/.exec(shown)?.[1]);
  expect(deviceSample(params)).toMatchObject({
    memory: { maximumBytes: maximumKiB * 1024 },
    disks: [{ device: 'vda', capacityBytes: capacity }],
    interfaces: [{ device: 'vnet0' }],
  });

  await libvirt.signalGuest('guest', 'SIGSTOP');
  await using other = await connectLibvirt({ socketPath: libvirt.socketPath });
  const held = expect(other.domainStats({ groups, timeoutMs: 10_000 })).rejects.toThrow();
  await eventually(async () => {
    const [hung] = await connection.domainStats({ groups, flags: statsFlags.noWait, timeoutMs: 5_000 });
    expect(hasMonitorFields(hung?.params ?? params)).toBe(false);
  }, LONG);
  await held;
  await libvirt.signalGuest('guest', 'SIGCONT');
}, 180_000);
