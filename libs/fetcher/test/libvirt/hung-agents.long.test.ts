/** Trap 3: six guest agents that hang at once, more than libvirtd works on for one client. */
import { eventually } from '@vedette/testbed';
import { libvirtAvailable, type PrivateLibvirt, startLibvirt } from '@vedette/testbed/libvirt';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { clock, LONG, openFetcher, PATIENT, statesOf } from './support/watching.ts';

const available = libvirtAvailable({ fullGuests: true });
const names = Array.from({ length: 6 }, (_, at) => `linux${at}`);
let libvirt: PrivateLibvirt;

beforeAll(async () => {
  if (!available.ok) return;
  libvirt = await startLibvirt();
  for (const name of names) {
    // oxlint-disable-next-line no-await-in-loop -- two processors: one after the other is no slower, and never too slow
    await libvirt.startFullGuest(name);
    // oxlint-disable-next-line no-await-in-loop -- as above
    await libvirt.agentAnswers(name, 180_000);
  }
  await libvirt.startBiosGuest('beside');
}, 900_000);
afterAll(() => libvirt?.stop());
beforeEach((ctx) => {
  if (!available.ok) ctx.skip(available.reason);
});

it('trap 3: with six agents hung every poll answers, and changes of others are seen at once', async () => {
  for (const name of names) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await libvirt.hangAgent(name);
  }
  await using fetcher = openFetcher(libvirt, { agentIntervalMs: 1_000 });
  await fetcher.runtimeStats(LONG);
  const endMs = clock.now() + 20_000;
  for (let turn = 0; clock.now() < endMs; turn++) {
    const state = turn % 2 === 0 ? 'paused' : 'running';
    // oxlint-disable-next-line no-await-in-loop -- over some time
    await libvirt.virsh(turn % 2 === 0 ? 'suspend' : 'resume', 'beside');
    // oxlint-disable-next-line no-await-in-loop -- as above
    expect(await statesOf(fetcher)).toMatchObject({ beside: state, linux0: 'running', linux5: 'running' });
    // oxlint-disable-next-line no-await-in-loop -- as above
    await clock.sleep(500);
  }
  for (const name of names) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await libvirt.resumeAgent(name);
  }
  await using later = openFetcher(libvirt, { agentIntervalMs: 1_000 });
  await eventually(
    async () => {
      const { rows } = await later.runtimeStats(LONG);
      const vms = rows.map(({ vm }) => vm);
      const sections = [...(await later.guestDetails(vms, LONG)).values()];
      const told = sections.filter(({ content }) => content?.addresses.some(({ source }) => source === 'agent'));
      expect(told).toHaveLength(6);
    },
    { ...PATIENT, timeoutMs: 90_000 },
  );
}, 300_000);
