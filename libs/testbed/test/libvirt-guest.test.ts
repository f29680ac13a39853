import { eventually } from '@vedette/testbed';
import { libvirtAvailable, type PrivateLibvirt, startLibvirt } from '@vedette/testbed/libvirt';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

const available = libvirtAvailable({ fullGuests: true });
const waiting = { timeoutMs: 30_000 };
const ping = (libvirt: PrivateLibvirt) =>
  libvirt.virsh('qemu-agent-command', '--timeout', '2', 'linux', '{"execute":"guest-ping"}');

describe('what a test can do to a full guest', { timeout: 120_000 }, () => {
  let libvirt: PrivateLibvirt;
  beforeAll(async () => {
    if (!available.ok) return;
    libvirt = await startLibvirt();
    await libvirt.startFullGuest('linux');
    await libvirt.agentAnswers('linux', 110_000);
  }, 120_000);
  afterAll(() => libvirt?.stop());
  beforeEach((ctx) => {
    if (!available.ok) ctx.skip(available.reason);
  });

  const addresses = (source: 'agent' | 'lease') => libvirt.virsh('domifaddr', 'linux', '--source', source);

  it('run commands in it, one at a time', async () => {
    const asked = ['hostname', 'echo a; echo b', 'cat /proc/sys/kernel/ostype'];
    expect(await Promise.all(asked.map((line) => libvirt.runInGuest('linux', line)))).toEqual([
      'linux',
      'a\nb',
      'Linux',
    ]);
    await expect(libvirt.runInGuest('linux', 'echo no; exit 3')).rejects.toMatchObject({
      message: expect.stringContaining('exit 3: no'),
    });
    await expect(libvirt.runInGuest('linux', 'sleep 1; echo late', { timeoutMs: 200 })).rejects.toThrow();
    expect(await libvirt.runInGuest('linux', 'echo mine')).toBe('mine');
  });

  it('change its address: the agent knows at once, the lease when it is renewed', async () => {
    const leased = await addresses('lease');
    await libvirt.setGuestAddress('linux', '192.168.122.200/24');
    expect(await addresses('agent')).toContain('192.168.122.200/24');
    expect(await addresses('lease')).toBe(leased);
    for (const address of ['192.168.122.77', '192.168.122.78']) {
      await libvirt.renewLease('linux', address);
      await eventually(async () => {
        expect((await addresses('lease')).match(/ipv4 +\S+/g)).toEqual([expect.stringContaining(`${address}/24`)]);
      }, waiting);
      expect(await addresses('agent')).toContain(`${address}/24`);
    }
  });

  it('make the bridge know a neighbour', async () => {
    const mac = await libvirt.macOf('linux');
    await libvirt.addNeighbour(mac, '192.168.122.99');
    expect(await libvirt.run('ip', ['neigh', 'show', '192.168.122.99'])).toContain(`lladdr ${mac} REACHABLE`);
    await libvirt.removeNeighbour('192.168.122.99');
    expect(await libvirt.run('ip', ['neigh', 'show', '192.168.122.99'])).toBe('');
  });

  it('hang its agent, its QEMU and libvirtd, each by itself, and let them go on', async () => {
    await libvirt.hangAgent('linux');
    await expect(ping(libvirt)).rejects.toMatchObject({ message: expect.stringContaining('agent') });
    expect(await libvirt.virsh('domstate', 'linux')).toBe('running');
    await libvirt.resumeAgent('linux');
    await libvirt.agentAnswers('linux');
    await libvirt.hangGuest('linux');
    await expect(ping(libvirt)).rejects.toThrow();
    await libvirt.resumeGuest('linux');
    await libvirt.agentAnswers('linux');
  });

  it('do without the agent', async () => {
    await libvirt.startFullGuest('silent', { agent: false });
    await expect(libvirt.virsh('domifaddr', 'silent', '--source', 'agent')).rejects.toMatchObject({
      message: expect.stringContaining('QEMU guest agent is not configured'),
    });
    await libvirt.guestIsUp('silent');
    expect(await libvirt.runInGuest('silent', 'pidof qemu-ga || echo none')).toBe('none');
    await libvirt.virsh('destroy', 'silent');
  });
});
