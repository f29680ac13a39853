/** A guest with an operating system, an agent and a lease: its addresses, its hung agent, its shutdown. */
import type { HostFetcher } from '@vedette/fetcher';
import { eventually } from '@vedette/testbed';
import { type Guest, libvirtAvailable, type PrivateLibvirt, startLibvirt } from '@vedette/testbed/libvirt';
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { clock, LONG, openFetcher, stateOf, statesOf } from './support/watching.ts';

vi.setConfig({ testTimeout: 120_000 });
const available = libvirtAvailable({ fullGuests: true });
const GUEST = { timeoutMs: 60_000, intervalMs: 500 };
const agentIntervalMs = 1_000;
let libvirt: PrivateLibvirt;
let guest: Guest;

beforeAll(async () => {
  if (!available.ok) return;
  libvirt = await startLibvirt();
  guest = await libvirt.startFullGuest('linux');
  await libvirt.startBiosGuest('beside');
  await libvirt.agentAnswers('linux', 120_000);
}, 240_000);
afterAll(() => libvirt?.stop());
beforeEach((ctx) => {
  if (!available.ok) ctx.skip(available.reason);
});

/** Its IPv4 addresses, by their sources. */
async function addressesOf(fetcher: HostFetcher): Promise<readonly string[] | undefined> {
  await fetcher.runtimeStats(LONG);
  const { content } = (await fetcher.guestDetails([guest.uuid], LONG)).get(guest.uuid) ?? {};
  return content?.addresses.filter(({ family }) => family === 'ipv4').map(({ source }) => source);
}

it('S2: the agent is asked first; without the right to ask it the lease tells', async () => {
  await using fetcher = openFetcher(libvirt, { agentIntervalMs });
  await eventually(async () => expect(await addressesOf(fetcher)).toEqual(['agent']), GUEST);
  await using reader = openFetcher(libvirt, { readOnly: true });
  await eventually(async () => expect(await addressesOf(reader)).toEqual(['lease']), GUEST);
});

it('S2: an address that the guest gets, and loses, is seen', async () => {
  await using fetcher = openFetcher(libvirt, { agentIntervalMs });
  await eventually(async () => expect(await addressesOf(fetcher)).toEqual(['agent']), GUEST);
  await libvirt.runInGuest('linux', 'ip addr add 10.9.8.7/24 dev eth0');
  await eventually(async () => expect(await addressesOf(fetcher)).toEqual(['agent', 'agent']), GUEST);
  await libvirt.runInGuest('linux', 'ip addr del 10.9.8.7/24 dev eth0');
  await eventually(async () => expect(await addressesOf(fetcher)).toEqual(['agent']), GUEST);
});

it('trap 2: an agent that hangs removes nothing and delays nobody; S3: what a new fetcher gets is the lease', async () => {
  await using fetcher = openFetcher(libvirt, { agentIntervalMs });
  await eventually(async () => expect(await addressesOf(fetcher)).toEqual(['agent']), GUEST);
  await libvirt.hangAgent('linux');
  try {
    for (let polls = 0; polls < 8; polls++) {
      // oxlint-disable-next-line no-await-in-loop -- over some seconds
      expect(await statesOf(fetcher)).toEqual({ linux: 'running', beside: 'running' });
      // oxlint-disable-next-line no-await-in-loop -- as above
      expect(await addressesOf(fetcher)).toEqual(['agent']);
      // oxlint-disable-next-line no-await-in-loop -- as above
      await clock.sleep(500);
    }
    await using later = openFetcher(libvirt, { agentIntervalMs });
    await eventually(async () => expect(await addressesOf(later)).toEqual(['lease']), GUEST);
  } finally {
    await libvirt.resumeAgent('linux');
  }
});

it('S3: a guest that shuts down keeps its addresses until it is down; then it has none', async () => {
  await using fetcher = openFetcher(libvirt, { agentIntervalMs });
  await eventually(async () => expect(await addressesOf(fetcher)).toEqual(['agent']), GUEST);
  await libvirt.virsh('shutdown', 'linux', '--mode', 'agent');
  const seen = new Set<string>();
  await eventually(
    async () => {
      const before = await stateOf(fetcher, 'linux');
      const addresses = (await fetcher.guestDetails([guest.uuid], LONG)).get(guest.uuid)?.content?.addresses ?? [];
      const state = await stateOf(fetcher, 'linux');
      // Else it went down between the two questions.
      if (state === before)
        seen.add(`${state === 'stopped' ? 'down' : 'up'}, ${addresses.length === 0 ? 'none' : 'some'}`);
      expect([before, state]).toEqual(['stopped', 'stopped']);
    },
    { timeoutMs: 60_000, intervalMs: 50 },
  );
  expect(seen).toContain('down, none');
  // A slow machine may not have looked before it was down.
  expect(['down, none', 'up, some']).toEqual(expect.arrayContaining([...seen]));
});
