import type { VMState } from '@vedette/model';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FakeVM } from './fake-host.ts';
import { type HeardHint, Scene } from './scene.ts';

/** Those that tell something: a heart-beat repeats its stateRev. */
function telling(heard: readonly HeardHint[]): readonly HeardHint[] {
  return heard.filter(({ prev, stateRev }) => prev !== stateRev);
}

async function served(vms: Readonly<Record<string, FakeVM>>, options: Parameters<Scene['serve']>[0] = {}) {
  const scene = new Scene();
  for (const [vm, fake] of Object.entries(vms)) scene.host.vms.set(vm, fake);
  const agents = await scene.serve(options);
  await scene.clock.advance(1_000);
  await scene.listen();
  return { scene, agents };
}

describe('hints', () => {
  it('tell a change at once, in a chain: each begins where the one before ended', async () => {
    const { scene } = await served({ 'vm-1': { state: 'running' } });
    await using _scene = scene;
    const states: readonly VMState[] = ['paused', 'running', 'stopped'];
    for (const state of states) {
      const atMs = scene.clock.now();
      scene.host.tell({ 'vm-1': { state } });
      // oxlint-disable-next-line no-await-in-loop -- one change after the other
      await scene.clock.advance(0);
      expect(scene.heard.at(-1)).toMatchObject({ atMs, rows: [expect.arrayContaining(['vm-1', state])] });
      // oxlint-disable-next-line no-await-in-loop -- as above
      await scene.clock.advance(100);
    }
    const told = telling(scene.heard);
    expect(told).toHaveLength(3);
    for (const [at, hint] of told.entries()) expect(hint.prev).toBe(told[at - 1]?.stateRev ?? hint.prev);
  });

  it('that follow at once are put together, and none is lost by that', async () => {
    const { scene, agents } = await served({});
    await using _scene = scene;
    for (let vm = 0; vm < 100; vm++) scene.host.tell({ [`vm-${vm}`]: { state: 'running' } });
    await scene.clock.advance(50);
    const told = telling(scene.heard);
    expect(told.length).toBeLessThanOrEqual(3);
    expect(new Set(told.flatMap(({ rows }) => rows.map(([vm]) => vm))).size).toBe(100);
    expect(agents.counters.hintsDropped).toBe(0);
  });

  it('that would be too large are told without rows, and whoever hears one asks', async () => {
    const { scene, agents } = await served({}, { config: { maxHintRows: 50 } });
    await using _scene = scene;
    await using monitor = scene.monitor();
    const hints = scene.hintsOf(monitor);
    await scene.poll(monitor);
    const many = Array.from({ length: 51 }, (_, vm) => [`vm-${vm}`, { state: 'running' }] as const);
    scene.host.tell(Object.fromEntries(many));
    await scene.clock.advance(0);
    expect(telling(scene.heard)).toMatchObject([{ rows: [], left: [] }]);
    expect(agents.counters.hintsCut).toBe(1);
    expect(hints.map(({ kind }) => kind)).toContain('poll');
  });

  it('tell figures never, and never advance for them', async () => {
    const { scene } = await served({ 'vm-1': { state: 'running', cpuUser: 0.1 } });
    await using _scene = scene;
    await scene.clock.advance(3_000);
    scene.host.vms.set('vm-1', { state: 'running', cpuUser: 0.9 });
    await scene.clock.advance(10_000);
    expect(telling(scene.heard)).toEqual([]);
    const revs = new Set(scene.heard.map(({ rev }) => rev));
    expect(revs.size, 'the row was recorded anew').toBe(2);
    expect(new Set(scene.heard.map(({ stateRev }) => stateRev)).size).toBe(1);
  });

  it('tell what only the readings between heart-beats find, and who left', async () => {
    const { scene } = await served({ 'vm-1': { state: 'running' }, 'vm-2': { state: 'running' } });
    await using _scene = scene;
    scene.host.vms.set('vm-1', { state: 'paused' });
    scene.host.vms.delete('vm-2');
    await scene.clock.advance(3_000);
    expect(telling(scene.heard)).toMatchObject([
      { rows: [expect.arrayContaining(['vm-1', 'paused'])], left: ['vm-2'] },
    ]);
  });

  it('S8: lost with the bus, they are made up for by the next heart-beat, and nothing is kept for them', async () => {
    const { scene, agents } = await served({ 'vm-1': { state: 'running' } });
    await using _scene = scene;
    await using monitor = scene.monitor();
    const hints = scene.hintsOf(monitor);
    const before = await scene.poll(monitor);
    scene.broker.disconnect('agent');
    for (let change = 0; change < 1_000; change++) {
      scene.host.tell({ [`vm-${change % 7}`]: { state: change % 2 === 0 ? 'paused' : 'running' } });
      // oxlint-disable-next-line no-await-in-loop -- one change after the other
      await scene.clock.advance(20);
    }
    scene.heard.length = 0;
    scene.broker.reconnect('agent');
    await scene.clock.advance(3_000);
    expect(agents.counters.hintsDropped).toBeGreaterThan(500);
    expect(telling(scene.heard), 'none of the lost ones is sent').toEqual([]);
    expect(hints.filter(({ kind }) => kind === 'poll').length).toBeGreaterThan(0);
    const after = await scene.poll(monitor, before);
    expect(after).toMatchObject({ complete: false, agrees: true });
  });

  it('that the bus refuses spoil no reading: the next heart-beat has the monitor ask', async () => {
    await using scene = new Scene(['a'], { maxPayloadBytes: 1_000 });
    const agents = await scene.serve({ config: { maxReplyBytes: 1_000 } });
    await scene.clock.advance(1_000);
    await using monitor = scene.monitor();
    const hints = scene.hintsOf(monitor);
    const before = await scene.poll(monitor);
    for (let vm = 0; vm < 20; vm++) scene.host.vms.set(`vm-${vm}`, { state: 'running' });
    await scene.clock.advance(6_000);
    expect(agents.counters).toMatchObject({ hintsDropped: 1, readingFailures: 0 });
    expect(hints.map(({ kind }) => kind)).toContain('poll');
    expect((await scene.poll(monitor, before)).rows).toHaveLength(20);
  });

  it('S8: lost, or told while a poll is on its way: what the monitor puts together is what is there after the next poll', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        await using scene = new Scene();
        await scene.serve({ config: { intervalMs: 600_000 } });
        await using monitor = scene.monitor();
        const held = new Map<string, { readonly state: VMState; readonly rev: number }>();
        const hints = scene.hintsOf(monitor);
        let last = await scene.poll(monitor);
        let seen = 0;
        for (const one of steps) {
          if (one.lost) scene.broker.disconnect('agent');
          if (one.state === 'leaves') scene.host.vms.delete(one.vm);
          else scene.host.tell({ [one.vm]: { state: one.state } });
          // oxlint-disable-next-line no-await-in-loop -- one step after the other
          await scene.clock.advance(one.waitMs);
          if (one.lost) scene.broker.reconnect('agent');
          for (const hint of hints.slice(seen)) {
            if (hint.kind === 'rows') for (const row of hint.rows) merge(held, row);
          }
          seen = hints.length;
          if (!one.poll) continue;
          // oxlint-disable-next-line no-await-in-loop -- as above
          last = await scene.poll(monitor, last.agrees ? last : undefined);
          if (last.complete) held.clear();
          for (const row of last.rows) merge(held, row);
          for (const vm of last.left) held.delete(vm);
          expect(last.agrees).toBe(true);
          const truth = [...scene.host.vms].map(([vm, { state }]) => [vm, state]);
          expect(Object.fromEntries([...held].map(([vm, { state }]) => [vm, state]))).toEqual(
            Object.fromEntries(truth),
          );
        }
      }),
      { numRuns: 50 },
    );
  });
});

const step = fc.record({
  vm: fc.constantFrom('vm-1', 'vm-2', 'vm-3'),
  state: fc.constantFrom('running' as const, 'paused' as const, 'leaves' as const),
  lost: fc.boolean(),
  poll: fc.boolean(),
  waitMs: fc.constantFrom(0, 5, 50),
});

function merge(
  held: Map<string, { readonly state: VMState; readonly rev: number }>,
  { vm, state, rev }: { readonly vm: string; readonly state: VMState; readonly rev: number },
): void {
  if ((held.get(vm)?.rev ?? 0) < rev) held.set(vm, { state, rev });
}

describe('heart-beats', () => {
  it('come every 3 s, each after a reading of the source', async () => {
    const { scene } = await served({ 'vm-1': { state: 'running' } });
    await using _scene = scene;
    const before = scene.host.calls.runtimeStats;
    await scene.clock.advance(30_000);
    expect(scene.heard).toHaveLength(10);
    expect(scene.host.calls.runtimeStats - before).toBe(10);
    expect(telling(scene.heard)).toEqual([]);
  });

  it('say to the monitor that the host lives', async () => {
    const { scene } = await served({ 'vm-1': { state: 'running' } });
    await using _scene = scene;
    await using monitor = scene.monitor();
    const hints = scene.hintsOf(monitor);
    await scene.poll(monitor);
    await scene.clock.advance(9_000);
    expect(hints.filter(({ kind }) => kind === 'alive').length).toBeGreaterThanOrEqual(3);
  });

  it('need no reading of a source that tells everything by itself, once it was read', async () => {
    const { scene } = await served({ 'vm-1': { state: 'running' } }, { config: { readForHeartBeats: false } });
    await using _scene = scene;
    const before = scene.host.calls.runtimeStats;
    await scene.clock.advance(30_000);
    expect(scene.heard).toHaveLength(10);
    expect(scene.host.calls.runtimeStats).toBe(before);
  });

  it('of many hosts are spread over the interval, with one timer for all', async () => {
    await using scene = new Scene(Array.from({ length: 300 }, (_, host) => `host-${host}`));
    await scene.serve({ config: { readForHeartBeats: false } });
    await scene.clock.advance(3_000);
    await scene.listen();
    expect(scene.clock.pendingTimers).toBeLessThanOrEqual(2);
    const tenths: number[] = [];
    for (let tenth = 0; tenth < 10; tenth++) {
      const before = scene.heard.length;
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await scene.clock.advance(300);
      tenths.push(scene.heard.length - before);
    }
    expect(tenths.reduce((sum, count) => sum + count)).toBe(300);
    expect(Math.max(...tenths), 'evenly it would be 30').toBeLessThan(60);
  });

  it('do not come where agents are to be polled only, and it is said so', async () => {
    const { scene } = await served({ 'vm-1': { state: 'running' } }, { config: { tellHints: false } });
    await using _scene = scene;
    await using monitor = scene.monitor();
    const before = await scene.poll(monitor);
    scene.host.tell({ 'vm-1': { state: 'paused' } });
    await scene.clock.advance(10_000);
    expect(scene.heard).toEqual([]);
    await scene.settle(monitor.describe({ timeoutMs: 1_000 }));
    expect(monitor.capabilities).toMatchObject({ push: false, heartBeats: false });
    expect((await scene.poll(monitor, before)).rows).toMatchObject([{ state: 'paused' }]);
  });

  it("S9: at the agent's start the run is new to all, and its first listing is not told as a change", async () => {
    await using scene = new Scene();
    await scene.listen();
    scene.host.vms.set('vm-1', { state: 'running' });
    await scene.serve();
    await scene.clock.advance(10_000);
    expect(scene.heard.length).toBeGreaterThan(0);
    expect(telling(scene.heard)).toEqual([]);
  });
});

describe('a VM defined anew', () => {
  it('M8: is told once to whoever knew it, by hint or by poll, and to nobody else', async () => {
    const { scene } = await served({ 'vm-1': { state: 'running' } });
    await using _scene = scene;
    await using monitor = scene.monitor();
    const before = await scene.poll(monitor);
    scene.host.vms.set('vm-1', { state: 'stopped', recreated: true });
    const after = await scene.poll(monitor, before);
    scene.host.vms.set('vm-1', { state: 'stopped' });
    expect(after.rows).toMatchObject([{ vm: 'vm-1', recreated: true }]);
    const later = await scene.poll(monitor, after);
    expect(later.rows.filter(({ recreated }) => recreated)).toEqual([]);
    await using stranger = scene.monitor();
    expect((await scene.poll(stranger)).rows.filter(({ recreated }) => recreated)).toEqual([]);
  });

  it('M8: told by a hint and again by the poll after it, is passed on once', async () => {
    const { scene } = await served({ 'vm-1': { state: 'running' } });
    await using _scene = scene;
    await using monitor = scene.monitor();
    const hints = scene.hintsOf(monitor);
    const before = await scene.poll(monitor);
    scene.host.tell({ 'vm-1': { state: 'stopped', recreated: true } });
    await scene.clock.advance(100);
    scene.host.vms.set('vm-1', { state: 'stopped' });
    const after = await scene.poll(monitor, before);
    const told = [...hints.flatMap((hint) => (hint.kind === 'rows' ? hint.rows : [])), ...after.rows];
    expect(told.filter(({ recreated }) => recreated)).toHaveLength(1);
  });
});
