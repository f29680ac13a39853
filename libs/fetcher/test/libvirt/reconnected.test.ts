/** I2: nothing is told of VMs on a connection before a listing told whose host it leads to. */
import { eventually } from '@vedette/testbed';
import { libvirtAvailable, type PrivateLibvirt, startLibvirt } from '@vedette/testbed/libvirt';
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { LONG, openFetcher, PATIENT } from './support/watching.ts';

vi.setConfig({ testTimeout: 90_000 });
const available = libvirtAvailable();
let libvirt: PrivateLibvirt;

beforeAll(async () => {
  if (available.ok) libvirt = await startLibvirt();
}, 120_000);
afterAll(async () => {
  await libvirt?.stop();
});
beforeEach((ctx) => {
  if (!available.ok) ctx.skip(available.reason);
});

it('I2: after a reconnection hints ask for a poll, and carry rows again only when a listing has told the identity', async () => {
  await using fetcher = openFetcher(libvirt);
  const { uuid } = await libvirt.startBiosGuest('guest');
  await fetcher.runtimeStats(LONG);
  const told: string[] = [];
  const reading = new AbortController();
  const read = (async () => {
    for await (const hint of fetcher.hints({ signal: reading.signal })) {
      if (hint.kind === 'poll') told.push(hint.reason);
      else if (hint.kind === 'rows') told.push(...hint.rows.filter(({ vm }) => vm === uuid).map(({ state }) => state));
    }
  })();
  try {
    await libvirt.virsh('suspend', 'guest');
    await eventually(() => expect(told).toContain('paused'), PATIENT);
    await libvirt.daemon.stop();
    await libvirt.daemon.start();
    await eventually(() => expect(told).toContain('connected'), PATIENT);
    told.length = 0;
    // Again where an event was lost: on a busy machine the new connection may break once more.
    const untilTold = (wanted: string) =>
      eventually(async () => {
        await libvirt.virsh('resume', 'guest').catch(() => libvirt.virsh('suspend', 'guest'));
        await eventually(() => expect(told).toContain(wanted), { timeoutMs: 3_000 });
      }, PATIENT);
    await untilTold('nobody knows yet whose connection this is');
    expect(told.filter((one) => one === 'running' || one === 'paused')).toEqual([]);
    await fetcher.runtimeStats(LONG);
    await untilTold('running');
  } finally {
    reading.abort();
    await read;
  }
});
