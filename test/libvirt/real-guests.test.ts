import { eventually } from '@vedette/testbed';
import { libvirtAvailable, type PrivateLibvirt, startLibvirt } from '@vedette/testbed/libvirt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Spine } from './spine.ts';

const available = libvirtAvailable();
const full = libvirtAvailable({ fullGuests: true });
const uuidOf = (index: number): string => `00000000-0000-4000-8000-0000000000${index.toString().padStart(2, '0')}`;

/** Both tests of a boot wait for emulated guests. */
const guestTimeoutMs = 120_000;

describe('a real libvirtd with emulated guests', { timeout: guestTimeoutMs }, () => {
  let libvirt: PrivateLibvirt;
  let spine: Spine;

  beforeAll(async () => {
    if (!available.ok) return;
    libvirt = await startLibvirt({});
    await libvirt.startBiosGuest('bios1', { uuid: uuidOf(1) });
    await libvirt.startBiosGuest('bios2', { uuid: uuidOf(2) });
    spine = await Spine.begin(libvirt.socketPath);
    await eventually(async () => {
      const { items } = await spine.store.vms({}, { limit: 10 });
      expect(items.map(({ truth }) => [truth.name, truth.state])).toEqual(
        expect.arrayContaining([
          ['bios1', 'running'],
          ['bios2', 'running'],
        ]),
      );
    });
  }, guestTimeoutMs);

  afterAll(async () => {
    await spine?.[Symbol.asyncDispose]();
    await libvirt?.stop();
  }, guestTimeoutMs);

  it('S6: suspend, resume, managed save, restore, destroy, start, kill: the states of the table, in order, each once', async (ctx) => {
    if (!available.ok) ctx.skip(available.reason);
    const vm = uuidOf(1);
    // A state that lasts some milliseconds is told first if somebody looked just then, and only at the step it is of.
    const does = async (act: () => Promise<unknown>, expected: readonly string[], brief?: string) => {
      const told = () => spine.statesOf(vm).filter((state, index) => !(index === 0 && state === brief));
      spine.forget();
      await act();
      await eventually(() => expect(told()).toEqual(expected), { timeoutMs: 15_000 });
      await new Promise((resolve) => setTimeout(resolve, 1_500)); // a repetition would come with the next poll
      expect(told()).toEqual(expected);
    };
    await does(() => libvirt.virsh('suspend', 'bios1'), ['paused']);
    await does(() => libvirt.virsh('resume', 'bios1'), ['running']);
    await does(() => libvirt.virsh('managedsave', 'bios1'), ['suspended'], 'saving');
    await does(() => libvirt.virsh('start', 'bios1'), ['restoring', 'running']);
    await does(() => libvirt.virsh('destroy', 'bios1'), ['stopped'], 'stopping');
    await does(() => libvirt.virsh('start', 'bios1'), ['running'], 'starting');
    await does(() => libvirt.signalGuest('bios1', 'SIGKILL'), ['failed']);
    expect(await libvirt.virsh('domstate', 'bios1', '--reason')).toContain('crashed');
  });

  it('an event of libvirt is an event of ours at once, not at the next poll', async (ctx) => {
    if (!available.ok) ctx.skip(available.reason);
    const vm = uuidOf(2);
    const lags: number[] = [];
    for (let turn = 0; turn < 10; turn++) {
      spine.forget();
      const act = turn % 2 === 0 ? 'suspend' : 'resume';
      await libvirt.virsh(act, 'bios2');
      const doneMs = spine.clock.now();
      await eventually(() => expect(spine.fleetStatesOf(vm)).toHaveLength(1));
      const event = spine.heard.find(({ type }) => type === 'vedette.VMChanged.v1');
      lags.push((event?.heardMs ?? Number.POSITIVE_INFINITY) - doneMs);
      expect(spine.heard.find(({ type }) => type === 'vedette.VMStateChanged.v1')?.data).toMatchObject({ via: 'push' });
    }
    console.log(`VMChanged after virsh returned, ms: ${lags.map((lag) => lag.toFixed(1)).join(' ')}`);
  });

  it('libvirtd restarted: guests live on, nothing is announced', async (ctx) => {
    if (!available.ok) ctx.skip(available.reason);
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    spine.forget();
    await libvirt.restart();
    await libvirt.virsh('version');
    await new Promise((resolve) => setTimeout(resolve, 4_000));
    expect(spine.heard.map(({ type, data }) => [type, data])).toEqual([]);
    await libvirt.virsh('suspend', 'bios2');
    await eventually(() => expect(spine.statesOf(uuidOf(2))).toEqual(['paused']));
    await libvirt.virsh('resume', 'bios2');
    await eventually(() => expect(spine.statesOf(uuidOf(2))).toEqual(['paused', 'running']));
  });

  it('the monitor restarted: nothing is announced', async (ctx) => {
    if (!available.ok) ctx.skip(available.reason);
    spine.forget();
    await spine.stopMonitor();
    await spine.startMonitor();
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect(spine.heard.map(({ type, data }) => [type, data])).toEqual([]);
  });

  it('N3: a transient domain that ends is gone, once', async (ctx) => {
    if (!available.ok) ctx.skip(available.reason);
    spine.forget();
    await libvirt.virsh('destroy', 'bios2');
    await libvirt.virsh('undefine', 'bios2');
    await eventually(() => expect(spine.fleetStatesOf(uuidOf(2)).at(-1)).toBe('gone'), { timeoutMs: 10_000 });
    expect(spine.fleetStatesOf(uuidOf(2)).filter((state) => state === 'gone')).toHaveLength(1);
  });

  it('N6: libvirtd stopped: no VM event; the host is asked for until it is back', async (ctx) => {
    if (!available.ok) ctx.skip(available.reason);
    spine.forget();
    await libvirt.daemon.stop('SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    await libvirt.daemon.start();
    await new Promise((resolve) => setTimeout(resolve, 4_000));
    expect(spine.heard.map(({ type, data }) => [type, data])).toEqual([]);
  });

  it('S2, S5: a full guest: its addresses by lease and agent, and one reboot seen as one', async (ctx) => {
    if (!full.ok) ctx.skip(full.reason);
    await libvirt.startNetwork();
    await libvirt.startFullGuest('full1', { uuid: uuidOf(3) });
    const vm = uuidOf(3);
    await eventually(
      async () => {
        const detail = await spine.store.vm(vm);
        expect(detail?.truth.addresses.map(({ family }) => family)).toContain('ipv4');
        // Only the agent knows the guest's own name.
        expect(detail?.sightings[0]?.registers.guest?.value.document?.hostname).toBe('full1');
      },
      { timeoutMs: 60_000 },
    );
    const oracle = await libvirt.virsh('domifaddr', 'full1', '--source', 'agent');
    for (const { address } of (await spine.store.vm(vm))?.truth.addresses ?? []) expect(oracle).toContain(address);
    spine.forget();
    await libvirt.virsh('reset', 'full1');
    await eventually(() => expect(spine.statesOf(vm)).toEqual(['rebooting', 'running']), { timeoutMs: 20_000 });
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    expect(spine.statesOf(vm)).toEqual(['rebooting', 'running']);
    spine.forget();
    await eventually(() => libvirt.agentAnswers('full1'), { timeoutMs: 60_000 });
    await libvirt.virsh('shutdown', 'full1', '--mode', 'agent');
    await eventually(() => expect(spine.statesOf(vm).at(-1)).toBe('stopped'), { timeoutMs: 30_000 });
    expect(spine.statesOf(vm).filter((state) => state !== 'stopping')).toEqual(['stopped']);
    await eventually(async () => expect((await spine.store.vm(vm))?.truth.addresses).toEqual([]));
  });
});
