import { migrate } from '@vedette/simulation';
import { describe, expect, it } from 'vitest';
import { complaintsOf } from './oracle.ts';
import { weather } from './storm.ts';
import { World } from './world.ts';

const minute = 60_000;
const seeds = Array.from({ length: 20 }, (_, seed) => seed);

describe('a storm of changes and faults', () => {
  it.each(seeds)(
    'F4: nothing is called dead that runs, and once all is quiet the store has the truth (seed %i)',
    async (seed) => {
      const aftermath = await weather(seed);
      await using _world = aftermath.world;
      expect(await complaintsOf(aftermath)).toEqual([]);
    },
  );
});

describe('what storms have shown', () => {
  it('F10: a VM that went while the monitor was away is noticed by one that asks for differences only', async () => {
    await using world = await World.begin();
    const vm = world.vm(0, 0);
    await world.stopMonitor();
    world.script({ kind: 'absent', atMs: world.nowMs, host: world.host(0), vm });
    await world.pass(1_000);
    await world.startMonitor();
    await world.pass(minute);
    expect(await world.state(vm)).toBe('gone');
  });

  it('S9: a VM that went while the agent restarted is noticed', async () => {
    await using world = await World.begin();
    const vm = world.vm(0, 0);
    const atMs = world.nowMs;
    world.script({ kind: 'restart', atMs, host: world.host(0) }, { kind: 'absent', atMs, host: world.host(0), vm });
    await world.pass(minute);
    expect(await world.state(vm)).toBe('gone');
  });

  it('N2: what changed while a VM could not be read is told once it can be, without another change', async () => {
    await using world = await World.begin({ push: false });
    const vm = world.vm(0, 0);
    const atMs = world.nowMs;
    const fault = { kind: 'partial', vms: [vm], how: 'unreadable' } as const;
    world.script({ kind: 'fault', atMs, untilMs: atMs + 10_000, host: world.host(0), fault });
    world.script({ kind: 'state', atMs: atMs + 1_000, host: world.host(0), vm, state: 'paused' });
    await world.pass(minute);
    expect(await world.state(vm)).toBe('paused');
  });

  it('N2: a host that lists a VM it cannot read says nothing about whether a VM missed elsewhere is there', async () => {
    await using world = await World.begin({ push: false });
    const vm = world.vm(0, 0);
    const atMs = world.nowMs;
    const fault = { kind: 'partial', vms: [vm], how: 'unreadable' } as const;
    world.script(
      { kind: 'fault', atMs, host: world.host(1), fault },
      { kind: 'state', atMs, host: world.host(1), vm, state: 'running' },
      { kind: 'absent', atMs, host: world.host(0), vm },
    );
    await world.pass(2 * minute);
    expect(await world.state(vm)).toBe('unknown (running)');
    world.script({ kind: 'recover', atMs: world.nowMs, host: world.host(1) });
    await world.pass(minute);
    expect((await world.store.vm(vm))?.truth).toMatchObject({ state: 'running', host: world.host(1) });
  });

  it('M3: a leaving seen only as its end is a migration all the same, never gone', async () => {
    const probe = await World.begin({ hosts: 3, vmsPerHost: 1 });
    const watch = [probe.host(0), probe.host(2)];
    await probe[Symbol.asyncDispose]();
    await using world = await World.begin({ hosts: 3, vmsPerHost: 1, push: false, watch });
    const [vm, from, to] = [world.vm(0, 0), world.host(0), world.host(1)];
    world.script(migrate({ vm, from, to, atMs: world.nowMs, durationMs: 1, sourceLagMs: 0 }));
    await world.pass(5 * minute);
    expect(world.transitions(vm, from)).toEqual(['running>migrated_away', 'migrated_away>absent']);
    expect(await world.state(vm)).toMatch(/^unknown/);
  });

  it('S2: a VM resumed from disk has the addresses it had, not those that its former host knew last', async () => {
    await using world = await World.begin({ vmsPerHost: 1 });
    const [vm, from, to] = [world.vm(0, 0), world.host(0), world.host(1)];
    const before = (await world.store.vm(vm))?.truth.addresses;
    world.script(migrate({ vm, from, to, atMs: world.nowMs, lingersMs: Number.POSITIVE_INFINITY }));
    await world.pass(30_000);
    world.setState(1, vm, 'suspended');
    await world.pass(10_000);
    world.setState(1, vm, 'running');
    await world.pass(30_000);
    expect((await world.store.vm(vm))?.truth).toMatchObject({ state: 'running', host: to, addresses: before });
  });

  it('S2: a section that changed on its way, and back again, is asked for again', async () => {
    await using world = await World.begin({ vmsPerHost: 1, latencyMs: 400 });
    const [vm, host] = [world.vm(0, 0), world.host(0)];
    const before = (await world.store.vm(vm))?.truth.addresses;
    const address = { address: '10.9.9.9', mac: '', interface: 'eth0', source: 'agent' } as const;
    const changed = { kind: 'addresses', host, vm, addresses: [address] } as const;
    const atMs = world.nowMs;
    world.script(
      { ...changed, atMs },
      { ...changed, atMs: atMs + 150, addresses: before ?? [] },
      { ...changed, atMs: atMs + 450 },
    );
    await world.pass(minute);
    expect((await world.store.vm(vm))?.truth.addresses.map((one) => one.address)).toEqual(['10.9.9.9']);
  });
});
