import { describe, expect, test } from 'vitest';
import { durableTest, Scene, type StoreConformanceOptions } from './scene.ts';
import { coverage } from './scripted-observer.ts';

/** Marks: nothing is gone before everybody who could know has said so. */
export function disappearanceConformance(options: StoreConformanceOptions): void {
  describe('disappearance', () => {
    test('N3: absent everywhere in its realm: unknown, naming who has not answered, then gone once', async () => {
      await using scene = await Scene.of(options);
      const [h1, h2] = await scene.hosts(['h1', 'h2']);
      await scene.hosts(['h3'], 'r2');
      await scene.apply(h1.state('v1', 'running'));
      await scene.fleetEvents();
      await scene.apply(...h1.snapshot([]));
      expect(await scene.truth('v1')).toMatchObject({ state: 'unknown', detail: 'absent: waiting for h1, h2' });
      expect((await scene.store.host('h2'))?.waiting).toBe(1);
      expect((await scene.store.host('h3'))?.waiting).toBe(0);
      await scene.confirm(h1);
      expect(await scene.truth('v1')).toMatchObject({ state: 'unknown', detail: 'absent: waiting for h2' });
      await scene.confirm(h1, h2);
      expect(await scene.truth('v1')).toMatchObject({ state: 'gone', lastState: 'running' });
      expect(await scene.fleetWords()).toEqual(['unknown v1: unknown', 'gone v1: gone']);
      expect((await scene.store.host('h2'))?.waiting).toBe(0);
      await scene.confirm(h1, h2);
      expect(await scene.fleetWords()).toEqual([]);
    });

    test('N3: a host that does not answer holds it, unwatched or not, until it answers', async () => {
      await using scene = await Scene.of(options);
      const [h1, h2] = await scene.hosts(['h1', 'h2']);
      await scene.apply(h1.state('v1', 'running'), h1.state('v1', 'absent', { lastPresent: 'running' }));
      await scene.apply(h2.hostState('non_responsive'));
      await scene.confirm(h1);
      scene.clock.jumpWall(86_400_000);
      expect(await scene.truth('v1')).toMatchObject({ state: 'unknown', detail: 'absent: waiting for h2' });
      await scene.apply(h2.hostState('up'));
      await scene.confirm(h2);
      expect(await scene.truth('v1')).toMatchObject({ state: 'gone' });
    });

    test('N3: a person removing the host that does not answer ends the waiting', async () => {
      await using scene = await Scene.of(options);
      const [h1] = await scene.hosts(['h1', 'h2']);
      await scene.apply(h1.state('v1', 'running'), h1.state('v1', 'absent', { lastPresent: 'running' }));
      await scene.confirm(h1);
      await scene.fleetEvents();
      await scene.store.removeHosts(['h2'], 'anna');
      expect(await scene.fleetWords()).toEqual(['h2: removed', 'gone v1: gone']);
    });

    test('marks grow, and are minted only while somebody waits', async () => {
      await using scene = await Scene.of(options);
      const [h1] = await scene.hosts(['h1']);
      await scene.apply(h1.state('v1', 'running'));
      expect(await scene.store.castMark()).toBeUndefined();
      expect(await scene.store.pendingConfirmations()).toEqual({ vms: 0, waitingFor: [] });
      await scene.apply(h1.state('v1', 'absent', { lastPresent: 'running' }));
      expect(await scene.store.pendingConfirmations()).toEqual({ vms: 1, waitingFor: ['h1'] });
      expect(await scene.store.castMark()).toEqual({ mark: 1, realms: ['r1'] });
      expect(await scene.store.castMark()).toEqual({ mark: 2, realms: ['r1'] });
    });

    test('a mark cast before the absence was committed confirms nothing', async () => {
      await using scene = await Scene.of(options);
      const [h1] = await scene.hosts(['h1']);
      await scene.apply(h1.state('v1', 'running'), h1.state('v2', 'running'));
      await scene.apply(h1.state('v1', 'absent', { lastPresent: 'running' }));
      const cast = await scene.store.castMark();
      await scene.apply(h1.state('v2', 'absent', { lastPresent: 'running' }));
      const marks = [{ host: 'h1', mark: cast?.mark ?? 0, version: h1.version }];
      await scene.store.applyCoverage(coverage('m1', 1, { marks }));
      expect(await scene.truth('v1')).toMatchObject({ state: 'gone' });
      expect(await scene.truth('v2')).toMatchObject({ state: 'unknown' });
    });

    test('an echo counts only once everything up to its version is applied', async () => {
      await using scene = await Scene.of(options);
      const [h1] = await scene.hosts(['h1']);
      await scene.apply(h1.state('v1', 'running'), h1.state('v1', 'absent', { lastPresent: 'running' }));
      const back = h1.state('v1', 'running');
      const other = h1.state('v2', 'running');
      await scene.apply(other);
      await scene.confirm(h1);
      expect(await scene.truth('v1')).toMatchObject({ state: 'unknown' });
      await scene.apply(back);
      expect(await scene.truth('v1')).toMatchObject({ state: 'running' });
      expect((await scene.fleetWords()).filter((word) => word.includes('gone'))).toEqual([]);
    });

    test('an echo that came too early counts when the missing event does come', async () => {
      await using scene = await Scene.of(options);
      const [h1] = await scene.hosts(['h1']);
      await scene.apply(h1.state('v1', 'running'), h1.state('v1', 'absent', { lastPresent: 'running' }));
      const late = h1.state('v2', 'running');
      await scene.confirm(h1);
      expect(await scene.truth('v1')).toMatchObject({ state: 'unknown' });
      const { outboxed } = await scene.apply(late);
      expect(outboxed).toBe(2);
      expect(await scene.truth('v1')).toMatchObject({ state: 'gone' });
    });

    test('a complete snapshot stands for events before it that never come', async () => {
      await using scene = await Scene.of(options);
      const [h1] = await scene.hosts(['h1']);
      await scene.apply(h1.state('v1', 'running'));
      h1.state('v2', 'running'); // lost for good
      await scene.apply(...h1.snapshot([{ vm: 'v2', state: 'running' }]));
      await scene.confirm(h1);
      expect(await scene.truth('v1')).toMatchObject({ state: 'gone' });
    });

    test('an echo of an older epoch, of a mark never cast, or of a stranger counts for nothing', async () => {
      await using scene = await Scene.of(options);
      const [old] = await scene.hosts(['h1']);
      await scene.apply(old.state('v1', 'running'), old.state('v1', 'absent', { lastPresent: 'running' }));
      const now = await scene.open('h1');
      const cast = (await scene.store.castMark())?.mark ?? 0;
      const marks = [
        { host: 'h1', mark: cast, version: old.version },
        { host: 'h1', mark: cast + 5, version: now.version },
        { host: 'h9', mark: cast, version: now.version },
      ];
      await scene.store.applyCoverage(coverage('m1', 1, { marks }));
      expect(await scene.truth('v1')).toMatchObject({ state: 'unknown' });
      await scene.confirm(now);
      expect(await scene.truth('v1')).toMatchObject({ state: 'gone' });
    });

    test('a host registered meanwhile has to answer as well', async () => {
      await using scene = await Scene.of(options);
      const [h1] = await scene.hosts(['h1']);
      await scene.apply(h1.state('v1', 'running'), h1.state('v1', 'absent', { lastPresent: 'running' }));
      await scene.hosts(['h2']);
      await scene.confirm(h1);
      expect(await scene.truth('v1')).toMatchObject({ state: 'unknown', detail: 'absent: waiting for h2' });
    });

    test('absent where it ran, and a stopped definition elsewhere: stopped there, once confirmed', async () => {
      await using scene = await Scene.of(options);
      const [h1, h2] = await scene.hosts(['h1', 'h2']);
      await scene.applyEach(h2.state('v1', 'running'), h2.state('v1', 'stopped'), h1.state('v1', 'running'));
      await scene.apply(...h1.snapshot([]));
      expect(await scene.truth('v1')).toMatchObject({ state: 'unknown' });
      await scene.confirm(h1, h2);
      expect(await scene.truth('v1')).toMatchObject({ state: 'stopped', host: 'h2' });
    });

    test('a VM that comes back while it is waited for is simply there again', async () => {
      await using scene = await Scene.of(options);
      const [h1] = await scene.hosts(['h1']);
      await scene.apply(h1.state('v1', 'running'), h1.state('v1', 'absent', { lastPresent: 'running' }));
      await scene.apply(h1.state('v1', 'running'));
      expect(await scene.record('v1')).toMatchObject({ incarnation: 1, truth: { state: 'running' } });
      expect(await scene.store.castMark()).toBeUndefined();
    });

    durableTest(options)('what waits, and what was echoed, survive a restart', async () => {
      await using scene = await Scene.of(options);
      const [h1, h2] = await scene.hosts(['h1', 'h2']);
      await scene.apply(h1.state('v1', 'running'), h1.state('v1', 'absent', { lastPresent: 'running' }));
      await scene.confirm(h1);
      await scene.reopen();
      expect(await scene.store.pendingConfirmations()).toEqual({ vms: 1, waitingFor: ['h2'] });
      expect(await scene.store.castMark()).toEqual({ mark: 2, realms: ['r1'] });
      const marks = [{ host: 'h2', mark: 2, version: h2.version }];
      await scene.store.applyCoverage(coverage('m1', 2, { marks }));
      expect(await scene.truth('v1')).toMatchObject({ state: 'gone' });
    });

    test('a person forgets a VM that nobody can confirm gone; it returns when somebody sees it', async () => {
      await using scene = await Scene.of(options);
      const [h1, h2] = await scene.hosts(['h1', 'h2']);
      await scene.apply(h1.state('v1', 'running'));
      await scene.store.removeHosts(['h1'], 'anna');
      expect(await scene.truth('v1')).toMatchObject({ state: 'unknown', lastState: 'running' });
      await scene.fleetEvents();
      expect(await scene.store.forgetVM('v1')).toBe(true);
      expect(await scene.store.forgetVM('v9')).toBe(false);
      expect(await scene.fleetWords()).toEqual(['gone v1: gone']);
      await scene.apply(h1.addresses('v1', []));
      expect(await scene.truth('v1')).toMatchObject({ state: 'gone', lastState: 'running' });
      await scene.apply(h2.state('v1', 'running'));
      expect(await scene.record('v1')).toMatchObject({ incarnation: 2, truth: { state: 'running', host: 'h2' } });
    });

    test('a person cannot forget a VM that is seen', async () => {
      await using scene = await Scene.of(options);
      const [h1] = await scene.hosts(['h1']);
      await scene.apply(h1.state('v1', 'running'));
      expect(await scene.store.forgetVM('v1')).toBe(true);
      expect(await scene.truth('v1')).toMatchObject({ state: 'running' });
    });

    test('a forgotten VM whose removed host is registered again and still sees it is back', async () => {
      await using scene = await Scene.of(options);
      const [h1] = await scene.hosts(['h1']);
      await scene.apply(h1.state('v1', 'running'), h1.hostState('up'));
      await scene.store.removeHosts(['h1'], 'anna');
      await scene.store.forgetVM('v1');
      await scene.hosts(['h1']);
      expect(await scene.truth('v1')).toMatchObject({ state: 'running' });
    });
  });
}
