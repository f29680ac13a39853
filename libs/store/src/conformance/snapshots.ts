import { describe, expect, test } from 'vitest';
import { Scene, type StoreConformanceOptions } from './scene.ts';
import { address } from './scripted-observer.ts';

/** Snapshots in parts: each applied by itself, what none of them named absent once all have come. */
export function snapshotConformance(options: StoreConformanceOptions): void {
  describe('snapshots', () => {
    test('each part is applied by itself, at the version of the snapshot', async () => {
      await using scene = await Scene.of(options);
      const [h1] = await scene.hosts(['h1']);
      const rows = [
        { vm: 'v1', state: 'running', addresses: [address('10.0.0.1')], conditions: ['memory'] },
        { vm: 'v2', state: 'stopped', name: 'db', infoHash: 'i', configHash: 'c', guestHash: 'g' },
      ] as const;
      const [first, second] = h1.snapshot(rows, 1);
      if (first === undefined || second === undefined) throw new Error('two parts');
      expect((await scene.apply(second)).documentsWanted).toEqual([{ observer: 'h1', vms: ['v2'] }]);
      expect(await scene.ids()).toEqual(['v2']);
      await scene.apply(first);
      expect(await scene.truth('v1')).toMatchObject({
        state: 'running',
        addresses: [address('10.0.0.1')],
        conditions: ['memory'],
      });
      const [sighting] = (await scene.store.vm('v2'))?.sightings ?? [];
      const version = { epoch: 1, seq: 2 };
      expect(sighting?.registers).toMatchObject({
        state: { version },
        config: { version, value: { name: 'db', hashes: { info: 'i', config: 'c' } } },
        guest: { version, value: { hash: 'g' } },
      });
    });

    test('what was not observed leaves the register as it is', async () => {
      await using scene = await Scene.of(options);
      const [h1] = await scene.hosts(['h1']);
      await scene.apply(
        h1.state('v1', 'running'),
        h1.addresses('v1', [address('10.0.0.1')]),
        h1.config('v1', 'web', '1'),
      );
      await scene.apply(h1.guest('v1', 'g1'), ...h1.snapshot([{ vm: 'v1', state: 'running', addresses: null }]));
      expect(await scene.truth('v1')).toMatchObject({ name: 'web', addresses: [address('10.0.0.1')] });
      const [sighting] = (await scene.store.vm('v1'))?.sightings ?? [];
      expect(sighting?.registers).toMatchObject({
        state: { version: { seq: 5 } },
        addresses: { version: { seq: 2 } },
        config: { version: { seq: 3 } },
        guest: { version: { seq: 4 } },
      });
    });

    test('an equal hash keeps the document and moves the version; another one drops the document', async () => {
      await using scene = await Scene.of(options);
      const [h1] = await scene.hosts(['h1']);
      await scene.apply(h1.state('v1', 'running'), h1.config('v1', 'web', '1'), h1.guest('v1', 'g1'));
      const row = {
        vm: 'v1',
        state: 'running',
        name: 'web',
        infoHash: 'i1',
        configHash: 'c1',
        guestHash: 'g2',
      } as const;
      const { documentsWanted } = await scene.apply(...h1.snapshot([row]));
      expect(documentsWanted).toEqual([{ observer: 'h1', vms: ['v1'] }]);
      const [sighting] = (await scene.store.vm('v1'))?.sightings ?? [];
      expect(sighting?.registers.config).toMatchObject({
        version: { seq: 4 },
        value: { document: { config: { hash: '1' } } },
      });
      expect(sighting?.registers.guest).toEqual({ version: { epoch: 1, seq: 4 }, value: { hash: 'g2' } });
    });

    test('N2: a VM is kept until every part has come; the last missing one makes it absent', async () => {
      await using scene = await Scene.of(options);
      const [h1] = await scene.hosts(['h1']);
      await scene.apply(h1.state('v1', 'running'), h1.state('v2', 'running'), h1.state('v3', 'running'));
      const rows = [
        { vm: 'v2', state: 'running' },
        { vm: 'v3', state: 'paused' },
      ] as const;
      const parts = h1.snapshot(rows, 1);
      await scene.applyEach(...parts.slice(1), ...parts.slice(1));
      expect(await scene.truth('v1')).toMatchObject({ state: 'running' });
      await scene.applyEach(...parts.slice(0, 1));
      expect(await scene.truth('v1')).toMatchObject({ state: 'unknown', lastState: 'running' });
      expect(await scene.truth('v2')).toMatchObject({ state: 'running' });
      const [sighting] = (await scene.store.vm('v1'))?.sightings ?? [];
      expect(sighting?.registers.state).toMatchObject({
        version: { epoch: 1, seq: 5 },
        value: { state: 'absent', lastPresent: 'running', reason: 'absent from a complete listing' },
      });
    });

    test('an empty snapshot makes every VM of its host absent, and none of another', async () => {
      await using scene = await Scene.of(options);
      const [h1, h2] = await scene.hosts(['h1', 'h2']);
      await scene.apply(h1.state('v1', 'running'), h1.state('v2', 'stopped'), h2.state('v3', 'running'));
      await scene.apply(...h1.snapshot([]));
      expect(await scene.ids({ states: ['unknown'] })).toEqual(['v1', 'v2']);
      expect(await scene.truth('v3')).toMatchObject({ state: 'running' });
    });

    test('an event newer than the snapshot outlives it, in whichever order they come', async () => {
      await using scene = await Scene.of(options);
      const [h1] = await scene.hosts(['h1']);
      const [snapshot] = h1.snapshot([]);
      const after = h1.state('v1', 'running');
      if (snapshot === undefined) throw new Error('one part');
      await scene.applyEach(after, snapshot);
      expect(await scene.truth('v1')).toMatchObject({ state: 'running' });
    });

    test('what a snapshot lacked cannot be made present again by anything at or below its version', async () => {
      await using scene = await Scene.of(options);
      const [h1] = await scene.hosts(['h1']);
      const known = h1.state('v1', 'running');
      const old = h1.state('v1', 'paused');
      const neverSeen = h1.state('v2', 'running');
      await scene.apply(known);
      await scene.apply(...h1.snapshot([]));
      await scene.applyEach(old, neverSeen);
      expect(await scene.ids({ states: ['running', 'paused'] })).toEqual([]);
      expect(await scene.truth('v1')).toMatchObject({ state: 'unknown', lastState: 'paused' });
      expect(await scene.truth('v2')).toMatchObject({ state: 'unknown', lastState: 'running' });
      await scene.apply(h1.state('v1', 'running'));
      expect(await scene.truth('v1')).toMatchObject({ state: 'running' });
    });

    test('an older snapshot that completes after a newer one takes nothing back', async () => {
      await using scene = await Scene.of(options);
      const [h1] = await scene.hosts(['h1']);
      const older = h1.snapshot(
        [
          { vm: 'v1', state: 'running' },
          { vm: 'v2', state: 'running' },
        ],
        1,
      );
      const newer = h1.snapshot([{ vm: 'v1', state: 'paused' }]);
      await scene.applyEach(...older.slice(0, 1), ...newer, ...older.slice(1));
      expect(await scene.truth('v1')).toMatchObject({ state: 'paused' });
      expect(await scene.truth('v2')).toMatchObject({ state: 'unknown', lastState: 'running' });
    });

    test('parts of two snapshots may mix; each completes by itself', async () => {
      await using scene = await Scene.of(options);
      const [h1] = await scene.hosts(['h1']);
      await scene.apply(h1.state('v9', 'running'));
      const rows = [
        { vm: 'v1', state: 'running' },
        { vm: 'v2', state: 'running' },
      ] as const;
      const [a1, a2] = h1.snapshot(rows, 1);
      const [b1, b2] = h1.snapshot(rows, 1);
      if (!a1 || !a2 || !b1 || !b2) throw new Error('two parts each');
      await scene.applyEach(b2, a1);
      expect(await scene.truth('v9')).toMatchObject({ state: 'running' });
      await scene.applyEach(b1);
      expect(await scene.truth('v9')).toMatchObject({ state: 'unknown' });
      expect((await scene.apply(a2)).statuses).toEqual(['stale']);
    });

    test('M1: a snapshot without a VM that moved away leaves it moved away', async () => {
      await using scene = await Scene.of(options);
      const [h1] = await scene.hosts(['h1']);
      await scene.apply(h1.state('v1', 'running'), h1.state('v1', 'migrated_away', { lastPresent: 'migrating_out' }));
      await scene.apply(...h1.snapshot([]));
      expect(await scene.truth('v1')).toMatchObject({
        state: 'unknown',
        detail: 'moved: the destination has not been seen',
      });
      await scene.confirm(h1);
      expect(await scene.truth('v1')).toMatchObject({ state: 'unknown' });
    });

    test('a snapshot that repeats what is known moves versions and publishes nothing', async () => {
      await using scene = await Scene.of(options);
      const [h1] = await scene.hosts(['h1']);
      const row = { vm: 'v1', state: 'running', addresses: [address('10.0.0.1')] } as const;
      await scene.apply(...h1.snapshot([row]));
      await scene.fleetEvents();
      const before = await scene.record('v1');
      const { statuses, outboxed } = await scene.apply(...h1.snapshot([row]));
      expect({ statuses, outboxed }).toEqual({ statuses: ['applied'], outboxed: 0 });
      expect((await scene.record('v1'))?.vmVersion).toBe(before?.vmVersion);
      expect((await scene.store.vm('v1'))?.sightings[0]?.registers.state?.version.seq).toBe(2);
      expect((await scene.store.host('h1'))?.snapshot).toEqual({ epoch: 1, seq: 2 });
    });

    test('F2: a snapshot of 2,000 VMs in many parts, backwards', async () => {
      await using scene = await Scene.of(options);
      const [h1] = await scene.hosts(['h1']);
      await scene.apply(h1.state('left-behind', 'running'));
      const rows = Array.from({ length: 2_000 }, (_, at) => ({ vm: `v${at}`, state: 'running' }) as const);
      await scene.apply(...h1.snapshot(rows, 64).reverse());
      expect((await scene.store.counts()).vms).toEqual({ running: 2_000, unknown: 1 });
    });
  });
}
