import type { AddressReport } from '@vedette/model';
import { describe, expect, it } from 'vitest';
import { World } from './world.ts';

const reported = (address: string, nic = 0): AddressReport => ({
  address,
  mac: `52:54:00:00:00:0${nic}`,
  interface: `eth${nic}`,
  source: 'agent',
});

describe('seeing changes', () => {
  it('S1: an agent reports another state: one VMStateChanged, one VMChanged, and the store shows it', async () => {
    await using world = await World.begin();
    const vm = world.vm(0, 0);
    world.forget();
    world.setState(0, vm, 'paused');
    await world.pass(5_000);
    expect(world.transitions(vm)).toEqual(['running>paused']);
    expect(world.truths(vm)).toEqual([`state:paused@${world.host(0)}`]);
    expect(world.told('VMStateChanged', vm)[0]?.data.value.raw.state).not.toBe('');
    expect(await world.state(vm)).toBe('paused');
    expect(world.changesTold).toHaveLength(2);
  });

  it('S1: the same without hints, by polls alone', async () => {
    await using world = await World.begin({ push: false, delta: false });
    const vm = world.vm(1, 0);
    world.forget();
    world.setState(1, vm, 'stopped');
    await world.pass(3_500);
    expect(world.transitions(vm)).toEqual(['running>stopped']);
    expect(world.told('VMStateChanged', vm)[0]?.data.via).toBe('poll');
    expect(await world.state(vm)).toBe('stopped');
  });

  it('S2: addresses come, change and go: IPChanged says exactly the difference, with the right scopes', async () => {
    await using world = await World.begin();
    const vm = world.vm(0, 0);
    const set = async (...addresses: AddressReport[]) => {
      world.forget();
      world.script({ kind: 'addresses', atMs: world.nowMs, vm, addresses });
      await world.pass(5_000);
      const events = world.told('IPChanged', vm);
      expect(events).toHaveLength(1);
      const { added = [], removed = [] } = events[0]?.data ?? {};
      return { added: added.map((one) => `${one.scope} ${one.address}`), removed: removed.map((one) => one.address) };
    };
    const before = (await world.store.vm(vm))?.truth.addresses.map((one) => one.address);
    expect(await set(reported('10.1.2.3'), reported('127.0.0.1'), reported('::1'), reported('fe80::1'))).toEqual({
      added: ['private 10.1.2.3', 'link fe80::1'],
      removed: before,
    });
    expect(
      await set(reported('10.1.2.3'), reported('fe80::1'), reported('8.8.4.4', 1), reported('2001:db8::7', 1)),
    ).toEqual({
      added: ['public 8.8.4.4', 'public 2001:db8::7'],
      removed: [],
    });
    expect(await set(reported('10.1.2.4'), reported('2001:0db8:0:0:0:0:0:7', 1))).toEqual({
      added: ['private 10.1.2.4'],
      removed: expect.arrayContaining(['10.1.2.3', '8.8.4.4', 'fe80::1']),
    });
    expect((await world.store.vm(vm))?.truth.addresses.map((one) => one.address)).toEqual(['10.1.2.4', '2001:db8::7']);
  });

  it('S3: an empty address list removes when the section is ok, and keeps when it is unavailable', async () => {
    await using world = await World.begin();
    const [quiet, bare] = [world.vm(0, 0), world.vm(0, 1)];
    const addressesOf = async (vm: string) => (await world.store.vm(vm))?.truth.addresses.map((one) => one.address);
    const kept = await addressesOf(quiet);
    expect(kept?.length).toBeGreaterThan(0);
    world.forget();
    world.script(
      { kind: 'section', atMs: world.nowMs, vm: quiet, section: 'guest', observed: 'unavailable' },
      { kind: 'addresses', atMs: world.nowMs, vm: quiet, addresses: [] },
      { kind: 'addresses', atMs: world.nowMs, vm: bare, addresses: [] },
    );
    await world.pass(10_000);
    expect(world.told('IPChanged', quiet)).toEqual([]);
    expect(await addressesOf(quiet)).toEqual(kept);
    expect(world.told('IPChanged', bare)).toHaveLength(1);
    expect(await addressesOf(bare)).toEqual([]);
  });

  it('S4: nothing changes for an hour: no event but volatile samples, of stated size, and no section is fetched', async () => {
    const vms = 40;
    await using world = await World.begin({ hosts: 2, vmsPerHost: vms });
    await world.pass(10_000);
    world.forget();
    const fetchedBefore = world.monitor.counters.sectionFetches;
    await world.pass(3_600_000);
    expect(world.changesTold).toEqual([]);
    expect(world.monitor.counters.sectionFetches).toBe(fetchedBefore);
    expect(world.monitor.counters.polls).toBeGreaterThan(2 * 1_000);
    const ofVMs = world.told('VMStatsSampled');
    expect(ofVMs).toHaveLength(2 * 240); // every 15 s
    expect(world.told('HostStatsSampled')).toHaveLength(2 * 240);
    const withDevices = ofVMs.filter(({ data }) => data.columns.devices !== undefined);
    expect(withDevices).toHaveLength(2 * 12); // every 5 min
    const bytes = (events: readonly object[]) => Buffer.byteLength(JSON.stringify(events));
    const perSample = bytes(ofVMs.filter((one) => !withDevices.includes(one))) / (ofVMs.length - withDevices.length);
    expect(perSample / vms).toBeLessThan(130);
    expect(bytes(withDevices) / withDevices.length / vms).toBeLessThan(900);
    expect(bytes(world.told('HostStatsSampled')) / (2 * 240)).toBeLessThan(700);
  });

  it('S5: a guest reboots: one rebooting, one running', async () => {
    await using world = await World.begin();
    const vm = world.vm(0, 0);
    world.forget();
    world.setState(0, vm, 'rebooting');
    await world.pass(2_000);
    world.setState(0, vm, 'running');
    await world.pass(5_000);
    expect(world.transitions(vm)).toEqual(['running>rebooting', 'rebooting>running']);
  });

  it('S7: a VM that flaps 50 times a second is coalesced; the final state is told and what it passed is bounded', async () => {
    await using world = await World.begin();
    const vm = world.vm(0, 0);
    world.forget();
    const atMs = world.nowMs;
    world.script({
      kind: 'flap',
      atMs,
      untilMs: atMs + 10_000,
      periodMs: 20,
      host: world.host(0),
      vm,
      states: ['paused', 'running'],
    });
    await world.pass(10_000);
    world.setState(0, vm, 'stopped');
    await world.pass(6_000);
    const events = world.told('VMStateChanged', vm);
    expect(events.length).toBeLessThanOrEqual(11 * 12);
    for (const { data } of events) expect(data.passed.length).toBeLessThanOrEqual(16);
    expect(events.some(({ data }) => data.passed.length > 0)).toBe(true);
    expect(events.at(-1)?.data.to).toBe('stopped');
    expect(await world.state(vm)).toBe('stopped');
  });

  it.each(['lost', 'duplicated', 'reordered', 'late'] as const)(
    'S8: hints %s: the state is right after the next poll, nothing is told twice or undone',
    async (how) => {
      await using world = await World.begin();
      const vm = world.vm(0, 0);
      world.forget();
      world.script({
        kind: 'fault',
        atMs: world.nowMs,
        host: world.host(0),
        fault: { kind: 'hints', how, delayMs: 4_000 },
      });
      world.setState(0, vm, 'paused');
      await world.pass(500);
      world.setState(0, vm, 'running');
      await world.pass(500);
      world.setState(0, vm, 'stopped');
      await world.pass(10_000);
      expect(await world.state(vm)).toBe('stopped');
      const told = world.transitions(vm);
      expect(told.at(-1)?.endsWith('>stopped')).toBe(true);
      expect(told.filter((change) => change.endsWith('>stopped'))).toHaveLength(1);
      expect(new Set(told).size).toBe(told.length);
    },
  );

  it('S8: a poll that began before a hint says nothing against it', async () => {
    await using world = await World.begin({ latencyMs: 1 });
    const vm = world.vm(0, 0);
    world.forget();
    const atMs = world.nowMs;
    world.script({
      kind: 'fault',
      atMs,
      untilMs: atMs + 20_000,
      host: world.host(0),
      fault: { kind: 'slow', delayMs: 2_000, only: ['runtimeStats'] },
    });
    for (let change = 0; change < 5; change++) {
      await world.pass(3_000);
      world.setState(0, vm, change % 2 === 0 ? 'paused' : 'running');
    }
    await world.pass(20_000);
    expect(world.transitions(vm)).toEqual([
      'running>paused',
      'paused>running',
      'running>paused',
      'paused>running',
      'running>paused',
    ]);
  });

  it('S9: the agent restarts with the same content: a full listing, no event', async () => {
    await using world = await World.begin();
    world.forget();
    world.script({ kind: 'restart', atMs: world.nowMs, host: world.host(0) });
    await world.pass(20_000);
    expect(world.changesTold).toEqual([]);
  });

  it.each([true, false])(
    'S9: after a restart of the agent, whose revisions begin anew, changes are seen as before (push: %s)',
    async (push) => {
      await using world = await World.begin({ push });
      const vm = world.vm(0, 0);
      for (let change = 0; change < 20; change++) {
        world.setState(0, vm, change % 2 === 0 ? 'paused' : 'running');
        await world.pass(1_000);
      }
      world.script({ kind: 'restart', atMs: world.nowMs, host: world.host(0) });
      await world.pass(10_000);
      world.forget();
      world.setState(0, vm, 'stopped');
      await world.pass(5_000);
      expect(world.transitions(vm)).toEqual(['running>stopped']);
    },
  );

  it('S10: an unknown raw state is told as unknown with its text, counted, and harms nobody', async () => {
    await using world = await World.begin();
    const vm = world.vm(0, 0);
    const before = world.monitor.counters.unmappedStates;
    world.forget();
    const raw = { state: 'quantum superposition', reason: '42' };
    world.script({ kind: 'state', atMs: world.nowMs, host: world.host(0), vm, state: 'unknown', raw, reason: '' });
    await world.pass(5_000);
    expect(world.told('VMStateChanged', vm)[0]?.data.value).toMatchObject({ state: 'unknown', raw });
    expect(world.monitor.counters.unmappedStates).toBeGreaterThan(before);
    expect((await world.store.vm(vm))?.truth.state).toBe('unknown');
    expect(await world.state(world.vm(0, 1))).toBe('running');
  });
});
