import type { HostFetcher } from '@vedette/fetcher';
import { libvirtDriver } from '@vedette/fetcher/libvirt';
import { RealClock } from '@vedette/runtime';
import { libvirtAvailable, type PrivateLibvirt, startLibvirt } from '@vedette/testbed/libvirt';
import { beforeEach, expect, it } from 'vitest';

const available = libvirtAvailable();
beforeEach((ctx) => {
  if (!available.ok) ctx.skip(available.reason);
});

const clock = new RealClock();
const LONG = { timeoutMs: 10_000 };

function open(libvirt: PrivateLibvirt): HostFetcher {
  return libvirtDriver({ clock }).open({ id: 'host', url: `libvirt:///system?socket=${libvirt.socketPath}` });
}

async function statesOf(fetcher: HostFetcher): Promise<ReadonlyMap<string | undefined, string>> {
  const { rows } = await fetcher.runtimeStats({ timeoutMs: 2_000 });
  return new Map(rows.map(({ name, state }) => [name, state]));
}

it('H2: a QEMU that hangs delays no listing, nor does the call that it holds; afterwards all is as before', async () => {
  await using libvirt = await startLibvirt();
  const hung = await libvirt.startBiosGuest('hung');
  await libvirt.startBiosGuest('lively');
  await using fetcher = open(libvirt);
  await fetcher.runtimeStats(LONG);
  expect((await fetcher.deviceStats(LONG)).has(hung.uuid)).toBe(true);
  await libvirt.signalGuest('hung', 'SIGSTOP');
  const held = fetcher.deviceStats({ timeoutMs: 1_000 });
  const ended = expect(held).rejects.toMatchObject({ code: 'VDT_FETCHER_TIMEOUT', retryable: true });
  expect(await statesOf(fetcher)).toEqual(
    new Map([
      ['hung', 'running'],
      ['lively', 'running'],
    ]),
  );
  await ended;
  await libvirt.virsh('suspend', 'lively');
  for (let polls = 0; polls < 3; polls++) {
    expect(await statesOf(fetcher)).toEqual(
      new Map([
        ['hung', 'running'],
        ['lively', 'paused'],
      ]),
    );
  }
  await libvirt.signalGuest('hung', 'SIGCONT');
  expect((await fetcher.deviceStats(LONG)).has(hung.uuid)).toBe(true);
  expect((await statesOf(fetcher)).get('hung')).toBe('running');
}, 60_000);

it('the device statistics are those that virsh shows', async () => {
  await using libvirt = await startLibvirt();
  const { uuid } = await libvirt.startBiosGuest('guest');
  await using fetcher = open(libvirt);
  const stats = (await fetcher.deviceStats(LONG)).get(uuid) ?? {};
  const shown = await libvirt.virsh('domstats', '--balloon', '--raw', 'guest');
  expect(stats['balloon.maximum']).toBe(Number(/balloon\.maximum=(\d+)/.exec(shown)?.[1]));
}, 60_000);
