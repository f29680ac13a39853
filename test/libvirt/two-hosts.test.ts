import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { MonitorConfig } from '@vedette/host-monitor';
import { eventually } from '@vedette/testbed';
import {
  biosGuest,
  type Guest,
  type LibvirtPair,
  libvirtAvailable,
  type PrivateLibvirt,
  startLibvirtPair,
} from '@vedette/testbed/libvirt';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Spine } from './spine.ts';

const available = libvirtAvailable();
const waiting = { timeoutMs: 30_000 };
/** A host that is away is soon called so, and soon found again. */
const soonNonResponsive: Partial<MonitorConfig> = {
  graceBaseMs: 1_000,
  gracePerVmMs: 0,
  pollTimeoutMs: 2_000,
  backoffMaxMs: 500,
};
/** A host that is away for some seconds is only late: what it said last still counts. */
const patient: Partial<MonitorConfig> = { pollTimeoutMs: 2_000, backoffMaxMs: 500 };

describe('one VM and two real libvirtd', { timeout: 120_000 }, () => {
  let pair: LibvirtPair;
  let spine: Spine;
  let first: PrivateLibvirt;
  let second: PrivateLibvirt;

  beforeAll(async () => {
    if (!available.ok) return;
    pair = await startLibvirtPair();
    [first, second] = [pair.source, pair.destination];
  }, 120_000);
  afterAll(() => pair?.stop());

  beforeEach((ctx) => {
    if (!available.ok) ctx.skip(available.reason);
  });
  afterEach(async () => {
    await spine?.[Symbol.asyncDispose]();
    if (pair !== undefined) await Promise.all([first, second].map(leaveNothing));
  }, 120_000);

  const watch = async (config: Partial<MonitorConfig>): Promise<void> => {
    const url = ({ socketPath }: PrivateLibvirt): string => `libvirt:///system?socket=${socketPath}`;
    spine = await Spine.begin(
      [
        { id: 'kvm1', realm: 'lab', url: url(first), hostRoot: first.rootDir },
        { id: 'kvm2', realm: 'lab', url: url(second), hostRoot: second.rootDir },
      ],
      { config },
    );
    for (const host of ['kvm1', 'kvm2']) await becomesOfHost(host, 'up');
  };

  const recordOf = (vm: string) => spine.store.vm(vm);
  const truthOf = async (vm: string) => {
    const truth = (await recordOf(vm))?.truth;
    return truth === undefined ? undefined : `${truth.state}@${truth.host ?? '-'}`;
  };
  const lifeOf = async (vm: string) => {
    const record = await recordOf(vm);
    return record && { incarnation: record.incarnation, everRan: record.everRan, state: record.truth.state };
  };
  const becomes = (vm: string, truth: string) =>
    eventually(async () => expect(await truthOf(vm), spine.story(vm)).toBe(truth), waiting);
  const becomesOfHost = (host: string, state: string) =>
    eventually(async () => expect((await spine.store.host(host))?.state).toBe(state), waiting);
  /** Long enough for two polls of each host, a mark and what follows from them. */
  const pass = (ms = 2_000) => spine.clock.sleep(ms);

  /** A guest that no host has yet. */
  const newGuest = (): Guest => biosGuest(`guest-${randomUUID().slice(0, 8)}`);
  const start = async (libvirt: PrivateLibvirt, guest: Guest): Promise<void> => {
    await libvirt.defineGuest(guest);
    await libvirt.virsh('start', guest.name);
  };
  /** Starts it with nothing left behind once it ends. */
  const startTransient = async (libvirt: PrivateLibvirt, guest: Guest): Promise<void> => {
    const file = join(libvirt.baseDir, 'xml', `${guest.uuid}.xml`);
    await writeFile(file, guest.xml);
    await libvirt.virsh('create', file);
  };
  /** What virsh says of a guest, there and now. */
  const judge = (libvirt: PrivateLibvirt, { name }: Guest): Promise<string> => libvirt.virsh('domstate', name);
  const toldFor = (vm: string, reason: 'discovered' | 'gone' | 'split_brain') =>
    spine.told('VMChanged', vm).filter(({ data }) => data.reason === reason);

  it('M4: really running on both: split_brain, told once, with both in conflict; over when one of them ends', async () => {
    await watch(patient);
    const guest = newGuest();
    const vm = guest.uuid;
    await start(first, guest);
    await becomes(vm, 'running@kvm1');
    spine.forget();
    await start(second, guest);
    await eventually(async () => {
      expect((await recordOf(vm))?.truth.conflict, spine.story(vm)).toEqual(['kvm1', 'kvm2']);
    }, waiting);
    expect([await judge(first, guest), await judge(second, guest)]).toEqual(['running', 'running']);
    await pass();
    expect(
      toldFor(vm, 'split_brain').map(({ data }) => data.conflict),
      spine.story(vm),
    ).toEqual([['kvm1', 'kvm2']]);
    expect((await recordOf(vm))?.truth).toMatchObject({
      state: 'running',
      host: 'kvm2',
      conflict: ['kvm1', 'kvm2'],
      detail: expect.stringContaining('split_brain'),
    });
    await second.virsh('destroy', guest.name);
    await eventually(async () => {
      expect((await recordOf(vm))?.truth, spine.story(vm)).toMatchObject({
        state: 'running',
        host: 'kvm1',
        conflict: [],
      });
    }, waiting);
    await pass();
    expect([await judge(first, guest), await judge(second, guest)]).toEqual(['running', 'shut off']);
    expect((await recordOf(vm))?.truth).toMatchObject({ state: 'running', host: 'kvm1', conflict: [] });
    expect(toldFor(vm, 'split_brain'), spine.story(vm)).toHaveLength(1);
    for (const state of spine.fleetStatesOf(vm)) expect(['stopped', 'gone', 'unknown']).not.toContain(state);
  });

  it('M4: the source frozen for some seconds as a migration ends is late, and no split brain', async () => {
    await watch(patient);
    const guest = await first.startRestlessGuest(`guest-${randomUUID().slice(0, 8)}`);
    const vm = guest.uuid;
    await becomes(vm, 'running@kvm1');
    spine.forget();
    const migration = pair.migrate(guest.name, { bandwidthMiBs: 1 });
    migration.catch(() => undefined); // awaited below, unless something failed before
    await becomes(vm, 'migrating_out@kvm1');
    await pair.allowBandwidth(guest.name, 1_000);
    await eventually(async () => expect(await judge(second, guest)).toBe('running'), { ...waiting, intervalMs: 5 });
    await first.daemon.freeze();
    try {
      await becomes(vm, 'running@kvm2');
      await pass(3_000);
    } finally {
      await first.daemon.thaw();
    }
    await migration;
    await pass();
    expect(await truthOf(vm), spine.story(vm)).toBe('running@kvm2');
    expect(toldFor(vm, 'split_brain'), spine.story(vm)).toEqual([]);
    for (const { data } of spine.told('VMChanged', vm)) expect(data.conflict).toEqual([]);
    expect(spine.hostStates('kvm1')).toEqual([]);
  });

  it('M4: died on a host that is late to say so, and started on the other: no split brain', async () => {
    await watch(patient);
    const guest = newGuest();
    const vm = guest.uuid;
    await start(first, guest);
    await becomes(vm, 'running@kvm1');
    spine.forget();
    await first.daemon.freeze();
    try {
      await first.signalGuest(guest.name, 'SIGKILL');
      await start(second, guest);
      await becomes(vm, 'running@kvm2');
      await pass(3_000);
      // Both are active as far as anybody was told, and both hosts count as seen: only a mark can tell.
      expect(spine.statesOf(vm, 'kvm1'), spine.story(vm)).toEqual([]);
      expect(spine.hostStates('kvm1')).toEqual([]);
    } finally {
      await first.daemon.thaw();
    }
    await eventually(() => expect(spine.statesOf(vm, 'kvm1').at(-1), spine.story(vm)).toBe('failed'), waiting);
    await pass();
    expect([await judge(first, guest), await judge(second, guest)]).toEqual(['shut off', 'running']);
    expect(await truthOf(vm), spine.story(vm)).toBe('running@kvm2');
    for (const { data } of spine.told('VMChanged', vm)) expect(data.conflict, spine.story(vm)).toEqual([]);
    for (const state of spine.fleetStatesOf(vm)) expect(['failed', 'stopped', 'gone']).not.toContain(state);
  });

  it('M6: a stopped definition was left behind, and the host it ran on went away: unknown, last running', async () => {
    await watch(soonNonResponsive);
    const guest = newGuest();
    const vm = guest.uuid;
    await start(first, guest);
    await becomes(vm, 'running@kvm1');
    await first.virsh('destroy', guest.name);
    await becomes(vm, 'stopped@kvm1');
    await start(second, guest);
    await becomes(vm, 'running@kvm2');
    expect([await judge(first, guest), await judge(second, guest)]).toEqual(['shut off', 'running']);
    spine.forget();
    await second.daemon.stop('SIGKILL');
    await becomes(vm, 'unknown@kvm2');
    await pass();
    expect((await recordOf(vm))?.truth).toMatchObject({ state: 'unknown', lastState: 'running', host: 'kvm2' });
    expect((await spine.store.host('kvm2'))?.state).toBe('non_responsive');
    expect(spine.truths(vm), spine.story(vm)).toEqual(['unknown:unknown@kvm2']);
    await second.daemon.start();
    await becomes(vm, 'running@kvm2');
    expect(spine.truths(vm), spine.story(vm)).toEqual(['unknown:unknown@kvm2', 'recovered:running@kvm2']);
  });

  /** On kvm1 libvirtd and QEMU died; kvm2 then ran the guest until it was destroyed. */
  const stoppedElsewhere = async (): Promise<Guest> => {
    await watch(soonNonResponsive);
    const guest = newGuest();
    const vm = guest.uuid;
    await start(first, guest);
    await becomes(vm, 'running@kvm1');
    await first.daemon.stop('SIGKILL');
    await first.signalGuest(guest.name, 'SIGKILL');
    await becomesOfHost('kvm1', 'non_responsive');
    expect((await recordOf(vm))?.truth).toMatchObject({ state: 'unknown', lastState: 'running', host: 'kvm1' });
    await start(second, guest);
    await becomes(vm, 'running@kvm2');
    spine.forget();
    await second.virsh('destroy', guest.name);
    await becomes(vm, 'stopped@kvm2');
    return guest;
  };

  it('M7: its host died, it was started on the other and stopped there: stopped', async () => {
    const guest = await stoppedElsewhere();
    await pass();
    expect(await judge(second, guest)).toBe('shut off');
    expect((await spine.store.host('kvm1'))?.state).toBe('non_responsive');
    expect(await truthOf(guest.uuid), spine.story(guest.uuid)).toBe('stopped@kvm2');
    expect(spine.fleetStatesOf(guest.uuid).filter((state) => state !== 'stopping')).toEqual(['stopped']);
  });

  it('M7: the dead host comes back: nothing it said before it died is told again', async () => {
    const guest = await stoppedElsewhere();
    const vm = guest.uuid;
    spine.forget();
    await first.daemon.start();
    await becomesOfHost('kvm1', 'up');
    await eventually(() => expect(spine.statesOf(vm, 'kvm1'), spine.story(vm)).toEqual(['failed']), waiting);
    await pass();
    expect([await judge(first, guest), await judge(second, guest)]).toEqual(['shut off', 'shut off']);
    expect(await truthOf(vm), spine.story(vm)).toBe('stopped@kvm2');
    expect(spine.truths(vm), spine.story(vm)).toEqual([]);
  });

  it('M8: undefined and defined anew on one host: another incarnation that never ran, told once', async () => {
    await watch(patient);
    const guest = newGuest();
    const vm = guest.uuid;
    await start(first, guest);
    await becomes(vm, 'running@kvm1');
    await first.virsh('destroy', guest.name);
    await becomes(vm, 'stopped@kvm1');
    expect(await lifeOf(vm)).toEqual({ incarnation: 1, everRan: 'yes', state: 'stopped' });
    spine.forget();
    await first.virsh('undefine', guest.name);
    await first.defineGuest(guest);
    await eventually(async () => {
      expect(await lifeOf(vm), spine.story(vm)).toEqual({ incarnation: 2, everRan: 'unknown', state: 'stopped' });
    }, waiting);
    await pass();
    const anew = spine.told('VMChanged', vm).filter(({ data }) => data.incarnation === 2);
    expect(
      anew.map(({ data }) => [data.reason, data.state, data.host]),
      spine.story(vm),
    ).toEqual([['discovered', 'stopped', 'kvm1']]);
    spine.forget();
    await first.virsh('start', guest.name);
    await becomes(vm, 'running@kvm1');
    expect(await lifeOf(vm)).toEqual({ incarnation: 2, everRan: 'yes', state: 'running' });
    expect(toldFor(vm, 'discovered'), spine.story(vm)).toEqual([]);
  });

  it('M8: gone, then defined anew, on the other host and then here: stopped there at once, one incarnation on', async () => {
    await watch(patient);
    const guest = newGuest();
    const vm = guest.uuid;
    await start(first, guest);
    await becomes(vm, 'running@kvm1');
    await first.virsh('destroy', guest.name);
    await becomes(vm, 'stopped@kvm1');
    for (const [from, to, host, incarnation] of [
      [first, second, 'kvm2', 2],
      [second, first, 'kvm1', 3],
    ] as const) {
      await from.virsh('undefine', guest.name);
      await eventually(() => expect(spine.fleetStatesOf(vm).at(-1), spine.story(vm)).toBe('gone'), waiting);
      spine.forget();
      await to.defineGuest(guest);
      await becomes(vm, `stopped@${host}`);
      await pass();
      expect(spine.truths(vm), spine.story(vm)).toEqual([`discovered:stopped@${host}`]);
      expect(await lifeOf(vm), spine.story(vm)).toEqual({ incarnation, everRan: 'unknown', state: 'stopped' });
    }
  });

  it('N3: ended on one host while the other was away: unknown, naming that one, until it answers; then gone, once', async () => {
    await watch(soonNonResponsive);
    const guest = newGuest();
    const vm = guest.uuid;
    await startTransient(first, guest);
    await becomes(vm, 'running@kvm1');
    await second.daemon.stop('SIGKILL');
    await becomesOfHost('kvm2', 'non_responsive');
    spine.forget();
    await first.virsh('destroy', guest.name);
    await expect(judge(first, guest)).rejects.toThrow(/failed to get domain/);
    await eventually(async () => {
      expect((await recordOf(vm))?.truth, spine.story(vm)).toMatchObject({
        state: 'unknown',
        detail: 'absent: waiting for kvm2',
      });
    }, waiting);
    expect((await spine.store.host('kvm2'))?.waiting).toBe(1);
    await pass();
    expect((await recordOf(vm))?.truth.detail).toBe('absent: waiting for kvm2');
    expect(spine.fleetStatesOf(vm), spine.story(vm)).not.toContain('gone');
    await second.daemon.start();
    await eventually(async () => expect((await recordOf(vm))?.truth.state, spine.story(vm)).toBe('gone'), waiting);
    await pass();
    expect(toldFor(vm, 'gone'), spine.story(vm)).toHaveLength(1);
    expect(spine.fleetStatesOf(vm).at(-1), spine.story(vm)).toBe('gone');
    expect((await spine.store.host('kvm2'))?.waiting).toBe(0);
  });

  it('N11: a person removes a host: its VMs unknown with their last state; registered again, running as before', async () => {
    await watch(patient);
    const [guest, brief, bystander] = [newGuest(), newGuest(), newGuest()];
    const vm = guest.uuid;
    await Promise.all([start(first, guest), start(second, bystander), startTransient(second, brief)]);
    for (const [one, truth] of [
      [guest, 'running@kvm1'],
      [brief, 'running@kvm2'],
      [bystander, 'running@kvm2'],
    ] as const)
      await becomes(one.uuid, truth);
    spine.forget();
    await spine.store.removeHosts(['kvm1'], 'person');
    await spine.unwatch('kvm1');
    await becomes(vm, 'unknown@kvm1');
    expect((await recordOf(vm))?.truth).toMatchObject({ state: 'unknown', lastState: 'running' });
    expect(await spine.store.host('kvm1')).toMatchObject({ state: 'removed', removedBy: 'person' });
    // Nobody waits for it any more.
    await second.virsh('destroy', brief.name);
    await eventually(async () => expect((await recordOf(brief.uuid))?.truth.state).toBe('gone'), waiting);
    await pass();
    expect(await truthOf(vm), spine.story(vm)).toBe('unknown@kvm1');
    expect(await judge(first, guest)).toBe('running');
    await spine.register('kvm1');
    await spine.watch('kvm1');
    await becomes(vm, 'running@kvm1');
    await pass();
    expect(await lifeOf(vm), spine.story(vm)).toEqual({ incarnation: 1, everRan: 'yes', state: 'running' });
    expect(await spine.store.host('kvm1')).toMatchObject({ state: 'up', removedBy: undefined });
    for (const state of spine.fleetStatesOf(vm)) expect(['unknown', 'running'], spine.story(vm)).toContain(state);
    expect(spine.truths(bystander.uuid)).toEqual([]);
  });

  it('S9: one of two libvirtd restarted, in order and killed, with the same content: no event at all', async () => {
    await watch(patient);
    const [running, paused, stopped, other] = [newGuest(), newGuest(), newGuest(), newGuest()];
    await Promise.all([running, paused].map((guest) => start(first, guest)));
    await first.virsh('suspend', paused.name);
    await first.defineGuest(stopped);
    await start(second, other);
    await becomes(running.uuid, 'running@kvm1');
    await becomes(paused.uuid, 'paused@kvm1');
    await becomes(stopped.uuid, 'stopped@kvm1');
    await becomes(other.uuid, 'running@kvm2');
    await pass();
    for (const [signal, act, state] of [
      ['SIGTERM', 'resume', 'running'],
      ['SIGKILL', 'suspend', 'paused'],
    ] as const) {
      spine.forget();
      await first.daemon.stop(signal);
      await first.daemon.start();
      await pass(3_000);
      expect(spine.heard.map(({ type, data }) => [signal, type, data])).toEqual([]);
      // And it is really listened to again.
      await first.virsh(act, paused.name);
      await becomes(paused.uuid, `${state}@kvm1`);
      expect(spine.statesOf(paused.uuid)).toEqual([state]);
      for (const { uuid } of [running, stopped, other]) expect(spine.statesOf(uuid), spine.story(uuid)).toEqual([]);
    }
  });
});

/**
 * Whatever a test left, also one that failed: libvirtd serves, and runs no guests. Definitions may stay: no other test
 * has their UUIDs.
 */
async function leaveNothing(libvirt: PrivateLibvirt): Promise<void> {
  if (await libvirt.daemon.isRunning()) await libvirt.daemon.thaw();
  else await libvirt.daemon.start();
  const names = (await libvirt.virsh('list', '--name')).split('\n').filter((name) => name !== '');
  await Promise.all(names.map((name) => libvirt.virsh('destroy', name)));
}
