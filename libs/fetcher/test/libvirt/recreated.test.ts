/** M8: a domain that is undefined and defined anew under its UUID is another one; and all that only looks like it. */
import { writeFile } from 'node:fs/promises';
import type { HostFetcher } from '@vedette/fetcher';
import { eventually } from '@vedette/testbed';
import { biosGuest, libvirtAvailable, type PrivateLibvirt, startLibvirt } from '@vedette/testbed/libvirt';
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { LONG, openFetcher, PATIENT } from './support/watching.ts';

vi.setConfig({ testTimeout: 60_000 });
const available = libvirtAvailable();
let libvirt: PrivateLibvirt;
let fetcher: HostFetcher;
/** Every re-creation that any row told, by the name of the VM. */
const told: string[] = [];
const reading = new AbortController();
let read: Promise<void> | undefined;

beforeAll(async () => {
  if (!available.ok) return;
  libvirt = await startLibvirt();
  fetcher = openFetcher(libvirt);
  read = readHints();
}, 120_000);
afterAll(async () => {
  reading.abort();
  await read;
  await fetcher?.close();
  await libvirt?.stop();
});
beforeEach((ctx) => {
  if (!available.ok) ctx.skip(available.reason);
  told.length = 0;
});

async function readHints(): Promise<void> {
  for await (const hint of fetcher.hints({ signal: reading.signal })) {
    if (hint.kind === 'rows') note(hint.rows);
    else note((await fetcher.runtimeStats(LONG).catch(() => undefined))?.rows ?? []); // libvirtd may be away
  }
}

/** An image without content, as `qemu-img create -f qcow2` makes it (docs/interop/qcow2.txt of QEMU): 64 KiB clusters. */
function emptyQcow2(bytes: number): Buffer {
  const cluster = 65_536;
  const image = Buffer.alloc(4 * cluster);
  image.write('QFI\xfb', 0, 'latin1');
  image.writeUInt32BE(2, 4);
  image.writeUInt32BE(16, 20); // bits of a cluster
  image.writeBigUInt64BE(BigInt(bytes), 24);
  image.writeUInt32BE(1, 36); // entries of the L1 table, in cluster 3
  image.writeBigUInt64BE(3n * BigInt(cluster), 40);
  image.writeBigUInt64BE(BigInt(cluster), 48); // the table of reference counts, in cluster 1
  image.writeUInt32BE(1, 56);
  image.writeBigUInt64BE(2n * BigInt(cluster), cluster); // its first block, in cluster 2
  for (let used = 0; used < 4; used++) image.writeUInt16BE(1, 2 * cluster + 2 * used);
  return image;
}

function note(rows: Awaited<ReturnType<HostFetcher['runtimeStats']>>['rows']): void {
  for (const { recreated, name = '' } of rows) if (recreated === true) told.push(name);
}

async function poll(name: string): Promise<string | undefined> {
  const { rows } = await fetcher.runtimeStats(LONG);
  note(rows);
  return rows.find((row) => row.name === name)?.state;
}

it('M8: undefined and defined again while it was down: said once', async () => {
  const guest = biosGuest('anew');
  await libvirt.defineGuest(guest);
  await eventually(async () => expect(await poll('anew')).toBe('stopped'), PATIENT);
  await libvirt.virsh('undefine', 'anew');
  await libvirt.defineGuest(guest);
  await eventually(() => expect(told).toEqual(['anew']), PATIENT);
  for (let polls = 0; polls < 3; polls++) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    expect(await poll('anew')).toBe('stopped');
  }
  expect(told).toEqual(['anew']);
});

it('M8: destroyed, undefined, defined and started again in one go: said once', async () => {
  const guest = await libvirt.startBiosGuest('again');
  await eventually(async () => expect(await poll('again')).toBe('running'), PATIENT);
  await libvirt.virsh('destroy', 'again');
  await libvirt.virsh('undefine', 'again');
  await libvirt.defineGuest(guest);
  await libvirt.virsh('start', 'again');
  await eventually(() => expect(told).toEqual(['again']), PATIENT);
  await eventually(async () => expect(await poll('again')).toBe('running'), PATIENT);
  expect(told).toEqual(['again']);
  await libvirt.virsh('destroy', 'again');
});

it('M8: a listing finds it too, where the events were lost with a libvirtd that was restarted', async () => {
  const guest = biosGuest('unheard');
  await libvirt.defineGuest(guest);
  await eventually(async () => expect(await poll('unheard')).toBe('stopped'), PATIENT);
  await libvirt.daemon.stop();
  // What libvirtd finds gone when it starts is what a person undefined meanwhile with another connection.
  await libvirt.run('rm', ['/etc/libvirt/qemu/unheard.xml']);
  await libvirt.daemon.start();
  await eventually(async () => expect(await poll('unheard')).toBeUndefined(), PATIENT);
  await libvirt.defineGuest(guest);
  await eventually(() => expect(told).toEqual(['unheard']), PATIENT);
});

it('M8: a definition changed in place (virsh edit) is the same VM', async () => {
  const guest = biosGuest('edited');
  await libvirt.defineGuest(guest);
  await eventually(async () => expect(await poll('edited')).toBe('stopped'), PATIENT);
  await libvirt.defineGuest({ ...guest, xml: guest.xml.replace("<memory unit='MiB'>32", "<memory unit='MiB'>48") });
  await eventually(async () => {
    await poll('edited');
    const info = (await fetcher.info([guest.uuid], LONG)).get(guest.uuid);
    expect(info?.content).toMatchObject({ memoryMiB: 48 });
  }, PATIENT);
  expect(told).toEqual([]);
});

it('M8: a managed save and its restore are the same VM', async () => {
  await libvirt.startBiosGuest('saved');
  await eventually(async () => expect(await poll('saved')).toBe('running'), PATIENT);
  await libvirt.virsh('managedsave', 'saved');
  await eventually(async () => expect(await poll('saved')).toBe('suspended'), PATIENT);
  await libvirt.virsh('start', 'saved');
  await eventually(async () => expect(await poll('saved')).toBe('running'), PATIENT);
  await libvirt.virsh('destroy', 'saved');
  expect(told).toEqual([]);
});

it('M8: a snapshot that is reverted to is the same VM', async () => {
  const disk = `${libvirt.baseDir}/images/snapped.qcow2`;
  await writeFile(disk, emptyQcow2(8 * 1024 * 1024));
  const devices = `<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='${disk}'/><target dev='hda' bus='ide'/></disk>`;
  await libvirt.startBiosGuest('snapped', { devices });
  await libvirt.virsh('snapshot-create-as', 'snapped', 'first');
  await libvirt.virsh('destroy', 'snapped');
  await eventually(async () => expect(await poll('snapped')).toBe('stopped'), PATIENT);
  await libvirt.virsh('snapshot-revert', 'snapped', 'first');
  await eventually(async () => expect(await poll('snapped')).toBe('running'), PATIENT);
  expect(told).toEqual([]);
  await libvirt.virsh('destroy', 'snapped');
});

it('M8: a transient domain that vanishes with its stop and is started again is the same VM', async () => {
  const guest = biosGuest('transient');
  const xml = `${libvirt.baseDir}/xml/transient.xml`;
  await writeFile(xml, guest.xml);
  await libvirt.virsh('create', xml);
  await eventually(async () => expect(await poll('transient')).toBe('running'), PATIENT);
  await libvirt.virsh('destroy', 'transient');
  await eventually(async () => expect(await poll('transient')).toBeUndefined(), PATIENT);
  await libvirt.virsh('create', xml);
  await eventually(async () => expect(await poll('transient')).toBe('running'), PATIENT);
  await libvirt.virsh('destroy', 'transient');
  expect(told).toEqual([]);
});

it('M8: one that became transient while it ran, and persistent again, is the same VM', async () => {
  const guest = await libvirt.startBiosGuest('lively');
  await eventually(async () => expect(await poll('lively')).toBe('running'), PATIENT);
  await libvirt.virsh('undefine', 'lively');
  expect(await poll('lively')).toBe('running');
  await libvirt.defineGuest(guest);
  await libvirt.virsh('suspend', 'lively');
  await eventually(async () => expect(await poll('lively')).toBe('paused'), PATIENT);
  await libvirt.virsh('destroy', 'lively');
  expect(told).toEqual([]);
});
