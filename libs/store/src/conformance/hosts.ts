import type { HostMode } from '@vedette/model';
import { describe, expect, test } from 'vitest';
import { durableTest, Scene, type StoreConformanceOptions } from './scene.ts';
import { coverage } from './scripted-observer.ts';

const failureMs = 6_000;

/** Hosts: registration, what the fleet is told of them, who watches them and how old knowledge is (I12). */
export function hostConformance(options: StoreConformanceOptions): void {
  describe('hosts', () => {
    test('each new or changed host is one HostChanged; the same again is none', async () => {
      await using scene = await Scene.of(options);
      const host = { id: 'h1', name: 'one', realm: 'r1', url: 'test://h1' };
      await scene.store.registerHosts([host]);
      await scene.store.registerHosts([host]);
      await scene.store.registerHosts([{ ...host, url: 'test://other' }]);
      const [first, second, ...more] = await scene.fleetEvents();
      expect(more).toEqual([]);
      expect(first).toMatchObject({
        id: 'host/h1/1',
        subject: 'vedette.v1.fleet.host.h1',
        type: 'vedette.HostChanged.v1',
      });
      expect(first?.data).toEqual({
        position: 1,
        host: 'h1',
        hostVersion: 1,
        name: 'one',
        realm: 'r1',
        state: 'connecting',
        mode: 'active',
        reason: '',
        vms: 0,
      });
      expect(second?.data).toMatchObject({ position: 2, hostVersion: 2, from: 'connecting', state: 'connecting' });
    });

    test('D2: a host that cannot be identified is refused, and the others with it', async () => {
      await using scene = await Scene.of(options);
      const good = { id: 'h1', name: '', realm: 'r1', url: 'test://h1' };
      const bad = { ...good, id: 'a\u0000b' };
      await expect(scene.store.registerHosts([good, bad])).rejects.toMatchObject({
        code: 'VDT_STORE_IDENTIFIER',
        path: '/1/id',
      });
      await expect(scene.store.registerHosts([{ ...good, realm: '' }])).rejects.toMatchObject({ path: '/0/realm' });
      expect((await scene.store.hosts({}, { limit: 10 })).items).toEqual([]);
      expect(await scene.fleetEvents()).toEqual([]);
    });

    test('D2: an id that marks a provider is refused as that of a host', async () => {
      await using scene = await Scene.of(options);
      const host = { id: '@cloud', name: 'cloud', realm: 'r1', url: 'test://cloud' };
      await expect(scene.store.registerHosts([host])).rejects.toMatchObject({
        code: 'VDT_STORE_IDENTIFIER',
        path: '/0/id',
      });
      expect(await scene.store.host('@cloud')).toBeUndefined();
    });

    test('N11: who named a host last, and who removed it, is kept; nobody else is told of that', async () => {
      await using scene = await Scene.of(options);
      const host = { id: 'h1', name: 'one', realm: 'r1', url: 'test://h1' };
      await scene.store.registerHosts([host]);
      expect(await scene.store.host('h1')).toMatchObject({ origin: 'configuration', removedBy: undefined });
      await scene.store.registerHosts([{ ...host, origin: 'person' }]);
      expect(await scene.store.host('h1')).toMatchObject({ origin: 'person', hostVersion: 1 });
      await scene.store.removeHosts(['h1'], 'anna');
      expect(await scene.store.host('h1')).toMatchObject({ origin: 'person', removedBy: 'anna' });
      await scene.store.registerHosts([host]);
      expect(await scene.store.host('h1')).toMatchObject({ origin: 'configuration', removedBy: undefined });
    });

    test('a mode ends with the removal: whoever adds the host again finds it active', async () => {
      await using scene = await Scene.of(options);
      await scene.hosts(['h1']);
      await scene.store.setHostMode('h1', 'maintenance');
      await scene.hosts(['h1']);
      expect(await scene.store.host('h1')).toMatchObject({ mode: 'maintenance' });
      await scene.store.removeHosts(['h1'], 'anna');
      await scene.hosts(['h1']);
      expect(await scene.store.host('h1')).toMatchObject({ mode: 'active' });
    });

    test('hosts can be asked for by mode', async () => {
      await using scene = await Scene.of(options);
      await scene.hosts(['h1', 'h2', 'h3']);
      await scene.store.setHostMode('h2', 'draining');
      const idsOf = async (mode: HostMode): Promise<string[]> =>
        (await scene.store.hosts({ mode }, { limit: 10 })).items.map(({ id }) => id);
      expect(await idsOf('draining')).toEqual(['h2']);
      expect(await idsOf('active')).toEqual(['h1', 'h3']);
      expect(await idsOf('maintenance')).toEqual([]);
    });

    durableTest(options)('N11: origin, tombstone and mode outlive the process', async () => {
      await using scene = await Scene.of(options);
      await scene.hosts(['h1', 'h2']);
      await scene.store.registerHosts([{ id: 'h3', name: 'h3', realm: 'r1', url: 'test://h3', origin: 'person' }]);
      await scene.store.setHostMode('h1', 'draining');
      await scene.store.removeHosts(['h2'], 'anna');
      await scene.reopen();
      const { items } = await scene.store.hosts({}, { limit: 10 });
      expect(items.map(({ id, origin, mode, removedBy }) => [id, origin, mode, removedBy])).toEqual([
        ['h1', 'configuration', 'draining', undefined],
        ['h2', 'configuration', 'active', 'anna'],
        ['h3', 'person', 'active', undefined],
      ]);
    });

    test('what a host says of itself merges by version; what is left out is kept', async () => {
      await using scene = await Scene.of(options);
      const [h1] = await scene.hosts(['h1']);
      const first = h1.hostState('up', { hostUuid: 'u1', capabilities: { kvm: true } });
      const second = h1.hostState('non_operational', { reason: 'kvm: missing' });
      expect((await scene.apply(second, first)).statuses).toEqual(['applied', 'applied']);
      expect(await scene.store.host('h1')).toMatchObject({
        state: 'non_operational',
        reason: 'kvm: missing',
        hostUuid: 'u1',
        capabilities: { kvm: true },
        observable: true,
        epoch: 1,
      });
      expect((await scene.apply(first)).statuses).toEqual(['stale']);
    });

    test('a host that says the same again gives no event', async () => {
      await using scene = await Scene.of(options);
      const [h1] = await scene.hosts(['h1']);
      await scene.apply(h1.hostState('up'));
      expect((await scene.apply(h1.hostState('up'))).outboxed).toBe(0);
    });

    test('N11: a removed host is told once; its VMs read as unknown; registering it again undoes that', async () => {
      await using scene = await Scene.of(options);
      const [h1] = await scene.hosts(['h1', 'h2']);
      await scene.apply(h1.state('v1', 'running'), h1.hostState('up'));
      await scene.fleetEvents();
      await scene.store.removeHosts(['h1'], 'anna');
      await scene.store.removeHosts(['h1'], 'bert');
      expect(await scene.fleetWords()).toEqual(['h1: removed']);
      expect(await scene.store.host('h1')).toMatchObject({
        state: 'removed',
        reason: 'removed by anna',
        observable: false,
      });
      expect(await scene.truth('v1')).toMatchObject({
        state: 'unknown',
        lastState: 'running',
        detail: 'removed: h1 was removed',
      });
      await scene.hosts(['h1']);
      expect(await scene.fleetWords()).toEqual(['h1: up']);
      expect(await scene.truth('v1')).toMatchObject({ state: 'running' });
    });

    test('N11: nobody calls the absent VM of a removed host gone; it waits again when the host is back', async () => {
      await using scene = await Scene.of(options);
      const [h1, h2] = await scene.hosts(['h1', 'h2']);
      await scene.apply(h1.state('v1', 'running'), h1.state('v1', 'absent', { lastPresent: 'running' }));
      await scene.store.removeHosts(['h1'], 'anna');
      await scene.confirm(h2);
      expect(await scene.truth('v1')).toMatchObject({ state: 'unknown', detail: 'removed: h1 was removed' });
      expect(await scene.store.castMark()).toBeUndefined();
      const [again] = await scene.hosts(['h1']);
      await scene.confirm(again, h2);
      expect(await scene.truth('v1')).toMatchObject({ state: 'gone' });
    });

    test('a host that was never registered can be neither removed nor given a mode', async () => {
      await using scene = await Scene.of(options);
      await scene.hosts(['h1']);
      await expect(scene.store.removeHosts(['h1', 'h9'], 'anna')).rejects.toMatchObject({
        code: 'VDT_STORE_UNKNOWN_HOST',
      });
      await expect(scene.store.setHostMode('h9', 'draining')).rejects.toMatchObject({ code: 'VDT_STORE_UNKNOWN_HOST' });
      expect(await scene.store.host('h1')).toMatchObject({ state: 'connecting' });
      expect(await scene.store.host('h9')).toBeUndefined();
    });

    test('a mode is told, and suppresses nothing that is known', async () => {
      await using scene = await Scene.of(options);
      const [h1] = await scene.hosts(['h1']);
      await scene.apply(h1.state('v1', 'running'));
      await scene.fleetEvents();
      await scene.store.setHostMode('h1', 'maintenance');
      await scene.store.setHostMode('h1', 'maintenance');
      const events = await scene.fleetEvents();
      expect(events).toHaveLength(1);
      expect(events[0]?.data).toMatchObject({ host: 'h1', mode: 'maintenance', vms: 1 });
      expect(await scene.truth('v1')).toMatchObject({ state: 'running' });
    });

    test('a host that moves to another realm takes its VMs along', async () => {
      await using scene = await Scene.of(options);
      const [h1] = await scene.hosts(['h1']);
      await scene.apply(h1.state('v1', 'running'), h1.state('v2', 'stopped'));
      await scene.store.registerHosts([{ id: 'h1', name: 'h1', realm: 'r2', url: 'test://h1' }]);
      expect(await scene.ids({ realm: 'r2' })).toEqual(['v1', 'v2']);
      expect(await scene.ids({ realm: 'r1' })).toEqual([]);
    });

    test('N10: hosts of a silent member are unwatched within the failure time, and back with its next word', async () => {
      await using scene = await Scene.of(options);
      const [h1] = await scene.hosts(['h1', 'h2']);
      await scene.apply(h1.state('v1', 'running'), h1.hostState('up'));
      await scene.store.applyCoverage(coverage('m1', 1, { exceptions: { h1: 0 } }));
      await scene.store.applyCoverage(coverage('m2', 1, { exceptions: { h2: 0 } }));
      await scene.fleetEvents();
      await scene.clock.advance(4_000);
      await scene.store.applyCoverage(coverage('m2', 1));
      await scene.clock.advance(2_500);
      expect((await scene.store.judgeCoverage(failureMs)).outboxed).toBe(1);
      expect((await scene.store.judgeCoverage(failureMs)).outboxed).toBe(0);
      expect(await scene.fleetWords()).toEqual(['h1: unwatched']);
      expect(await scene.truth('v1')).toMatchObject({
        state: 'unknown',
        lastState: 'running',
        detail: 'unwatched: nobody watches h1',
      });
      expect((await scene.store.applyCoverage(coverage('m1', 1))).outboxed).toBe(1);
      expect(await scene.fleetWords()).toEqual(['h1: up']);
      expect(await scene.truth('v1')).toMatchObject({ state: 'running' });
    });

    test('I12: a host that nobody has spoken for since the store was opened becomes unwatched; a removed one never', async () => {
      await using scene = await Scene.of(options);
      await scene.hosts(['h1', 'h2']);
      await scene.store.removeHosts(['h2'], 'anna');
      await scene.clock.advance(failureMs);
      expect((await scene.store.judgeCoverage(failureMs)).outboxed).toBe(0);
      await scene.clock.advance(1);
      expect((await scene.store.judgeCoverage(failureMs)).outboxed).toBe(1);
      expect(await scene.store.host('h1')).toMatchObject({ state: 'unwatched', observable: false });
      expect(await scene.store.host('h2')).toMatchObject({ state: 'removed' });
    });

    test('I12: a host whose observer was closed is watched by nobody', async () => {
      await using scene = await Scene.of(options);
      const [h1] = await scene.hosts(['h1', 'h2']);
      await scene.store.applyCoverage(coverage('m1', 2));
      await scene.store.closeObserver('h1', h1.epoch);
      await scene.clock.advance(failureMs + 1);
      await scene.store.applyCoverage(coverage('m1', 1));
      await scene.store.judgeCoverage(failureMs);
      expect(await scene.store.host('h1')).toMatchObject({ state: 'unwatched' });
      expect(await scene.store.host('h2')).toMatchObject({ state: 'connecting' });
    });

    test('F8: the wall clock jumping makes nobody unwatched', async () => {
      await using scene = await Scene.of(options);
      await scene.hosts(['h1']);
      await scene.store.applyCoverage(coverage('m1', 1));
      scene.clock.jumpWall(3_600_000);
      expect((await scene.store.judgeCoverage(failureMs)).outboxed).toBe(0);
      scene.clock.jumpWall(-7_200_000);
      expect((await scene.store.judgeCoverage(failureMs)).outboxed).toBe(0);
      expect((await scene.store.host('h1'))?.ageMs).toBe(0);
    });

    test('I12: every record shows the age of the last proof', async () => {
      await using scene = await Scene.of(options);
      const [h1] = await scene.hosts(['h1', 'h2', 'h3']);
      await scene.apply(h1.state('v1', 'running'));
      expect((await scene.record('v1'))?.ageMs).toBeNull();
      await scene.store.applyCoverage(coverage('m1', 3, { provedAgoMs: 100, exceptions: { h2: 5_000, h3: null } }));
      await scene.clock.advance(1_000);
      const ages = await Promise.all(['h1', 'h2', 'h3'].map(async (id) => (await scene.store.host(id))?.ageMs));
      expect(ages).toEqual([1_100, 6_000, null]);
      expect((await scene.record('v1'))?.ageMs).toBe(1_100);
      expect((await scene.store.vms({}, { limit: 1 })).items[0]?.ageMs).toBe(1_100);
      expect((await scene.store.hosts({}, { limit: 1 })).items[0]?.ageMs).toBe(1_100);
    });

    test('a member that has not proved a host in its present run wipes no earlier proof', async () => {
      await using scene = await Scene.of(options);
      await scene.hosts(['h1']);
      await scene.store.applyCoverage(coverage('m1', 1));
      await scene.clock.advance(2_000);
      await scene.store.applyCoverage(coverage('m1', 1, { exceptions: { h1: null } }));
      expect((await scene.store.host('h1'))?.ageMs).toBe(2_000);
    });

    test('D1: a coverage that names strange hosts is taken for what it says of ours', async () => {
      await using scene = await Scene.of(options);
      await scene.hosts(['h1']);
      const exceptions = JSON.parse('{"__proto__": 5, "constructor": 7, "h9": 9}') as Record<string, number>;
      await scene.store.applyCoverage(coverage('m1', 1, { provedAgoMs: 20, exceptions }));
      expect((await scene.store.host('h1'))?.ageMs).toBe(20);
      expect(await scene.store.host('h9')).toBeUndefined();
    });

    durableTest(options)('ages are shown after a restart, by the wall clock, and judging starts anew', async () => {
      await using scene = await Scene.of(options);
      const [h1] = await scene.hosts(['h1', 'h2']);
      await scene.apply(h1.state('v1', 'running'), h1.hostState('up'));
      await scene.store.applyCoverage(coverage('m1', 2, { provedAgoMs: 100, exceptions: { h2: null } }));
      await scene.clock.advance(60_000);
      await scene.reopen();
      expect((await scene.record('v1'))?.ageMs).toBe(60_100);
      expect((await scene.store.host('h2'))?.ageMs).toBeNull();
      expect((await scene.store.judgeCoverage(failureMs)).outboxed).toBe(0);
      expect(await scene.truth('v1')).toMatchObject({ state: 'running' });
      await scene.clock.advance(failureMs + 1);
      expect((await scene.store.judgeCoverage(failureMs)).outboxed).toBe(2);
      expect(await scene.truth('v1')).toMatchObject({ state: 'unknown', lastState: 'running' });
    });
  });
}
