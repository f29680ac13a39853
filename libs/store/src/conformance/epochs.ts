import { describe, expect, test } from 'vitest';
import { durableTest, Scene, type StoreConformanceOptions } from './scene.ts';
import { address, ScriptedObserver } from './scripted-observer.ts';

/** I1: epochs are minted here, and only the newest of an observer counts. */
export function epochConformance(options: StoreConformanceOptions): void {
  describe('epochs', () => {
    test('I1: each opening mints the next epoch, for each observer by itself', async () => {
      await using scene = await Scene.of(options);
      await scene.hosts(['h1', 'h2']);
      expect((await scene.store.openObserver('h1')).epoch).toBe(2);
      expect((await scene.store.openObserver('h1')).epoch).toBe(3);
      expect((await scene.store.openObserver('h2')).epoch).toBe(2);
    });

    test('I1: openings at the same time never share an epoch', async () => {
      await using scene = await Scene.of(options);
      await scene.hosts(['h1']);
      const openings = await Promise.all(Array.from({ length: 8 }, () => scene.store.openObserver('h1')));
      expect(new Set(openings.map((opening) => opening.epoch))).toEqual(new Set([2, 3, 4, 5, 6, 7, 8, 9]));
    });

    test('F6: an event of an older epoch is superseded and changes nothing', async () => {
      await using scene = await Scene.of(options);
      const [old] = await scene.hosts(['h1']);
      const now = await scene.open('h1');
      await scene.apply(now.state('v1', 'running'));
      const before = await scene.store.vm('v1');
      const { statuses, outboxed } = await scene.apply(old.state('v1', 'stopped'), old.state('v2', 'running'));
      expect(statuses).toEqual(['superseded', 'superseded']);
      expect(outboxed).toBe(0);
      expect(await scene.store.vm('v1')).toEqual(before);
      expect(await scene.store.vm('v2')).toBeUndefined();
    });

    test('an observer that was never opened, or claims an epoch never minted, is unknown', async () => {
      await using scene = await Scene.of(options);
      await scene.hosts(['h1']);
      const stranger = new ScriptedObserver('h9', 1);
      const ahead = new ScriptedObserver('h1', 7);
      const { statuses } = await scene.apply(stranger.state('v1', 'running'), ahead.state('v1', 'running'));
      expect(statuses).toEqual(['unknown_observer', 'unknown_observer']);
      expect(await scene.ids()).toEqual([]);
    });

    test('a host that is registered and never opened is unknown as an observer', async () => {
      await using scene = await Scene.of(options);
      await scene.store.registerHosts([{ id: 'h1', name: '', realm: 'r1', url: 'test://h1' }]);
      const { statuses } = await scene.apply(new ScriptedObserver('h1', 1).state('v1', 'running'));
      expect(statuses).toEqual(['unknown_observer']);
    });

    test('the first opening is the first contact and gives nothing', async () => {
      await using scene = await Scene.of(options);
      await scene.store.registerHosts([{ id: 'h1', name: '', realm: 'r1', url: 'test://h1' }]);
      expect(await scene.store.openObserver('h1')).toEqual({
        epoch: 1,
        firstContact: true,
        cleanEnd: false,
        vms: [],
        hostUuid: undefined,
        hostState: undefined,
      });
    });

    test('a later opening gives what was published and is still seen, without documents', async () => {
      await using scene = await Scene.of(options);
      const [h1, h2] = await scene.hosts(['h1', 'h2']);
      const running = h1.state('v1', 'running');
      await scene.apply(running, h1.addresses('v1', [address('10.0.0.1')]), h1.config('v1', 'web', '1'));
      await scene.apply(h1.state('v2', 'running'), h1.state('v2', 'absent', { lastPresent: 'running' }));
      await scene.apply(h1.hostState('up', { hostUuid: 'u-1', capabilities: { kvm: true } }));
      await scene.apply(h2.state('v3', 'running'));
      const opening = await scene.store.openObserver('h1');
      expect(opening).toMatchObject({
        epoch: 2,
        firstContact: false,
        cleanEnd: false,
        hostUuid: 'u-1',
        hostState: 'up',
      });
      expect(opening.vms).toEqual([
        {
          vm: 'v1',
          registers: {
            state: { version: { epoch: 1, seq: 1 }, value: expect.objectContaining({ state: 'running' }) },
            addresses: { version: { epoch: 1, seq: 2 }, value: [address('10.0.0.1')] },
            config: {
              version: { epoch: 1, seq: 3 },
              value: { name: 'web', hashes: { info: 'i1', config: 'c1' } },
            },
          },
        },
      ]);
    });

    test('what a complete snapshot lacked is not given back at the next opening', async () => {
      await using scene = await Scene.of(options);
      const [h1] = await scene.hosts(['h1']);
      await scene.apply(h1.state('v1', 'running'), h1.state('v2', 'running'));
      await scene.apply(...h1.snapshot([{ vm: 'v2', state: 'running' }]));
      expect((await scene.store.openObserver('h1')).vms.map(({ vm }) => vm)).toEqual(['v2']);
    });

    test('M1: a VM that moved away is given back as such: its host may list it still', async () => {
      await using scene = await Scene.of(options);
      const [h1] = await scene.hosts(['h1']);
      await scene.apply(
        h1.state('v1', 'migrating_out'),
        h1.state('v1', 'migrated_away', { lastPresent: 'migrating_out' }),
      );
      const [given] = (await scene.store.openObserver('h1')).vms;
      expect(given?.registers.state?.value).toMatchObject({ state: 'migrated_away', lastPresent: 'migrating_out' });
    });

    test('closing the present epoch makes the next opening a clean one; any other epoch is refused', async () => {
      await using scene = await Scene.of(options);
      const [h1] = await scene.hosts(['h1']);
      expect(await scene.store.closeObserver('h1', 2)).toBe(false);
      expect(await scene.store.closeObserver('h9', 1)).toBe(false);
      expect(await scene.store.closeObserver('h1', h1.epoch)).toBe(true);
      const opening = await scene.store.openObserver('h1');
      expect(opening.cleanEnd).toBe(true);
      expect(await scene.store.closeObserver('h1', h1.epoch)).toBe(false);
      expect((await scene.store.openObserver('h1')).cleanEnd).toBe(false);
    });

    test('an end is not clean while an event in between is missing', async () => {
      await using scene = await Scene.of(options);
      const [h1] = await scene.hosts(['h1']);
      h1.state('v1', 'running'); // published, and never delivered
      await scene.apply(h1.state('v2', 'running'));
      await scene.store.closeObserver('h1', h1.epoch);
      expect((await scene.store.openObserver('h1')).cleanEnd).toBe(false);
    });

    test('D2: an observer needs an identifier', async () => {
      await using scene = await Scene.of(options);
      for (const id of ['', 'x'.repeat(81), 'a\nb', '__proto__']) {
        await expect(scene.store.openObserver(id)).rejects.toMatchObject({ code: 'VDT_STORE_IDENTIFIER' });
      }
    });

    durableTest(options)('F10: a restart keeps everything, and epochs go on growing', async () => {
      await using scene = await Scene.of(options);
      const [h1] = await scene.hosts(['h1']);
      await scene.apply(h1.state('v1', 'running'), h1.addresses('v1', [address('10.0.0.1')]), h1.hostState('up'));
      await scene.apply(h1.config('v1', 'web', '1'), h1.guest('v1', 'g1'), h1.conditions('v1', ['memory']));
      const identity = await scene.store.identity();
      const vm = await scene.store.vm('v1');
      const host = await scene.store.host('h1');
      const history = await scene.store.history('v1', { limit: 100 });
      await scene.reopen();
      expect(await scene.store.identity()).toEqual(identity);
      expect(await scene.store.vm('v1')).toEqual(vm);
      expect(await scene.store.host('h1')).toEqual(host);
      expect(await scene.store.history('v1', { limit: 100 })).toEqual(history);
      expect((await scene.store.openObserver('h1')).epoch).toBe(h1.epoch + 1);
      expect((await scene.apply(h1.state('v1', 'stopped'))).statuses).toEqual(['superseded']);
    });
  });
}
