/** What libvirtd itself can do to its watcher: it is frozen, it is restarted, it vanishes. */
import { eventually } from '@vedette/testbed';
import { libvirtAvailable, type PrivateLibvirt, startLibvirt } from '@vedette/testbed/libvirt';
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { HintedStates, LONG, openFetcher, PATIENT, statesOf } from './support/watching.ts';

vi.setConfig({ testTimeout: 120_000 });
const available = libvirtAvailable();
let libvirt: PrivateLibvirt;

beforeAll(async () => {
  if (!available.ok) return;
  libvirt = await startLibvirt();
  for (const name of ['one', 'two']) {
    // oxlint-disable-next-line no-await-in-loop -- two processors
    await libvirt.startBiosGuest(name);
  }
}, 120_000);
afterAll(() => libvirt?.stop());
beforeEach((ctx) => {
  if (!available.ok) ctx.skip(available.reason);
});

it('S5: a reset (reboot events and no lifecycle event) is rebooting once, then running, by itself', async () => {
  const { uuid } = await libvirt.startBiosGuest('reset');
  await using fetcher = openFetcher(libvirt);
  await fetcher.runtimeStats(LONG);
  await using watch = new HintedStates(fetcher, uuid);
  for (let resets = 0; resets < 3; resets++) {
    // oxlint-disable-next-line no-await-in-loop -- as a guest's three events come
    await libvirt.virsh('reset', 'reset');
  }
  await eventually(() => expect(watch.states.slice(-2)).toEqual(['rebooting', 'running']), PATIENT);
  expect(watch.states.filter((state) => state === 'rebooting')).toHaveLength(1);
  await libvirt.virsh('destroy', 'reset');
  await libvirt.virsh('undefine', 'reset');
});

it('N7: a libvirtd that is frozen fails every poll at its deadline, and is read again when it goes on', async () => {
  await using fetcher = openFetcher(libvirt);
  await fetcher.runtimeStats(LONG);
  await libvirt.daemon.signal('SIGSTOP');
  try {
    for (let polls = 0; polls < 8; polls++) {
      // oxlint-disable-next-line no-await-in-loop -- one poll after the other
      await expect(fetcher.runtimeStats({ timeoutMs: 300 })).rejects.toMatchObject({
        code: expect.stringMatching(/^VDT_FETCHER_(TIMEOUT|RESET|REFUSED)$/),
        retryable: true,
      });
    }
  } finally {
    await libvirt.daemon.signal('SIGCONT');
  }
  await eventually(async () => expect(await statesOf(fetcher)).toEqual({ one: 'running', two: 'running' }), PATIENT);
});

it('trap 4: what happened while libvirtd was away is seen by listing again; guests survive', async () => {
  await using fetcher = openFetcher(libvirt);
  await libvirt.startBiosGuest('doomed');
  await eventually(async () => expect(await statesOf(fetcher)).toMatchObject({ doomed: 'running' }), PATIENT);
  await libvirt.daemon.stop();
  await libvirt.signalGuest('doomed', 'SIGKILL');
  await libvirt.daemon.start();
  await eventually(
    async () =>
      expect(await statesOf(fetcher)).toEqual({
        one: 'running',
        two: 'running',
        doomed: expect.stringMatching(/^(failed|stopped)$/),
      }),
    PATIENT,
  );
});

it('trap 4: a saved guest is suspended, though the libvirtd that was restarted says only that it is off', async () => {
  await libvirt.startBiosGuest('asleep');
  await libvirt.virsh('managedsave', 'asleep');
  await libvirt.restart();
  expect(await libvirt.virsh('domstate', 'asleep', '--reason')).toBe('shut off (unknown)');
  await using fetcher = openFetcher(libvirt);
  await eventually(async () => expect(await statesOf(fetcher)).toMatchObject({ asleep: 'suspended' }), PATIENT);
  await libvirt.virsh('undefine', '--managed-save', 'asleep');
});

it('a libvirtd that has a new run lists under a new boot, the same host', async () => {
  await using fetcher = openFetcher(libvirt);
  const before = await fetcher.runtimeStats(LONG);
  await libvirt.restart();
  const after = await eventually(() => fetcher.runtimeStats(LONG), PATIENT);
  expect(after.hostUuid).toBe(before.hostUuid);
  expect(after.boot).not.toBe(before.boot);
});
