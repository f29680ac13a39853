/** What the host itself knows of its guests: processor time, processes, neighbours. */
import { eventually } from '@vedette/testbed';
import { libvirtAvailable, type PrivateLibvirt, startLibvirt } from '@vedette/testbed/libvirt';
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { LONG, openFetcher, PATIENT, rowsOf } from './support/watching.ts';

vi.setConfig({ testTimeout: 60_000 });
const available = libvirtAvailable({ fullGuests: true });
let libvirt: PrivateLibvirt;

beforeAll(async () => {
  if (!available.ok) return;
  libvirt = await startLibvirt();
  await libvirt.startNetwork();
}, 120_000);
afterAll(() => libvirt?.stop());
beforeEach((ctx) => {
  if (!available.ok) ctx.skip(available.reason);
});

it('a running guest has its processor share from the second poll on, and its process', async () => {
  const { uuid } = await libvirt.startRestlessGuest('busy');
  await using fetcher = openFetcher(libvirt, { hostRoot: libvirt.rootDir });
  await fetcher.runtimeStats(LONG);
  await eventually(async () => {
    const row = (await rowsOf(fetcher)).get('busy');
    expect((row?.cpuUser ?? 0) + (row?.cpuSystem ?? 0)).toBeGreaterThan(0);
    expect(row?.elapsedS).toBeGreaterThan(0);
  }, PATIENT);
  const info = (await fetcher.info([uuid], LONG)).get(uuid);
  expect(info?.content?.pid).toBe(await libvirt.guestPid('busy'));
  await libvirt.virsh('destroy', 'busy');
  await eventually(async () => {
    const row = (await rowsOf(fetcher)).get('busy');
    expect(row?.state).toBe('stopped');
    expect(row).not.toHaveProperty('elapsedS');
    expect(row).not.toHaveProperty('cpuUser');
    expect((await fetcher.info([uuid], LONG)).get(uuid)?.content).not.toHaveProperty('pid');
  }, PATIENT);
});

it('S2: a guest without an agent and without a lease has the address that its host’s neighbour table knows', async () => {
  const mac = '52:54:00:00:00:0a';
  const devices = `<interface type='network'><mac address='${mac}'/><source network='default'/><model type='virtio'/><rom enabled='no'/></interface>`;
  const { uuid } = await libvirt.startBiosGuest('quiet', { devices });
  await using fetcher = openFetcher(libvirt, { hostRoot: libvirt.rootDir });
  await fetcher.runtimeStats(LONG);
  await libvirt.addNeighbour(mac, '192.168.122.77');
  await eventually(async () => {
    await fetcher.runtimeStats(LONG);
    const guest = (await fetcher.guestDetails([uuid], LONG)).get(uuid);
    expect(guest?.content?.addresses).toMatchObject([{ address: '192.168.122.77', mac, source: 'neighbour' }]);
  }, PATIENT);
});
