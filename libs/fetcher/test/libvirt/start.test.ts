/** Starting VMs on a libvirtd of this test's own. */
import { biosGuest, type Guest, libvirtAvailable, type PrivateLibvirt, startLibvirt } from '@vedette/testbed/libvirt';
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { clock, LONG, openFetcher, stateOf } from './support/watching.ts';

vi.setConfig({ testTimeout: 120_000 });
const available = libvirtAvailable();
const START = { timeoutMs: 60_000 };
let libvirt: PrivateLibvirt;

beforeAll(async () => {
  if (available.ok) libvirt = await startLibvirt();
}, 120_000);
afterAll(() => libvirt?.stop());
beforeEach((ctx) => {
  if (!available.ok) ctx.skip(available.reason);
});

async function defined(guest: Guest): Promise<string> {
  await libvirt.defineGuest(guest);
  return guest.uuid;
}

function inTime(): string {
  return new Date(clock.wallNow() + 60_000).toISOString();
}

it('L1: a defined domain that is down is started, once for an intent', async () => {
  const uuid = await defined(biosGuest('sleeper'));
  await using fetcher = openFetcher(libvirt);
  expect(fetcher.capabilities.start).toBe(true);
  expect(await stateOf(fetcher, 'sleeper')).toBe('stopped');
  const request = { vm: uuid, intentId: 'i-1', notAfter: inTime() };
  expect(await fetcher.start(request, START)).toEqual({ outcome: 'started', detail: '' });
  expect(await stateOf(fetcher, 'sleeper')).toBe('running');
  await libvirt.virsh('destroy', 'sleeper');
  expect(await fetcher.start(request, START), 'answered, not carried out').toEqual({ outcome: 'started', detail: '' });
  expect(await stateOf(fetcher, 'sleeper')).toBe('stopped');
  expect(await fetcher.start({ ...request, intentId: 'i-2' }, START)).toMatchObject({ outcome: 'started' });
  expect(await fetcher.start({ ...request, intentId: 'i-3' }, START)).toEqual({ outcome: 'active', detail: '' });
});

it('L6: a paused domain is not down, and nothing is done to it', async () => {
  const { uuid } = await libvirt.startBiosGuest('paused');
  await libvirt.virsh('suspend', 'paused');
  await using fetcher = openFetcher(libvirt);
  const request = { vm: uuid, intentId: 'p-1', notAfter: inTime() };
  expect(await fetcher.start(request, START)).toEqual({ outcome: 'active', detail: '' });
  expect(await stateOf(fetcher, 'paused')).toBe('paused');
});

it('L5: what libvirtd will not start is refused, in its words; what came too late is not begun', async () => {
  const uuid = await defined(biosGuest('broken', { devices: disk('/nowhere.img') }));
  await using fetcher = openFetcher(libvirt);
  const refused = await fetcher.start({ vm: uuid, intentId: 'b-1', notAfter: inTime() }, START);
  expect(refused).toMatchObject({ outcome: 'refused', detail: expect.stringContaining('nowhere.img') });
  const late = { vm: uuid, intentId: 'b-2', notAfter: new Date(clock.wallNow() - 1_000).toISOString() };
  expect(await fetcher.start(late, START)).toMatchObject({ outcome: 'expired' });
  const unknown = '00000000-dead-4bad-8bad-000000000000';
  expect(await fetcher.start({ vm: unknown, intentId: 'b-3', notAfter: inTime() }, START)).toMatchObject({
    outcome: 'refused',
  });
});

function disk(path: string): string {
  return `<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='${path}'/><target dev='vdz' bus='virtio'/></disk>`;
}

it('a read-only connection does not start anything, and says so', async () => {
  const uuid = await defined(biosGuest('untouched'));
  await using fetcher = openFetcher(libvirt, { readOnly: true });
  expect(fetcher.capabilities.start).toBe(false);
  const asked = fetcher.start({ vm: uuid, intentId: 'r-1', notAfter: inTime() }, LONG);
  await expect(asked).rejects.toMatchObject({ code: 'VDT_FETCHER_UNSUPPORTED', retryable: false });
  expect(await stateOf(fetcher, 'untouched')).toBe('stopped');
});
