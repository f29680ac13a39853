import { describe, expect, test } from 'vitest';
import { Scene, type StoreConformanceOptions } from './scene.ts';

/** The fleet log and its outbox, and the bounds of everything that is kept. */
export function logConformance(options: StoreConformanceOptions): void {
  describe('logs', () => {
    test('F4: fleet events wait in order until they are on the bus, and every repetition has the same bytes', async () => {
      await using scene = await Scene.of(options);
      const [h1] = await scene.hosts(['h1']);
      await scene.apply(h1.state('v1', 'running'), h1.state('v2', 'running'), h1.state('v1', 'stopped'));
      const all = await scene.store.outbox(10);
      expect(all.map(({ position, id }) => `${position} ${id}`)).toEqual([
        '1 host/h1/1',
        '2 vm/v1/1',
        '3 vm/v2/1',
        '4 vm/v1/2',
      ]);
      expect(await scene.store.outbox(10)).toEqual(all);
      expect(await scene.store.outbox(2)).toEqual(all.slice(0, 2));
      await scene.store.relayed(2);
      expect(await scene.store.outbox(10)).toEqual(all.slice(2));
      await scene.store.relayed(1);
      expect(await scene.store.outbox(10)).toEqual(all.slice(2));
      expect(await scene.store.fleetLog(0, 10)).toEqual(all);
      expect(await scene.store.fleetLog(2, 1)).toEqual(all.slice(2, 3));
      expect(await scene.store.fleetLog(4, 10)).toEqual([]);
      expect((await scene.store.identity()).position).toBe(4);
      for (const { json, id, subject, position } of all) {
        expect(JSON.parse(json)).toMatchObject({ id, subject, data: { position } });
      }
    });

    test('the log is bounded; what is older is said to be so, and nothing is dropped before it is relayed', async () => {
      await using scene = await Scene.of(options, { fleetLogRows: 5 });
      const [h1] = await scene.hosts(['h1']);
      for (let at = 0; at < 10; at++) await scene.apply(h1.state('v1', at % 2 ? 'running' : 'paused'));
      expect(await scene.store.outbox(100)).toHaveLength(11);
      await scene.store.relayed(8);
      await scene.apply(h1.state('v1', 'stopped'));
      expect(await scene.store.fleetLog(6, 100)).toBeUndefined();
      expect((await scene.store.fleetLog(7, 100))?.map(({ position }) => position)).toEqual([8, 9, 10, 11, 12]);
      expect((await scene.store.outbox(100)).map(({ position }) => position)).toEqual([9, 10, 11, 12]);
      await scene.store.relayed(12);
      expect(await scene.store.outbox(100)).toEqual([]);
      expect(await scene.store.fleetLog(7, 100)).toHaveLength(5);
    });

    test('history is bounded for each VM and for the store, oldest first', async () => {
      await using scene = await Scene.of(options, { historyRows: 40, historyRowsPerVM: 20 });
      const [h1] = await scene.hosts(['h1']);
      const sequences = async (vm: string) =>
        (await scene.store.history(vm, { limit: 100 })).items.map(({ sequence }) => sequence);
      for (let at = 0; at < 30; at++) await scene.apply(h1.state('v1', at % 2 ? 'running' : 'paused'));
      const own = await sequences('v1');
      expect(own.length).toBeGreaterThanOrEqual(20);
      expect(own.length).toBeLessThanOrEqual(22);
      expect(own[0]).toBe(60);
      for (let at = 0; at < 20; at++) await scene.apply(h1.state(`w${at}`, 'running'));
      expect(await sequences('v1')).toEqual([]);
      const kept = await Promise.all(Array.from({ length: 20 }, (_, at) => sequences(`w${at}`)));
      expect(kept.flat()).toHaveLength(40);
    });

    test('VMs that are gone are dropped beyond the bound, longest first; no id of an event ever repeats', async () => {
      await using scene = await Scene.of(options, { goneVMs: 1 });
      const [h1] = await scene.hosts(['h1']);
      for (const vm of ['v1', 'v2']) {
        await scene.clock.advance(1_000);
        await scene.apply(
          h1.state(vm, 'running'),
          h1.config(vm, vm, '1'),
          h1.state(vm, 'absent', { lastPresent: 'running' }),
        );
        await scene.confirm(h1);
      }
      await scene.apply(h1.state('v3', 'running'));
      expect(await scene.ids({ gone: true })).toEqual(['v2', 'v3']);
      expect(await scene.store.vm('v1')).toBeUndefined();
      expect((await scene.store.counts()).vms).toEqual({ gone: 1, running: 1 });
      await scene.apply(h1.state('v1', 'running'));
      expect(await scene.ids()).toEqual(['v3', 'v1']);
      const log = (await scene.store.fleetLog(0, 100)) ?? [];
      expect(new Set(log.map(({ id }) => id)).size).toBe(log.length);
    });

    test('a closed store says so, and closing it again is nothing', async () => {
      await using scene = await Scene.of(options);
      await scene.store.close();
      await scene.store.close();
      await expect(scene.store.counts()).rejects.toMatchObject({ code: 'VDT_STORE_CLOSED' });
      await expect(scene.store.identity()).rejects.toMatchObject({ code: 'VDT_STORE_CLOSED' });
      await expect(scene.store.apply([])).rejects.toMatchObject({ code: 'VDT_STORE_CLOSED' });
    });

    test('an empty batch changes nothing', async () => {
      await using scene = await Scene.of(options);
      expect(await scene.store.apply([])).toEqual({ statuses: [], outboxed: 0, documentsWanted: [] });
    });
  });
}
