import { describe, expect, test } from 'vitest';
import { Scene, type StoreConformanceOptions } from './scene.ts';
import { address, coverage } from './scripted-observer.ts';

/** I5: the fleet's truth, published exactly when it changes. */
export function truthConformance(options: StoreConformanceOptions): void {
  describe('truth', () => {
    test('S1: a change of state is one VMChanged, with the next version and what it was before', async () => {
      await using scene = await Scene.of(options);
      const [h1] = await scene.hosts(['h1']);
      await scene.apply(h1.state('v1', 'running', { reason: 'booted' }), h1.addresses('v1', [address('10.0.0.1')]));
      await scene.fleetEvents();
      const { outboxed } = await scene.apply(h1.state('v1', 'stopped', { reason: 'shutdown' }));
      expect(outboxed).toBe(1);
      const { id: store, position } = await scene.store.identity();
      const [event] = await scene.fleetEvents();
      expect(event).toMatchObject({
        id: 'vm/v1/3',
        source: `/vedette/updater/${store}`,
        subject: 'vedette.v1.fleet.vm.v1',
        type: 'vedette.VMChanged.v1',
        time: new Date(scene.clock.wallNow()).toISOString(),
      });
      expect(event?.data).toEqual({
        position,
        vm: 'v1',
        vmVersion: 3,
        incarnation: 1,
        reason: 'stopped',
        state: 'stopped',
        detail: 'shutdown',
        host: 'h1',
        realm: 'r1',
        conflict: [],
        name: '',
        addresses: [address('10.0.0.1')],
        conditions: [],
        previous: { state: 'running' },
      });
    });

    test('what changes nothing that is told gives no event and no version', async () => {
      await using scene = await Scene.of(options);
      const [h1] = await scene.hosts(['h1']);
      await scene.apply(h1.state('v1', 'running', { reason: 'booted' }));
      const before = await scene.record('v1');
      const { outboxed } = await scene.apply(h1.state('v1', 'running', { reason: 'unpaused' }), h1.guest('v1', 'g'));
      expect(outboxed).toBe(0);
      expect(await scene.record('v1')).toMatchObject({ vmVersion: before?.vmVersion, truth: { detail: 'unpaused' } });
    });

    test('S7: each change of a flapping VM within one batch is told, in order', async () => {
      await using scene = await Scene.of(options);
      const [h1] = await scene.hosts(['h1']);
      await scene.fleetEvents();
      await scene.apply(h1.state('v1', 'running'), h1.state('v1', 'paused'), h1.state('v1', 'running'));
      expect(await scene.fleetWords()).toEqual(['discovered v1: running', 'state v1: paused', 'state v1: running']);
    });

    test('M1: a live migration, reports in every order, is one migrated and never stopped or gone', async () => {
      const orders = permutations(['out', 'in', 'arrived', 'left'] as const);
      expect(orders).toHaveLength(24);
      for (const order of orders) {
        await using scene = await Scene.of(options);
        const [h1, h2] = await scene.hosts(['h1', 'h2']);
        await scene.apply(h1.state('v1', 'running'));
        await scene.fleetEvents();
        const events = {
          out: h1.state('v1', 'migrating_out'),
          in: h2.state('v1', 'migrating_in'),
          arrived: h2.state('v1', 'running'),
          left: h1.state('v1', 'migrated_away', { lastPresent: 'migrating_out' }),
        };
        await scene.applyEach(...order.map((name) => events[name]));
        const words = await scene.fleetWords();
        const about = `${order.join(', ')} gave ${words.join(', ')}`;
        expect(
          words.filter((word) => word.startsWith('migrated')),
          about,
        ).toHaveLength(1);
        expect(
          words.filter((word) => /stopped|gone|split_brain/.test(word)),
          about,
        ).toEqual([]);
        expect(await scene.truth('v1'), about).toMatchObject({ state: 'running', host: 'h2' });
      }
    });

    test('M2: an aborted migration ends on the source', async () => {
      await using scene = await Scene.of(options);
      const [h1, h2] = await scene.hosts(['h1', 'h2']);
      await scene.applyEach(h1.state('v1', 'running'), h1.state('v1', 'migrating_out'), h2.state('v1', 'migrating_in'));
      await scene.applyEach(h2.state('v1', 'absent', { lastPresent: 'migrating_in' }), h1.state('v1', 'running'));
      expect(await scene.truth('v1')).toMatchObject({ state: 'running', host: 'h1' });
    });

    test('M3: the destination dies during migration: unknown, not gone, whatever is confirmed', async () => {
      await using scene = await Scene.of(options);
      const [h1, h2] = await scene.hosts(['h1', 'h2']);
      await scene.applyEach(h1.state('v1', 'running'), h1.state('v1', 'migrating_out'), h2.state('v1', 'migrating_in'));
      await scene.applyEach(
        h1.state('v1', 'migrated_away', { lastPresent: 'migrating_out' }),
        h2.hostState('non_responsive'),
      );
      expect(await scene.truth('v1')).toMatchObject({ state: 'unknown' });
      await scene.confirm(h1);
      expect(await scene.truth('v1')).toMatchObject({ state: 'unknown' });
      expect((await scene.fleetWords()).filter((word) => word.includes('gone'))).toEqual([]);
    });

    test('M4: really running on two hosts is a split brain once both echoed a mark cast after both', async () => {
      await using scene = await Scene.of(options);
      const [h1, h2] = await scene.hosts(['h1', 'h2']);
      await scene.applyEach(h1.state('v1', 'running'), h2.state('v1', 'running'));
      expect(await scene.store.pendingConfirmations()).toEqual({ vms: 1, waitingFor: ['h1', 'h2'] });
      await scene.fleetEvents();
      const cast = await scene.store.castMark();
      if (cast === undefined) throw new Error('a mark is wanted');
      const echo = (host: typeof h1) =>
        scene.store.applyCoverage(
          coverage('m1', 2, { marks: [{ host: host.id, mark: cast.mark, version: host.version }] }),
        );
      expect((await echo(h1)).outboxed).toBe(0);
      expect(await scene.store.pendingConfirmations()).toEqual({ vms: 1, waitingFor: ['h2'] });
      expect((await echo(h2)).outboxed).toBe(1);
      expect(await scene.fleetWords()).toEqual(['split_brain v1: running']);
      expect(await scene.truth('v1')).toMatchObject({ conflict: ['h1', 'h2'], host: 'h2' });
      expect(await scene.store.castMark()).toBeUndefined();
      await scene.apply(h1.state('v1', 'stopped'));
      expect(await scene.truth('v1')).toMatchObject({ conflict: [], state: 'running', host: 'h2' });
    });

    test('M4: one late poll is no split brain', async () => {
      await using scene = await Scene.of(options);
      const [h1, h2] = await scene.hosts(['h1', 'h2']);
      await scene.applyEach(h1.state('v1', 'running'), h2.state('v1', 'running'));
      await scene.apply(h1.state('v1', 'migrated_away', { lastPresent: 'running' }));
      await scene.confirm(h1, h2);
      expect(await scene.truth('v1')).toMatchObject({ state: 'running', host: 'h2', conflict: [] });
    });

    test('M5: the old host saying stopped, or no addresses, late changes nothing', async () => {
      await using scene = await Scene.of(options);
      const [h1, h2] = await scene.hosts(['h1', 'h2']);
      await scene.apply(h1.state('v1', 'running'), h1.addresses('v1', [address('10.0.0.1')]));
      await scene.apply(h2.state('v1', 'running'), h2.addresses('v1', [address('10.0.0.1')]));
      await scene.fleetEvents();
      const { outboxed } = await scene.apply(h1.state('v1', 'stopped'), h1.addresses('v1', []));
      expect(outboxed).toBe(0);
      expect(await scene.truth('v1')).toMatchObject({ state: 'running', host: 'h2', addresses: [address('10.0.0.1')] });
    });

    test('M6: a leftover stopped definition, and its running host unreachable: unknown', async () => {
      await using scene = await Scene.of(options);
      const [h1, h2] = await scene.hosts(['h1', 'h2']);
      await scene.applyEach(h1.state('v1', 'running'), h1.state('v1', 'stopped'), h2.state('v1', 'running'));
      await scene.fleetEvents();
      await scene.apply(h2.hostState('non_responsive'));
      expect(await scene.truth('v1')).toMatchObject({ state: 'unknown', lastState: 'running', host: 'h2' });
      expect(await scene.fleetWords()).toEqual(['h2: non_responsive', 'unknown v1: unknown']);
      await scene.apply(h2.hostState('up'));
      expect(await scene.fleetWords()).toEqual(['h2: up', 'recovered v1: running']);
    });

    test('M7: its host dead, restarted elsewhere, then stopped there: stopped', async () => {
      await using scene = await Scene.of(options);
      const [h1, h2] = await scene.hosts(['h1', 'h2']);
      await scene.applyEach(h1.state('v1', 'running'), h1.hostState('non_responsive'));
      await scene.applyEach(h2.state('v1', 'running'), h2.state('v1', 'stopped'));
      expect(await scene.truth('v1')).toMatchObject({ state: 'stopped', host: 'h2' });
    });

    test('M8: a VM that was gone and is seen again begins a new incarnation that never ran', async () => {
      await using scene = await Scene.of(options);
      const [h1] = await scene.hosts(['h1']);
      await scene.apply(h1.state('v1', 'running'), h1.state('v1', 'absent', { lastPresent: 'running' }));
      await scene.confirm(h1);
      expect(await scene.record('v1')).toMatchObject({ incarnation: 1, everRan: 'yes', truth: { state: 'gone' } });
      await scene.fleetEvents();
      await scene.apply(h1.state('v1', 'stopped'));
      expect(await scene.record('v1')).toMatchObject({ incarnation: 2, everRan: 'unknown' });
      expect(await scene.fleetWords()).toEqual(['discovered v1: stopped']);
      await scene.apply(h1.state('v1', 'running'));
      expect(await scene.record('v1')).toMatchObject({ incarnation: 2, everRan: 'yes' });
    });

    test('M8: a VM that was gone and is seen running has run in its new incarnation', async () => {
      await using scene = await Scene.of(options);
      const [h1] = await scene.hosts(['h1']);
      await scene.apply(h1.state('v1', 'stopped'), h1.state('v1', 'absent', { lastPresent: 'stopped' }));
      await scene.confirm(h1);
      expect(await scene.record('v1')).toMatchObject({ everRan: 'unknown', truth: { state: 'gone' } });
      await scene.apply(h1.state('v1', 'running'));
      expect(await scene.record('v1')).toMatchObject({ incarnation: 2, everRan: 'yes' });
    });

    test('M8: a VM that its host saw defined anew begins a new incarnation that never ran, and that is told', async () => {
      await using scene = await Scene.of(options);
      const [h1] = await scene.hosts(['h1']);
      await scene.apply(h1.state('v1', 'running'), h1.state('v1', 'stopped'));
      await scene.fleetEvents();
      const { outboxed } = await scene.apply(h1.state('v1', 'stopped', { reborn: true }));
      expect(outboxed).toBe(1);
      expect(await scene.record('v1')).toMatchObject({ incarnation: 2, everRan: 'unknown' });
      const [told] = await scene.fleetEvents();
      expect(told?.data).toMatchObject({ reason: 'discovered', incarnation: 2, state: 'stopped', previous: {} });
      await scene.apply(h1.state('v1', 'paused'), h1.state('v1', 'running', { reborn: true }));
      expect(await scene.record('v1')).toMatchObject({ incarnation: 3, everRan: 'yes' });
    });

    test('M8: a birth counts once: in later events, snapshots, redeliveries and a store opened again', async () => {
      await using scene = await Scene.of(options);
      const [h1] = await scene.hosts(['h1']);
      const birth = h1.state('v1', 'stopped', { reborn: true });
      await scene.apply(h1.state('v2', 'stopped'), birth, h1.state('v1', 'running'), birth);
      await scene.apply(...h1.snapshot([{ vm: 'v1', state: 'running' }]), birth);
      if (options.durable) await scene.reopen();
      await scene.apply(h1.state('v1', 'paused'), birth);
      expect(await scene.record('v1')).toMatchObject({ incarnation: 2, everRan: 'yes' });
      expect(await scene.record('v2')).toMatchObject({ incarnation: 1 });
    });

    test('M8, F11: in every order of delivery a birth begins an incarnation, and only what followed it counts', async () => {
      for (const after of ['stopped', 'running'] as const) {
        for (const order of permutations(['ran', 'birth', 'after'] as const)) {
          await using scene = await Scene.of(options);
          const [h1] = await scene.hosts(['h1']);
          const events = {
            ran: h1.state('v1', 'running'),
            birth: h1.state('v1', 'stopped', { reborn: true }),
            after: h1.state('v1', after),
          };
          await scene.applyEach(...order.map((name) => events[name]));
          expect(await scene.record('v1'), `${order.join(', ')}, ${after} in the end`).toMatchObject({
            incarnation: 2,
            everRan: after === 'running' ? 'yes' : 'unknown',
            truth: { state: after },
          });
        }
      }
    });

    test('M8, F11: a birth heard of after the VM left and came back, and ran, begins an incarnation that ran', async () => {
      await using scene = await Scene.of(options);
      const [h1] = await scene.hosts(['h1']);
      const early = [h1.state('v1', 'running'), h1.state('v1', 'stopped')];
      const birth = h1.state('v1', 'stopped', { reborn: true });
      const left = h1.state('v1', 'absent', { lastPresent: 'stopped' });
      h1.forget('v1');
      await scene.apply(...early, h1.state('v1', 'running'), h1.state('v1', 'stopped'));
      expect(await scene.record('v1')).toMatchObject({ incarnation: 1, everRan: 'yes' });
      await scene.apply(birth);
      expect(await scene.record('v1')).toMatchObject({ incarnation: 2, everRan: 'yes', truth: { state: 'stopped' } });
      await scene.apply(left, birth);
      expect(await scene.record('v1')).toMatchObject({ incarnation: 2 });
    });

    test('M8: a birth that only a snapshot tells begins an incarnation as well', async () => {
      await using scene = await Scene.of(options);
      const [h1] = await scene.hosts(['h1']);
      await scene.apply(h1.state('v1', 'running'), h1.state('v1', 'stopped'));
      h1.state('v1', 'stopped', { reborn: true }); // refused by the bus for good
      await scene.apply(...h1.snapshot([{ vm: 'v1', state: 'stopped' }]));
      expect(await scene.record('v1')).toMatchObject({ incarnation: 2, everRan: 'unknown' });
    });

    test('M8: a VM that was gone and comes back as one defined anew begins one incarnation, not two', async () => {
      await using scene = await Scene.of(options);
      const [h1] = await scene.hosts(['h1']);
      await scene.apply(h1.state('v1', 'running'), h1.state('v1', 'absent', { lastPresent: 'running' }));
      await scene.confirm(h1);
      await scene.apply(h1.state('v1', 'stopped', { reborn: true }));
      expect(await scene.record('v1')).toMatchObject({ incarnation: 2, everRan: 'unknown' });
    });

    test('a VM ran once any active state was seen, also one only passed through or told late', async () => {
      await using scene = await Scene.of(options);
      const [h1] = await scene.hosts(['h1']);
      const late = h1.state('v3', 'running');
      await scene.apply(h1.state('v1', 'stopped'), h1.state('v2', 'stopped', { passed: ['running'] }));
      await scene.apply(h1.state('v3', 'stopped'), h1.state('v4', 'unknown'));
      expect((await scene.record('v3'))?.everRan).toBe('unknown');
      await scene.apply(late);
      const ran = await Promise.all(['v1', 'v2', 'v3', 'v4'].map(async (vm) => (await scene.record(vm))?.everRan));
      expect(ran).toEqual(['unknown', 'yes', 'yes', 'yes']);
    });

    test('N6: an unreachable host is one event; its VMs read as unknown and come back with nothing said', async () => {
      await using scene = await Scene.of(options);
      const [h1] = await scene.hosts(['h1']);
      await scene.apply(h1.hostState('up'), ...['v1', 'v2', 'v3'].map((vm) => h1.state(vm, 'running')));
      await scene.fleetEvents();
      const before = await scene.record('v1');
      await scene.apply(h1.hostState('non_responsive', { reason: 'timeout: no answer' }));
      expect(await scene.fleetWords()).toEqual(['h1: non_responsive']);
      expect(await scene.record('v1')).toMatchObject({
        vmVersion: before?.vmVersion,
        truth: { state: 'unknown', lastState: 'running', host: 'h1', detail: 'unobservable: h1 cannot be asked' },
      });
      expect((await scene.store.counts()).vms).toEqual({ unknown: 3 });
      await scene.apply(h1.hostState('up'));
      expect(await scene.fleetWords()).toEqual(['h1: up']);
      expect(await scene.record('v1')).toEqual(before);
    });

    test('N6: what a host said before it fell silent is told when it comes, and reads as unknown all the same', async () => {
      await using scene = await Scene.of(options);
      const [h1] = await scene.hosts(['h1']);
      await scene.apply(h1.state('v1', 'running'));
      const late = h1.state('v1', 'stopped');
      await scene.apply(h1.hostState('non_responsive'));
      await scene.fleetEvents();
      await scene.apply(late);
      expect(await scene.fleetWords()).toEqual(['stopped v1: stopped']);
      expect(await scene.truth('v1')).toMatchObject({ state: 'unknown', lastState: 'stopped' });
      await scene.apply(h1.hostState('up'));
      expect(await scene.fleetWords()).toEqual(['h1: up']);
      expect(await scene.truth('v1')).toMatchObject({ state: 'stopped' });
    });

    test('an identity conflict makes a host unobservable, another defect does not', async () => {
      await using scene = await Scene.of(options);
      const [h1] = await scene.hosts(['h1']);
      await scene.apply(h1.state('v1', 'running'), h1.hostState('non_operational', { reason: 'storage: none' }));
      expect(await scene.truth('v1')).toMatchObject({ state: 'running' });
      await scene.apply(h1.hostState('non_operational', { reason: 'identity_conflict: another host answers' }));
      expect(await scene.truth('v1')).toMatchObject({ state: 'unknown', lastState: 'running' });
    });
  });
}

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length < 2) return [[...items]];
  return items.flatMap((item, at) => permutations(items.toSpliced(at, 1)).map((rest) => [item, ...rest]));
}
