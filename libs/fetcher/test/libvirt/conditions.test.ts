/** S12 on real QEMU: conditions are raised and cleared once, and told at once. */
import { writeFile } from 'node:fs/promises';
import type { HostFetcher } from '@vedette/fetcher';
import { eventually } from '@vedette/testbed';
import { biosGuest, type Guest, libvirtAvailable, type PrivateLibvirt, startLibvirt } from '@vedette/testbed/libvirt';
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { LONG, openFetcher, PATIENT, stateOf } from './support/watching.ts';

vi.setConfig({ testTimeout: 90_000 });
const available = libvirtAvailable();
let libvirt: PrivateLibvirt;

beforeAll(async () => {
  if (available.ok) libvirt = await startLibvirt();
}, 120_000);
afterAll(() => libvirt?.stop());
beforeEach((ctx) => {
  if (!available.ok) ctx.skip(available.reason);
});

async function conditionsOf(fetcher: HostFetcher, vm: string): Promise<readonly string[] | undefined> {
  const { rows } = await fetcher.runtimeStats(LONG);
  const section = (await fetcher.status([vm], LONG)).get(vm);
  expect(rows.find((row) => row.vm === vm)?.hashes.status ?? '').toBe(section?.hash);
  return section?.content?.conditions;
}

/**
 * A guest whose BIOS finds its disk broken: reading it fails, so many times or always. QEMU itself reads it once before,
 * to guess its geometry, which is not told.
 */
async function guestWithBrokenDisk(
  name: string,
  options: { times: number | 'always'; policy: 'stop' | 'report' },
): Promise<Guest> {
  const { times, policy } = options;
  const image = `${libvirt.baseDir}/images/${name}.img`;
  await writeFile(image, Buffer.alloc(1024 * 1024));
  const blockdev = {
    driver: 'blkdebug',
    'node-name': 'broken',
    image: { driver: 'file', filename: image },
    'inject-error': Array.from({ length: times === 'always' ? 1 : times + 1 }, () => {
      return { event: 'none', errno: 5, iotype: 'read', once: times !== 'always', immediately: false };
    }),
  };
  const args = [
    ...['-blockdev', JSON.stringify(blockdev)],
    ...['-device', `ide-hd,drive=broken,bus=ide.0,rerror=${policy}`],
  ];
  const guest = biosGuest(name);
  const commandline = args.map((value) => `<qemu:arg value='${value.replaceAll("'", '&apos;')}'/>`).join('');
  const xml = guest.xml
    .replace('<domain ', "<domain xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0' ")
    .replace('</domain>', `<qemu:commandline>${commandline}</qemu:commandline></domain>`);
  return { ...guest, xml };
}

it('S12: an I/O error that pauses the guest is raised, and cleared when it runs again', async () => {
  const guest = await guestWithBrokenDisk('broken', { times: 1, policy: 'stop' });
  await using fetcher = openFetcher(libvirt);
  await libvirt.defineGuest(guest);
  await fetcher.runtimeStats(LONG);
  await libvirt.virsh('start', 'broken');
  await eventually(async () => expect(await stateOf(fetcher, 'broken')).toBe('paused_error'), PATIENT);
  expect(await conditionsOf(fetcher, guest.uuid)).toEqual(['io_error']);
  await libvirt.virsh('resume', 'broken');
  await eventually(async () => expect(await stateOf(fetcher, 'broken')).toBe('running'), PATIENT);
  expect(await conditionsOf(fetcher, guest.uuid)).toEqual([]);
  await libvirt.virsh('destroy', 'broken');
});

it('S12: an I/O error is known to a fetcher that comes later, by the state; a stop ends it', async () => {
  const guest = await guestWithBrokenDisk('late', { times: 'always', policy: 'stop' });
  await libvirt.defineGuest(guest);
  await libvirt.virsh('start', 'late');
  await eventually(async () => expect(await libvirt.virsh('domstate', '--reason', 'late')).toContain('I/O'), PATIENT);
  await using fetcher = openFetcher(libvirt);
  expect(await conditionsOf(fetcher, guest.uuid)).toEqual(['io_error']);
  await libvirt.virsh('destroy', 'late');
  await eventually(async () => expect(await conditionsOf(fetcher, guest.uuid)).toEqual([]), PATIENT);
});

it('S12: an I/O error that is only reported to the guest is raised while it runs', async () => {
  const guest = await guestWithBrokenDisk('reported', { times: 'always', policy: 'report' });
  await using fetcher = openFetcher(libvirt);
  await libvirt.defineGuest(guest);
  await fetcher.runtimeStats(LONG);
  await libvirt.virsh('start', 'reported');
  await eventually(async () => expect(await conditionsOf(fetcher, guest.uuid)).toEqual(['io_error']), PATIENT);
  expect(await stateOf(fetcher, 'reported')).toBe('running');
  await libvirt.virsh('reset', 'reported');
  await libvirt.virsh('destroy', 'reported');
  await eventually(async () => expect(await conditionsOf(fetcher, guest.uuid)).toEqual([]), PATIENT);
});

it('S12: a NIC whose link is down is a condition: read with the definition, at once after a device event', async () => {
  const nic = (mac: string, link: string): string =>
    `<interface type='user'><mac address='${mac}'/><model type='virtio'/><link state='${link}'/></interface>`;
  const plain = biosGuest('wired', { devices: nic('52:54:00:00:00:01', 'up') });
  // Without ACPI its buses take no device.
  const guest = { ...plain, xml: plain.xml.replace('<on_poweroff>', '<features><acpi/></features><on_poweroff>') };
  await libvirt.defineGuest(guest);
  await libvirt.virsh('start', 'wired');
  await using fetcher = openFetcher(libvirt);
  expect(await conditionsOf(fetcher, guest.uuid)).toEqual([]);
  const xml = `${libvirt.baseDir}/xml/nic.xml`;
  await writeFile(xml, nic('52:54:00:00:00:02', 'down'));
  const hinted = fetcher.hints({ signal: AbortSignal.timeout(60_000) });
  await libvirt.virsh('attach-device', 'wired', xml, '--live');
  for await (const hint of hinted) {
    const row = hint.kind === 'rows' ? hint.rows.find(({ vm }) => vm === guest.uuid) : undefined;
    if (row !== undefined) break; // told without a poll
  }
  expect(await conditionsOf(fetcher, guest.uuid)).toEqual(['nic']);
  await libvirt.virsh('destroy', 'wired');
  await eventually(async () => expect(await conditionsOf(fetcher, guest.uuid)).toEqual([]), PATIENT);
});

it('S12: a link that is set down without an event is found when the definition is read by its interval', async () => {
  const devices = `<interface type='user'><mac address='52:54:00:00:00:03'/><model type='virtio'/></interface>`;
  const guest = await libvirt.startBiosGuest('silent', { devices });
  await using fetcher = openFetcher(libvirt, { definitionIntervalMs: 300 });
  expect(await conditionsOf(fetcher, guest.uuid)).toEqual([]);
  await libvirt.virsh('domif-setlink', 'silent', '52:54:00:00:00:03', 'down');
  await eventually(async () => expect(await conditionsOf(fetcher, guest.uuid)).toEqual(['nic']), PATIENT);
  await libvirt.virsh('domif-setlink', 'silent', '52:54:00:00:00:03', 'up');
  await eventually(async () => expect(await conditionsOf(fetcher, guest.uuid)).toEqual([]), PATIENT);
  await libvirt.virsh('destroy', 'silent');
});
