/** A QEMU that hangs (SIGSTOP): what it must not delay, how it is noticed, and how it comes back. */
import { connectLibvirt } from '@vedette/libvirt';
import { eventually } from '@vedette/testbed';
import { libvirtAvailable, type PrivateLibvirt, startLibvirt } from '@vedette/testbed/libvirt';
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { clock, HintedStates, LONG, openFetcher, PATIENT, rowsOf, stateOf, statesOf } from './support/watching.ts';

vi.setConfig({ testTimeout: 90_000 });
const available = libvirtAvailable();
/** Seconds where it is a quarter of a minute by default: what is tested is not how long it takes. */
const monitorProbe = { intervalMs: 500, silentAfterMs: 1_500 };
let libvirt: PrivateLibvirt;
const uuids = new Map<string, string>();

beforeAll(async () => {
  if (!available.ok) return;
  libvirt = await startLibvirt();
  for (const name of ['hung', 'lively', 'other']) {
    // oxlint-disable-next-line no-await-in-loop -- two processors
    uuids.set(name, (await libvirt.startBiosGuest(name)).uuid);
  }
}, 120_000);
afterAll(() => libvirt?.stop());
beforeEach((ctx) => {
  if (!available.ok) ctx.skip(available.reason);
});

function uuidOf(name: string): string {
  return uuids.get(name) ?? '';
}

async function hang(name: string): Promise<AsyncDisposable> {
  await libvirt.signalGuest(name, 'SIGSTOP');
  return { [Symbol.asyncDispose]: () => libvirt.signalGuest(name, 'SIGCONT') };
}

it('S6: a QEMU that hangs reads not_responding, its raw state kept, and runs again once it answers', async () => {
  await using fetcher = openFetcher(libvirt, { monitorProbe });
  await eventually(async () => expect(await stateOf(fetcher, 'hung')).toBe('running'), PATIENT);
  await using watch = new HintedStates(fetcher, uuidOf('hung'));
  {
    await using _hanging = await hang('hung');
    await eventually(async () => expect(await stateOf(fetcher, 'hung')).toBe('not_responding'), PATIENT);
    const row = (await rowsOf(fetcher)).get('hung');
    expect(row).toMatchObject({ raw: { state: '1', reason: '1' }, reason: 'monitor' });
    expect(await statesOf(fetcher)).toMatchObject({ lively: 'running', other: 'running' });
  }
  await eventually(async () => expect(await stateOf(fetcher, 'hung')).toBe('running'), PATIENT);
  expect(watch.states.filter((state) => state !== 'running')).toEqual(['not_responding']);
});

it('S6: one that hangs while it is paused is not responding, and is paused again when it answers', async () => {
  await using fetcher = openFetcher(libvirt, { monitorProbe });
  await libvirt.virsh('suspend', 'other');
  await eventually(async () => expect(await stateOf(fetcher, 'other')).toBe('paused'), PATIENT);
  {
    await using _hanging = await hang('other');
    await eventually(async () => expect(await stateOf(fetcher, 'other')).toBe('not_responding'), PATIENT);
  }
  await eventually(async () => expect(await stateOf(fetcher, 'other')).toBe('paused'), PATIENT);
  await libvirt.virsh('resume', 'other');
});

it('N7: changes of other VMs are seen while one hangs, and no poll takes longer', async () => {
  await using fetcher = openFetcher(libvirt, { monitorProbe });
  await fetcher.runtimeStats(LONG);
  await using _hanging = await hang('hung');
  await eventually(async () => expect(await stateOf(fetcher, 'hung')).toBe('not_responding'), PATIENT);
  for (const [command, state] of [
    ['suspend', 'paused'],
    ['resume', 'running'],
  ] as const) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await libvirt.virsh(command, 'lively');
    // oxlint-disable-next-line no-await-in-loop -- as above
    expect(await statesOf(fetcher)).toMatchObject({ lively: state, hung: 'not_responding' });
  }
});

it('trap 1: device statistics that meet a hung QEMU are given up and asked again, and tell of all others', async () => {
  await using fetcher = openFetcher(libvirt, { monitorProbe: { intervalMs: 600_000, silentAfterMs: 600_000 } });
  await fetcher.runtimeStats(LONG);
  expect((await fetcher.deviceStats(LONG)).size).toBe(3);
  await using _hanging = await hang('hung');
  const others = [uuidOf('lively'), uuidOf('other')].sort();
  const met = await fetcher.deviceStats({ timeoutMs: 30_000 });
  expect(others).toEqual(expect.arrayContaining([...met.keys()]));
  await eventually(async () => {
    await fetcher.runtimeStats(LONG); // who was only busy when looked at is found to answer by a listing
    const begunMs = clock.now();
    const again = await fetcher.deviceStats({ timeoutMs: 60_000 });
    expect([...again.keys()].sort()).toEqual(others);
    expect(clock.now() - begunMs, 'what is known to hang is not asked: nothing was given up').toBeLessThan(5_000);
  }, PATIENT);
});

it('I6: calls on a hung QEMU do not pile up: one of ours is open, however long it hangs', async () => {
  const calls: number[] = [];
  await using fetcher = openFetcher(libvirt, { monitorProbe });
  await using witness = await connectLibvirt({ socketPath: libvirt.socketPath });
  await fetcher.runtimeStats(LONG);
  await using _hanging = await hang('hung');
  await eventually(async () => expect(await stateOf(fetcher, 'hung')).toBe('not_responding'), PATIENT);
  const domain = await witness.lookupDomain(uuidOf('hung'));
  for (let polls = 0; polls < 8; polls++) {
    // oxlint-disable-next-line no-await-in-loop -- over some time, several intervals of the probe
    await clock.sleep(300);
    // oxlint-disable-next-line no-await-in-loop -- as above
    await fetcher.runtimeStats(LONG);
    // oxlint-disable-next-line no-await-in-loop -- as above
    const { state, stateMs } = await witness.domainControlInfo(domain);
    expect(state).toBe('occupied');
    calls.push(stateMs);
  }
  // It is the first question that is still open: a later one would have begun to wait later.
  expect(calls).toEqual([...calls].sort((a, b) => a - b));
});

it('I6: two that hang at once are both found, and a read-only connection finds them too', async () => {
  await using fetcher = openFetcher(libvirt, { monitorProbe, readOnly: true });
  await fetcher.runtimeStats(LONG);
  await using _one = await hang('hung');
  await using _two = await hang('other');
  await eventually(
    async () =>
      expect(await statesOf(fetcher)).toEqual({ hung: 'not_responding', other: 'not_responding', lively: 'running' }),
    { timeoutMs: 40_000, intervalMs: 200 },
  );
});

it('S6: one that is killed while it hangs is failed', async () => {
  const { uuid } = await libvirt.startBiosGuest('doomed');
  await using fetcher = openFetcher(libvirt, { monitorProbe });
  await fetcher.runtimeStats(LONG);
  await libvirt.signalGuest('doomed', 'SIGSTOP');
  await eventually(async () => expect(await stateOf(fetcher, 'doomed')).toBe('not_responding'), PATIENT);
  await libvirt.signalGuest('doomed', 'SIGKILL');
  await eventually(async () => expect(await stateOf(fetcher, 'doomed')).toBe('failed'), PATIENT);
  await libvirt.virsh('undefine', uuid);
});

it('the device statistics are those that virsh shows', async () => {
  await using fetcher = openFetcher(libvirt);
  const sample = (await fetcher.deviceStats(LONG)).get(uuidOf('lively'));
  const shown = await libvirt.virsh('domstats', '--balloon', '--raw', 'lively');
  expect(sample?.memory.maximumBytes).toBe(Number(/balloon\.maximum=(\d+)/.exec(shown)?.[1]) * 1024);
});
