import { describe, expect, test } from 'vitest';
import { Scene, type StoreConformanceOptions } from './scene.ts';
import { address } from './scripted-observer.ts';

/** I4: per register the highest version wins; documents stand beside the registers. */
export function registerConformance(options: StoreConformanceOptions): void {
  describe('registers', () => {
    test('I4: an event that is older than its register, or repeated, is stale and changes nothing', async () => {
      await using scene = await Scene.of(options);
      const [h1] = await scene.hosts(['h1']);
      const first = h1.state('v1', 'running');
      const second = h1.state('v1', 'paused');
      expect((await scene.apply(second)).statuses).toEqual(['applied']);
      const before = await scene.store.vm('v1');
      const again = await scene.apply(second, second);
      expect(again).toMatchObject({ statuses: ['stale', 'stale'], outboxed: 0 });
      expect(await scene.store.vm('v1')).toEqual(before);
      await scene.apply(first);
      expect(await scene.truth('v1')).toMatchObject({ state: 'paused' });
    });

    test('I4: registers have versions of their own', async () => {
      await using scene = await Scene.of(options);
      const [h1] = await scene.hosts(['h1']);
      const addresses = h1.addresses('v1', [address('10.0.0.1')]);
      const state = h1.state('v1', 'running');
      await scene.applyEach(state, addresses);
      expect(await scene.truth('v1')).toMatchObject({ state: 'running', addresses: [address('10.0.0.1')] });
    });

    test('a VM is not shown before a state of it was seen', async () => {
      await using scene = await Scene.of(options);
      const [h1] = await scene.hosts(['h1']);
      const state = h1.state('v1', 'running');
      const addresses = h1.addresses('v1', [address('10.0.0.1')]);
      const { outboxed } = await scene.apply(addresses);
      expect(outboxed).toBe(0);
      expect(await scene.ids()).toEqual([]);
      expect(await scene.store.vm('v1')).toBeUndefined();
      await scene.apply(state);
      expect(await scene.truth('v1')).toMatchObject({ state: 'running', addresses: [address('10.0.0.1')] });
    });

    test('M2: an activation counts from the first position it was told at, also by events that come late', async () => {
      await using scene = await Scene.of(options);
      const [h1, h2] = await scene.hosts(['h1', 'h2']);
      const started = h1.state('v1', 'running');
      const paused = h1.state('v1', 'paused');
      const elsewhere = h2.state('v1', 'running');
      await scene.store.apply([{ event: paused, position: 30 }]);
      await scene.store.apply([{ event: elsewhere, position: 20 }]);
      expect(await scene.truth('v1')).toMatchObject({ host: 'h1', state: 'paused' });
      const late = await scene.store.apply([{ event: started, position: 10 }]);
      expect(late.statuses).toEqual(['applied']);
      expect(await scene.truth('v1')).toMatchObject({ host: 'h2', state: 'running' });
    });

    test('without positions the order of first commits stands in for them', async () => {
      await using scene = await Scene.of(options);
      const [h1, h2] = await scene.hosts(['h1', 'h2']);
      await scene.applyEach(h1.state('v1', 'running'), h2.state('v1', 'running'));
      expect(await scene.truth('v1')).toMatchObject({ host: 'h2' });
    });

    test('a document is kept with the hash it came with, and shown with the sighting', async () => {
      await using scene = await Scene.of(options);
      const [h1] = await scene.hosts(['h1']);
      const result = await scene.apply(h1.state('v1', 'running'), h1.config('v1', 'web', '1'), h1.guest('v1', 'g1'));
      expect(result.documentsWanted).toEqual([]);
      const [sighting] = (await scene.store.vm('v1'))?.sightings ?? [];
      expect(sighting?.registers.config?.value.document).toEqual({ info: { vcpus: 2 }, config: { hash: '1' } });
      expect(sighting?.registers.guest?.value.document).toMatchObject({ os: 'Debian 12' });
    });

    test('a new hash without its document is asked for, and the old document goes', async () => {
      await using scene = await Scene.of(options);
      const [h1] = await scene.hosts(['h1']);
      await scene.apply(h1.state('v1', 'running'), h1.config('v1', 'web', '1'));
      const { documentsWanted } = await scene.apply(h1.config('v1', 'web', '2', false), h1.guest('v1', 'g1', false));
      expect(documentsWanted).toEqual([{ observer: 'h1', vms: ['v1'] }]);
      const [sighting] = (await scene.store.vm('v1'))?.sightings ?? [];
      expect(sighting?.registers.config?.value).toEqual({ name: 'web', hashes: { info: 'i2', config: 'c2' } });
    });

    test('a document that its observer does not have is not asked for again and again', async () => {
      await using scene = await Scene.of(options);
      const [h1] = await scene.hosts(['h1']);
      await scene.apply(h1.state('v1', 'running'));
      expect((await scene.apply(h1.config('v1', 'web', '1', false))).documentsWanted).toHaveLength(1);
      expect((await scene.apply(h1.config('v1', 'web', '1', false))).documentsWanted).toEqual([]);
    });

    test('a document that comes late still goes with the hash that is held', async () => {
      await using scene = await Scene.of(options);
      const [h1] = await scene.hosts(['h1']);
      const told = h1.config('v1', 'web', '1');
      const listed = h1.snapshot([{ vm: 'v1', state: 'running', name: 'web', infoHash: 'i1', configHash: 'c1' }]);
      expect((await scene.apply(...listed)).documentsWanted).toEqual([{ observer: 'h1', vms: ['v1'] }]);
      expect((await scene.apply(told)).statuses).toEqual(['applied']);
      const [sighting] = (await scene.store.vm('v1'))?.sightings ?? [];
      expect(sighting?.registers.config).toEqual({
        version: { epoch: 1, seq: 2 },
        value: {
          name: 'web',
          hashes: { info: 'i1', config: 'c1' },
          document: { info: { vcpus: 2 }, config: { hash: '1' } },
        },
      });
    });

    test('D2: identifiers of every kind come back as they were', async () => {
      await using scene = await Scene.of(options);
      const ids = [
        'a.b*c>d e',
        '日本',
        '0f8fad5b-d9cb-469f-a165-70867728950e',
        '0F8FAD5B-D9CB-469F-A165-70867728950E',
        '%_\\',
      ];
      const [h1] = await scene.hosts(['h 1']);
      await scene.apply(...ids.map((id) => h1.state(id, 'running')));
      expect(await scene.ids()).toEqual(ids);
      for (const id of ids) expect((await scene.store.vm(id))?.id).toBe(id);
      for (const id of ids) expect(await scene.ids({ text: id.toUpperCase() })).toContain(id);
    });
  });
}
