import type { HostFault } from '@vedette/simulation';
import { describe, expect, it } from 'vitest';
import { World } from './world.ts';

const minute = 60_000;

describe('not seeing is not a change', () => {
  const faults: ReadonlyArray<readonly [string, HostFault]> = [
    ['connection refused', { kind: 'refuse' }],
    ['connection reset', { kind: 'reset' }],
    ['no answer', { kind: 'hang' }],
    ['TLS failure', { kind: 'tls' }],
    ['credentials refused', { kind: 'auth' }],
    ['half a reply', { kind: 'half-reply' }],
    ['not JSON', { kind: 'not-json' }],
    ['wrong schema', { kind: 'wrong-schema' }],
    ['an oversized reply', { kind: 'oversized' }],
    ["another host's reply", { kind: 'foreign', as: 'h-2' }],
    ["a stranger's empty reply", { kind: 'foreign' }],
    ['two agents on one address', { kind: 'two-agents' }],
  ];

  it.each(faults)('N1: %s: at most the host changes; no VM event; neighbours unaffected', async (_name, fault) => {
    await using world = await World.begin({ hosts: 2, vmsPerHost: 3 });
    const actual: HostFault =
      fault.kind === 'foreign' && fault.as !== undefined ? { ...fault, as: world.host(1) } : fault;
    await world.pass(10_000);
    world.forget();
    const atMs = world.nowMs;
    world.script({ kind: 'fault', atMs, untilMs: atMs + 5 * minute, host: world.host(0), fault: actual });
    const neighbour = world.vm(1, 0);
    await world.pass(minute);
    world.setState(1, neighbour, 'paused');
    await world.pass(10 * minute);
    expect(world.transitions(neighbour)).toEqual(['running>paused']);
    const others = world.changesTold.filter((event) => (event.data as { vm?: string }).vm !== neighbour);
    const allowed = new Set(['vedette.HostStateChanged.v1', 'vedette.HostChanged.v1']);
    expect(others.filter((event) => !allowed.has(event.type))).toEqual([]);
    const hostStates = world.told('HostStateChanged').map(({ data }) => data.to);
    expect(world.told('HostStateChanged').every(({ data }) => data.host === world.host(0))).toBe(true);
    expect(hostStates.at(-1)).toBe('up');
    expect(hostStates.length).toBe(2);
    expect(await world.state(world.vm(0, 0))).toBe('running');
  });

  it.each(['unreadable', 'incomplete'] as const)(
    'N2: a listing that lacks a VM because it is partial (%s) keeps it',
    async (how) => {
      await using world = await World.begin({ push: false });
      const vm = world.vm(0, 0);
      world.forget();
      world.script({
        kind: 'fault',
        atMs: world.nowMs,
        host: world.host(0),
        fault: { kind: 'partial', vms: [vm], how },
      });
      await world.pass(minute);
      expect(world.changesTold).toEqual([]);
      expect(await world.state(vm)).toBe('running');
    },
  );

  it('N3: a complete listing lacks a VM and every other host of the realm answers: gone, once, after confirmation', async () => {
    await using world = await World.begin({ hosts: 4 });
    const vm = world.vm(0, 0);
    world.forget();
    world.script({ kind: 'absent', atMs: world.nowMs, host: world.host(0), vm });
    await world.pass(20_000);
    expect(world.truths(vm)).toEqual([`unknown:unknown@${world.host(0)}`, `gone:gone@${world.host(0)}`]);
    expect(await world.state(vm)).toBe('gone');
    expect((await world.store.vms({}, { limit: 100 })).items.map((one) => one.id)).not.toContain(vm);
  });

  it('N3: while one host of the realm does not answer the VM stays unknown, naming it, and is gone once it answers', async () => {
    await using world = await World.begin({ hosts: 4 });
    const vm = world.vm(0, 0);
    const silent = world.host(3);
    world.script({ kind: 'fault', atMs: world.nowMs, host: silent, fault: { kind: 'hang' } });
    await world.pass(5_000);
    world.forget();
    world.script({ kind: 'absent', atMs: world.nowMs, host: world.host(0), vm });
    await world.pass(10 * minute);
    expect(world.truths(vm)).toEqual([`unknown:unknown@${world.host(0)}`]);
    expect(await world.state(vm)).toBe('unknown (running)');
    expect((await world.store.vm(vm))?.truth.detail).toContain(silent);
    expect((await world.store.host(silent))?.waiting).toBe(1);
    world.script({ kind: 'recover', atMs: world.nowMs, host: silent });
    await world.pass(2 * minute);
    expect(world.truths(vm).at(-1)).toBe(`gone:gone@${world.host(0)}`);
    expect(world.truths(vm)).toHaveLength(2);
  });

  it('N3: a removed host is no longer waited for', async () => {
    await using world = await World.begin({ hosts: 3 });
    const vm = world.vm(0, 0);
    const silent = world.host(2);
    world.script({ kind: 'fault', atMs: world.nowMs, host: silent, fault: { kind: 'refuse' } });
    await world.pass(5_000);
    world.script({ kind: 'absent', atMs: world.nowMs, host: world.host(0), vm });
    await world.pass(minute);
    expect(await world.state(vm)).toBe('unknown (running)');
    await world.store.removeHosts([silent], 'a person');
    await world.pass(minute);
    expect(await world.state(vm)).toBe('gone');
    expect(await world.state(world.vm(2, 0))).toBe('unknown (running)');
  });

  it('N6: an unreachable host is one HostStateChanged; its VMs read unknown; on return only true differences', async () => {
    await using world = await World.begin({ vmsPerHost: 5 });
    const [lost, changed] = [world.host(0), world.vm(0, 1)];
    world.forget();
    world.script({ kind: 'fault', atMs: world.nowMs, host: lost, fault: { kind: 'refuse' } });
    await world.pass(10 * minute);
    expect(world.told('HostStateChanged').map(({ data }) => [data.host, data.to])).toEqual([[lost, 'non_responsive']]);
    expect(world.told('HostChanged').map(({ data }) => [data.host, data.state, data.vms])).toEqual([
      [lost, 'non_responsive', 5],
    ]);
    expect(world.told('VMChanged')).toEqual([]);
    expect(await world.state(world.vm(0, 0))).toBe('unknown (running)');
    expect((await world.store.vms({ states: ['unknown'] }, { limit: 100 })).items).toHaveLength(5);
    world.forget();
    world.setState(0, changed, 'stopped');
    world.script({ kind: 'recover', atMs: world.nowMs, host: lost });
    await world.pass(2 * minute);
    expect(world.told('HostStateChanged').map(({ data }) => data.to)).toEqual(['up']);
    expect(world.told('VMStateChanged').map(({ data }) => [data.vm, data.to])).toEqual([[changed, 'stopped']]);
    expect(world.truths(changed)).toEqual([`stopped:stopped@${lost}`, `addresses:stopped@${lost}`]);
    expect(await world.state(world.vm(0, 0))).toBe('running');
  });

  it("N7: one hung host among many: the others' polls are not one interval late", async () => {
    await using world = await World.begin({ hosts: 100, vmsPerHost: 1, push: false });
    world.script({ kind: 'fault', atMs: world.nowMs, host: world.host(7), fault: { kind: 'hang' } });
    let oldestMs = 0;
    for (let step = 0; step < 100; step++) {
      await world.pass(300);
      for (const proof of world.monitor.proofs.values()) {
        if (proof.host !== world.host(7)) oldestMs = Math.max(oldestMs, world.nowMs - (proof.provedMs ?? 0));
      }
    }
    expect(oldestMs).toBeLessThan(3_000 + 100);
  });
});
