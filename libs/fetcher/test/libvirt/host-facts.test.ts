/** What makes a real libvirt host unfit although it answers. */
import { writeFile } from 'node:fs/promises';
import { RealClock } from '@vedette/runtime';
import { biosGuest, libvirtAvailable, type PrivateLibvirt, startLibvirt } from '@vedette/testbed/libvirt';
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { LibvirtFetcher, type RequiredParts } from '../../src/drivers/libvirt/fetcher.ts';
import { parseLibvirtUrl } from '../../src/drivers/libvirt/url.ts';
import { LONG } from './support/watching.ts';

vi.setConfig({ testTimeout: 60_000 });
const available = libvirtAvailable();
let libvirt: PrivateLibvirt;

beforeAll(async () => {
  if (available.ok) libvirt = await startLibvirt();
}, 120_000);
afterAll(() => libvirt?.stop());
beforeEach((ctx) => {
  if (!available.ok) ctx.skip(available.reason);
});

async function unfit(required: RequiredParts): Promise<string> {
  const url = { ...parseLibvirtUrl(`libvirt:///system?socket=${libvirt.socketPath}`), ...required };
  await using fetcher = new LibvirtFetcher({ url, clock: new RealClock() });
  await fetcher.runtimeStats(LONG);
  return (await fetcher.describe(LONG)).unfit;
}

it('a network that must be up and is down, or not there', async () => {
  expect(await unfit({})).toBe('');
  expect(await unfit({ requiredNetworks: ['default'] })).toBe('network default is not active');
  await libvirt.startNetwork();
  expect(await unfit({ requiredNetworks: ['default'] })).toBe('');
  expect(await unfit({ requiredNetworks: ['default', 'front'] })).toBe('network front is not there');
});

it('a storage pool that must be up and is down, or not there', async () => {
  expect(await unfit({ requiredPools: ['images'] })).toBe('storage pool images is not there');
  await libvirt.virsh('pool-define-as', 'images', 'dir', '--target', `${libvirt.baseDir}/images`);
  expect(await unfit({ requiredPools: ['images'] })).toBe('storage pool images is not active');
  await libvirt.virsh('pool-start', 'images');
  expect(await unfit({ requiredPools: ['images'] })).toBe('');
});

it('no KVM, where a domain is to run on it: defined when there was one, as after a reboot without the module', async (ctx) => {
  const capabilities = await libvirt.virsh('capabilities');
  if (/<domain type='kvm'/.test(capabilities)) ctx.skip('this machine has KVM that works');
  const { xml } = biosGuest('accelerated');
  await libvirt.daemon.stop();
  // libvirtd takes no such definition from a client, but keeps one that it has.
  await writeFile(`${libvirt.baseDir}/etc/qemu/accelerated.xml`, xml.replace("type='qemu'", "type='kvm'"));
  await libvirt.daemon.start();
  expect(await unfit({})).toBe('no KVM, which accelerated needs');
  await libvirt.virsh('undefine', 'accelerated');
  expect(await unfit({})).toBe('');
});
