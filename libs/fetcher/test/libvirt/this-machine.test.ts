import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connectLibvirt, type LibvirtConnection, xmlFlags } from '@vedette/libvirt';
import { RealClock } from '@vedette/runtime';
import { eventually } from '@vedette/testbed';
import { biosGuest, libvirtAvailable, type PrivateLibvirt, startLibvirt } from '@vedette/testbed/libvirt';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Definition, readDefinition } from '../../src/drivers/libvirt/definition.ts';
import { NeighbourReader } from '../../src/drivers/libvirt/neighbours.ts';
import { ProcessFacts } from '../../src/drivers/libvirt/process-facts.ts';

/** What the driver reads of its own machine, and of definitions, against a real libvirtd. */
const available = libvirtAvailable({ fullGuests: true });
beforeEach((ctx) => {
  if (!available.ok) ctx.skip(available.reason);
});

const clock = new RealClock();
const LONG = { timeoutMs: 30_000 };

let libvirt: PrivateLibvirt;
beforeAll(async () => {
  if (!available.ok) return;
  libvirt = await startLibvirt();
  await libvirt.startNetwork();
}, 120_000);
afterAll(() => libvirt?.stop());

/** Something of everything that libvirt fills in at start. */
const devices = `
  <interface type='network'><mac address='52:54:00:11:22:33'/><source network='default'/></interface>
  <serial type='pty'/>
  <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
  <graphics type='vnc' autoport='yes' listen='127.0.0.1' passwd='SECRET'/>
  <disk type='file' device='cdrom'><target dev='hda' bus='ide'/></disk>`;

async function definitionOf(name: string): Promise<Definition> {
  await using connection: LibvirtConnection = await connectLibvirt({ socketPath: libvirt.socketPath });
  const domain = await connection.lookupDomain(await libvirt.virsh('domuuid', name));
  const [live, inactive] = await Promise.all([
    connection.domainXml(domain),
    connection.domainXml(domain, { flags: xmlFlags.inactive }),
  ]);
  return readDefinition(live, inactive);
}

describe('the config section (K2)', () => {
  it('of a persistent domain stays through restarts of it and of libvirtd and ballooning, and changes with it', async () => {
    await libvirt.startBiosGuest('kept', { devices, vcpus: 2 });
    const first = await definitionOf('kept');
    expect(JSON.stringify(first)).not.toContain('SECRET');
    expect(first.info).toMatchObject({ name: 'kept', vcpus: 2, memoryMiB: 32, displayType: 'vnc', kvmEnable: false });
    expect(first.info.displayPort).toBeGreaterThanOrEqual(5900);
    await libvirt.restart();
    expect(await definitionOf('kept')).toEqual(first);

    await libvirt.virsh('destroy', 'kept');
    const off = await definitionOf('kept');
    expect([off.configHash, off.info.displayPort]).toEqual([first.configHash, undefined]);
    await libvirt.virsh('start', 'kept');
    expect((await definitionOf('kept')).configHash).toBe(first.configHash);
    await libvirt.virsh('setmem', 'kept', '24M', '--config');
    expect((await definitionOf('kept')).configHash).toBe(first.configHash);

    await libvirt.virsh('setvcpus', 'kept', '1', '--config');
    const fewer = await definitionOf('kept');
    expect(fewer.configHash).not.toBe(first.configHash);
    expect(fewer.info.vcpus).toBe(2); // what runs still has two
    await libvirt.virsh('setvcpus', 'kept', '2', '--config');
    expect((await definitionOf('kept')).configHash).not.toBe(fewer.configHash);
  }, 90_000);

  it('of a transient domain stays through a restart of libvirtd, and comes back with the next of its kind', async () => {
    const guest = biosGuest('passing', { devices: devices.replace('11:22:33', '11:22:44') });
    const file = join(libvirt.baseDir, 'passing.xml');
    await writeFile(file, guest.xml);
    await libvirt.virsh('create', file);
    const first = await definitionOf('passing');
    await libvirt.restart();
    expect((await definitionOf('passing')).configHash).toBe(first.configHash);
    await libvirt.virsh('destroy', 'passing');
    await libvirt.virsh('create', file);
    expect((await definitionOf('passing')).configHash).toBe(first.configHash);
    await libvirt.virsh('destroy', 'passing');
  }, 90_000);
});

describe('processes', () => {
  it('P1: a guest has its pid while it runs, with the time since its start; killed it has none', async () => {
    const guest = await libvirt.startBiosGuest('alive');
    const facts = new ProcessFacts({ clock, hostRoot: libvirt.rootDir });
    const read = async () => (await facts.read([guest], LONG)).get(guest.uuid);
    const first = await read();
    expect(first?.pid).toBe(await libvirt.guestPid('alive'));
    expect(first?.elapsedS).toBeGreaterThan(0);
    await eventually(async () => expect((await read())?.elapsedS).toBeGreaterThan((first?.elapsedS ?? 0) + 0.5), LONG);
    await libvirt.signalGuest('alive', 'SIGKILL');
    await eventually(async () => expect(await read()).toBeUndefined(), LONG);
    await eventually(() => libvirt.virsh('start', 'alive'), LONG);
    const second = await read();
    expect(second?.pid).toBe(await libvirt.guestPid('alive'));
    expect(second?.pid).not.toBe(first?.pid);
  }, 90_000);

  it('a hung QEMU keeps its pid: nobody asks it', async () => {
    const guest = await libvirt.startBiosGuest('hung');
    await libvirt.signalGuest('hung', 'SIGSTOP');
    const facts = await new ProcessFacts({ clock, hostRoot: libvirt.rootDir }).read([guest], LONG);
    expect(facts.get(guest.uuid)?.pid).toBe(await libvirt.guestPid('hung'));
    await libvirt.signalGuest('hung', 'SIGCONT');
  }, 60_000);
});

describe('the neighbour table', () => {
  const entry = (address: string, ...rest: readonly string[]): Promise<string> =>
    libvirt.run('ip', ['neigh', 'replace', address, ...rest, 'dev', 'virbr0']);

  it('is that of the namespaces of libvirtd, IPv4 and IPv6, by ip', async () => {
    await entry('192.168.122.77', 'lladdr', '52:54:00:11:22:33', 'nud', 'permanent');
    await entry('192.168.122.78', 'lladdr', '52:54:00:11:22:34', 'nud', 'stale');
    await libvirt.run('sysctl', ['-q', 'net.ipv6.conf.virbr0.disable_ipv6=0']);
    await entry('fe80::5054:ff:fe11:2233', 'lladdr', '52:54:00:11:22:33', 'nud', 'permanent');
    const table = await new NeighbourReader({ clock, hostRoot: libvirt.rootDir }).read(LONG);
    expect(table?.ipv6).toBe(true);
    expect(table?.entries).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ address: '192.168.122.77', mac: '52:54:00:11:22:33', worth: 'confirmed' }),
        expect.objectContaining({ address: '192.168.122.78', mac: '52:54:00:11:22:34', worth: 'stale' }),
        expect.objectContaining({ address: 'fe80::5054:ff:fe11:2233', device: 'virbr0', worth: 'confirmed' }),
      ]),
    );
    const own = await new NeighbourReader({ clock }).read(LONG);
    expect(own?.entries.some(({ address }) => address === '192.168.122.77')).toBe(false);
  });

  it('without ip it is read from /proc, IPv4 only', async () => {
    await entry('192.168.122.77', 'lladdr', '52:54:00:11:22:33', 'nud', 'permanent');
    const table = await new NeighbourReader({ clock, hostRoot: libvirt.rootDir, ip: '/nonexistent' }).read(LONG);
    expect(table?.ipv6).toBe(false);
    expect(table?.entries).toContainEqual({
      address: '192.168.122.77',
      mac: '52:54:00:11:22:33',
      device: 'virbr0',
      worth: 'confirmed',
      confirmedS: undefined,
    });
    expect(await readFile(join(libvirt.rootDir, 'proc/1/net/arp'), 'utf8')).toContain('192.168.122.77');
  });
});
