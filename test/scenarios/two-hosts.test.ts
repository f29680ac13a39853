import { abortMigration, migrate } from '@vedette/simulation';
import { describe, expect, it } from 'vitest';
import { World } from './world.ts';

const minute = 60_000;
const neverTold = new Set(['stopped', 'failed', 'gone', 'absent']);

/** A VM of its own that runs on the first host only. */
async function worldWith(options: Parameters<typeof World.begin>[0] = {}) {
  const world = await World.begin({ hosts: 3, vmsPerHost: 1, ...options });
  return { world, vm: world.vm(0, 0), h1: world.host(0), h2: world.host(1), h3: world.host(2) };
}

describe('two hosts, one VM', () => {
  const orders = [
    { name: 'in the usual order', arrivesAfterMs: 100, durationMs: 2_000, sourceLagMs: 1_400 },
    { name: 'the destination speaks first', arrivesAfterMs: -200, durationMs: 2_000, sourceLagMs: 1_400 },
    {
      name: 'the source has left before the destination runs',
      arrivesAfterMs: 100,
      durationMs: 2_000,
      sourceLagMs: -800,
    },
    { name: 'in no time', arrivesAfterMs: 0, durationMs: 50, sourceLagMs: 0 },
    { name: 'slowly', arrivesAfterMs: 5_000, durationMs: 30_000, sourceLagMs: 10_000 },
  ] as const;
  const listeners = [
    { how: 'both push', faults: [] },
    { how: 'the source only polled', faults: [0] },
    { how: 'the destination only polled', faults: [1] },
    { how: 'both only polled', faults: [0, 1] },
  ] as const;

  for (const { name, ...order } of orders) {
    it.each(listeners)(
      `M1: a live migration ${name}, $how: one VMChanged(migrated), never stopped or gone`,
      async ({ faults }) => {
        const { world, vm, h1, h2 } = await worldWith();
        await using _world = world;
        for (const index of faults) {
          world.script({
            kind: 'fault',
            atMs: world.nowMs,
            host: world.host(index),
            fault: { kind: 'hints', how: 'lost' },
          });
        }
        await world.pass(1_000);
        world.forget();
        world.script(migrate({ vm, from: h1, to: h2, atMs: world.nowMs + 300, ...order }));
        await world.pass(2 * minute);
        const migrated = world.truths(vm).filter((truth) => truth.startsWith('migrated:'));
        expect(migrated).toHaveLength(1);
        expect(migrated[0]).toMatch(new RegExp(`^migrated:(running|migrating_in)@${h2}$`));
        for (const { data } of world.told('VMChanged', vm)) expect(neverTold).not.toContain(data.state);
        for (const { data } of world.told('VMStateChanged', vm)) {
          if (data.to !== 'absent') expect(neverTold).not.toContain(data.to);
        }
        const record = await world.store.vm(vm);
        expect([record?.truth.state, record?.truth.host]).toEqual(['running', h2]);
      },
    );
  }

  it('M2: an aborted migration ends back on the source, running throughout', async () => {
    const { world, vm, h1, h2 } = await worldWith();
    await using _world = world;
    world.forget();
    world.script(abortMigration({ vm, from: h1, to: h2, atMs: world.nowMs + 300 }));
    await world.pass(2 * minute);
    const record = await world.store.vm(vm);
    expect([record?.truth.state, record?.truth.host]).toEqual(['running', h1]);
    expect(world.truths(vm)).toEqual([`state:migrating_out@${h1}`, `state:running@${h1}`]);
  });

  it('M2: after an aborted migration the source is believed at once: its destination never had the VM', async () => {
    const { world, vm, h1, h2 } = await worldWith();
    await using _world = world;
    world.script(abortMigration({ vm, from: h1, to: h2, atMs: world.nowMs + 300 }));
    await world.pass(2 * minute);
    world.forget();
    world.setState(0, vm, 'stopped');
    await world.pass(minute);
    expect(world.truths(vm)).toEqual([`stopped:stopped@${h1}`, `addresses:stopped@${h1}`]);
  });

  it('M3: the destination dies during the migration: unknown, not gone', async () => {
    const { world, vm, h1, h2 } = await worldWith();
    await using _world = world;
    world.script({ kind: 'fault', atMs: world.nowMs + 1_000, host: h2, fault: { kind: 'refuse' } });
    world.script(migrate({ vm, from: h1, to: h2, atMs: world.nowMs + 300 }));
    await world.pass(15 * minute);
    expect(await world.state(vm)).toMatch(/^unknown/);
    expect(world.told('VMChanged', vm).map(({ data }) => data.state)).not.toContain('gone');
    world.script({ kind: 'recover', atMs: world.nowMs, host: h2 });
    await world.pass(2 * minute);
    expect((await world.store.vm(vm))?.truth).toMatchObject({ state: 'running', host: h2 });
  });

  it('M3: a destination that nobody watches: unknown, not gone, until it is added', async () => {
    const probe = await worldWith();
    const watch = [probe.h1, probe.h3];
    await probe.world[Symbol.asyncDispose]();
    const { world, vm, h1, h2 } = await worldWith({ watch });
    await using _world = world;
    world.script(migrate({ vm, from: h1, to: h2, atMs: world.nowMs + 300 }));
    await world.pass(10 * minute);
    expect(await world.state(vm)).toMatch(/^unknown/);
    const added = { id: h2, name: h2, realm: world.realmOf(h2), url: `sim://${h2}` };
    await world.store.registerHosts([added]);
    await world.monitor.addHost(added);
    await world.pass(minute);
    expect((await world.store.vm(vm))?.truth).toMatchObject({ state: 'running', host: h2 });
  });

  it('M4: really running on two hosts is a split brain, told once, and over when one of them ends', async () => {
    const { world, vm, h1, h2 } = await worldWith();
    await using _world = world;
    world.forget();
    world.setState(1, vm, 'running');
    await world.pass(minute);
    expect(world.truths(vm).filter((truth) => truth.startsWith('split_brain'))).toHaveLength(1);
    expect((await world.store.vm(vm))?.truth.conflict).toEqual([h1, h2].sort());
    world.setState(1, vm, 'stopped');
    await world.pass(minute);
    expect((await world.store.vm(vm))?.truth).toMatchObject({ state: 'running', host: h1, conflict: [] });
  });

  it("M4: one host's poll merely late is no split brain", async () => {
    const { world, vm, h1, h2 } = await worldWith({ push: false });
    await using _world = world;
    world.forget();
    const atMs = world.nowMs;
    world.script(
      { kind: 'fault', atMs, untilMs: atMs + 8_000, host: h1, fault: { kind: 'slow', delayMs: 6_000 } },
      { kind: 'state', atMs: atMs + 100, host: h1, vm, state: 'stopped' },
      { kind: 'state', atMs: atMs + 200, host: h2, vm, state: 'running' },
    );
    await world.pass(minute);
    expect(world.truths(vm).filter((truth) => truth.startsWith('split_brain'))).toEqual([]);
    expect((await world.store.vm(vm))?.truth).toMatchObject({ state: 'running', host: h2, conflict: [] });
  });

  it("M5: the old host's late word changes neither state nor addresses", async () => {
    const { world, vm, h1, h2 } = await worldWith();
    await using _world = world;
    world.script(migrate({ vm, from: h1, to: h2, atMs: world.nowMs, lingersMs: Number.POSITIVE_INFINITY }));
    await world.pass(minute);
    const before = (await world.store.vm(vm))?.truth;
    expect(before).toMatchObject({ state: 'running', host: h2 });
    expect(before?.addresses.length).toBeGreaterThan(0);
    world.forget();
    world.script(
      { kind: 'addresses', atMs: world.nowMs, host: h1, vm, addresses: [] },
      { kind: 'state', atMs: world.nowMs, host: h1, vm, state: 'stopped' },
    );
    await world.pass(minute);
    expect(world.transitions(vm, h1).at(-1)).toBe('migrated_away>stopped');
    expect(world.truths(vm)).toEqual([]);
    expect((await world.store.vm(vm))?.truth).toEqual(before);
  });

  it('M6: a leftover definition on one host does not hide that the VM ran on another that cannot be asked', async () => {
    const { world, vm, h2 } = await worldWith();
    await using _world = world;
    world.setState(0, vm, 'stopped');
    await world.pass(10_000);
    world.setState(1, vm, 'running');
    await world.pass(10_000);
    world.script({ kind: 'fault', atMs: world.nowMs, host: h2, fault: { kind: 'refuse' } });
    await world.pass(10 * minute);
    expect(await world.state(vm)).toBe('unknown (running)');
  });

  it('M7: a host dies with the VM running, it is started elsewhere and stopped there: stopped', async () => {
    const { world, vm, h1, h2 } = await worldWith();
    await using _world = world;
    world.script({ kind: 'fault', atMs: world.nowMs, host: h1, fault: { kind: 'refuse' } });
    await world.pass(10 * minute);
    expect(await world.state(vm)).toBe('unknown (running)');
    world.setState(1, vm, 'running');
    await world.pass(10_000);
    expect((await world.store.vm(vm))?.truth).toMatchObject({ state: 'running', host: h2 });
    world.setState(1, vm, 'stopped');
    await world.pass(10_000);
    expect(await world.state(vm)).toBe('stopped');
  });
});
