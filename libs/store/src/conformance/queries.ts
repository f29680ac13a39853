import type { VMState } from '@vedette/model';
import { describe, expect, test } from 'vitest';
import type { Page, PageRequest } from '../port.ts';
import { Scene, type StoreConformanceOptions } from './scene.ts';
import { address } from './scripted-observer.ts';

/** Queries: filters, pages, counts, history. */
export function queryConformance(options: StoreConformanceOptions): void {
  describe('queries', () => {
    test('by host, realm, state, text and all of them together', async () => {
      await using scene = await fleet(options);
      expect(await scene.ids()).toEqual(['v1', 'v2', 'v3', 'v4']);
      expect(await scene.ids({ host: 'h1' })).toEqual(['v1', 'v2']);
      expect(await scene.ids({ host: 'h9' })).toEqual([]);
      expect(await scene.ids({ realm: 'r2' })).toEqual(['v3', 'v4']);
      expect(await scene.ids({ states: ['running'] })).toEqual(['v1', 'v3']);
      expect(await scene.ids({ states: ['stopped', 'failed'] })).toEqual(['v2', 'v4']);
      expect(await scene.ids({ states: [] })).toEqual([]);
      expect(await scene.ids({ text: 'WEB' })).toEqual(['v1', 'v3']);
      expect(await scene.ids({ text: 'V2' })).toEqual(['v2']);
      expect(await scene.ids({ text: '%' })).toEqual([]);
      expect(await scene.ids({ host: 'h2', states: ['running'], text: 'web', ip: '10.2.0.0/16' })).toEqual(['v3']);
    });

    test('text is found without case, also beyond ASCII', async () => {
      await using scene = await Scene.of(options);
      const [h1] = await scene.hosts(['h1']);
      await scene.apply(h1.state('v1', 'running'), h1.config('v1', 'Größe_1', '1'));
      await scene.apply(h1.state('v2', 'running'), h1.config('v2', 'größe-2', '2'));
      expect(await scene.ids({ text: 'GRÖSSE' })).toEqual([]);
      expect(await scene.ids({ text: 'GRÖßE' })).toEqual(['v1', 'v2']);
      expect(await scene.ids({ text: 'E_1' })).toEqual(['v1']);
    });

    test('by address and by network, IPv4 and IPv6, each VM once', async () => {
      await using scene = await fleet(options);
      expect(await scene.ids({ ip: '10.1.0.1' })).toEqual(['v1']);
      expect(await scene.ids({ ip: '10.0.0.0/8' })).toEqual(['v1', 'v2', 'v3']);
      expect(await scene.ids({ ip: 'fd00::/8' })).toEqual(['v1']);
      expect(await scene.ids({ ip: 'fd00::0:1' })).toEqual(['v1']);
      expect(await scene.ids({ ip: '::ffff:10.1.0.1' })).toEqual(['v1']);
      expect(await scene.ids({ ip: '192.168.0.0/16' })).toEqual([]);
      for (const limit of [1, 2, 3]) {
        expect(await allIds(scene, { ip: '10.0.0.0/8' }, limit)).toEqual(['v1', 'v2', 'v3']);
      }
    });

    test('S2: an address that is gone finds nothing any more', async () => {
      await using scene = await Scene.of(options);
      const [h1] = await scene.hosts(['h1']);
      await scene.apply(h1.state('v1', 'running'), h1.addresses('v1', [address('10.1.0.1'), address('10.1.0.2')]));
      await scene.apply(h1.addresses('v1', [address('10.1.0.2'), address('10.1.0.3')]));
      const found = await Promise.all([1, 2, 3].map((last) => scene.ids({ ip: `10.1.0.${last}` })));
      expect(found).toEqual([[], ['v1'], ['v1']]);
    });

    test('states are as joined: VMs of a host that cannot be asked are unknown, and nothing else', async () => {
      await using scene = await fleet(options);
      const [h1] = await scene.hosts(['h1']);
      await scene.apply(h1.hostState('non_responsive'));
      expect(await scene.ids({ states: ['unknown'] })).toEqual(['v1', 'v2']);
      expect(await scene.ids({ states: ['running'] })).toEqual(['v3']);
      expect(await scene.ids({ states: ['stopped', 'running', 'unknown'] })).toEqual(['v1', 'v2', 'v3']);
      expect(await scene.ids({ host: 'h1', states: ['running'] })).toEqual([]);
      expect(await scene.ids({ host: 'h1', states: ['unknown'] })).toEqual(['v1', 'v2']);
      expect(await scene.store.counts()).toEqual({
        vms: { unknown: 2, running: 1, failed: 1 },
        hosts: { non_responsive: 1, connecting: 1 },
      });
    });

    test('VMs that are gone are left out unless asked for', async () => {
      await using scene = await Scene.of(options);
      const [h1] = await scene.hosts(['h1']);
      await scene.apply(h1.state('v1', 'running'), h1.state('v2', 'running'), h1.state('v1', 'absent'));
      await scene.confirm(h1);
      expect(await scene.ids()).toEqual(['v2']);
      expect(await scene.ids({ gone: true })).toEqual(['v1', 'v2']);
      expect(await scene.ids({ states: ['gone'] })).toEqual(['v1']);
      expect((await scene.store.counts()).vms).toEqual({ gone: 1, running: 1 });
      expect((await scene.store.host('h1'))?.vms).toBe(1);
    });

    test('pages go through everything once, whatever their size and filter', async () => {
      await using scene = await Scene.of(options);
      const [h1, h2] = await scene.hosts(['h1', 'h2']);
      const states: readonly VMState[] = ['running', 'stopped', 'paused'];
      await scene.apply(
        ...Array.from({ length: 60 }, (_, at) => (at % 2 ? h1 : h2).state(`v${at}`, states[at % 3] ?? 'running')),
      );
      for (const limit of [1, 7, 59, 60, 61]) {
        expect((await allIds(scene, {}, limit)).length).toBe(60);
        expect(await allIds(scene, { states: ['paused'] }, limit)).toHaveLength(20);
        expect(await allIds(scene, { states: ['paused', 'stopped'] }, limit)).toHaveLength(40);
        expect(await allIds(scene, { host: 'h1' }, limit)).toHaveLength(30);
        expect(await allIds(scene, { host: 'h1', states: ['running'] }, limit)).toHaveLength(10);
        expect(await allIds(scene, { text: '5' }, limit)).toHaveLength(15);
      }
    });

    test('the last page has no cursor, also when it is full', async () => {
      await using scene = await Scene.of(options);
      const [h1] = await scene.hosts(['h1']);
      await scene.apply(h1.state('v1', 'running'), h1.state('v2', 'running'));
      expect(await scene.store.vms({}, { limit: 2 })).not.toHaveProperty('cursor');
      expect(await scene.store.hosts({}, { limit: 1 })).not.toHaveProperty('cursor');
      expect(await scene.store.history('v1', { limit: 2 })).not.toHaveProperty('cursor');
    });

    test('a cursor stays right while VMs come and go', async () => {
      await using scene = await Scene.of(options);
      const [h1] = await scene.hosts(['h1']);
      await scene.apply(...['v1', 'v2', 'v3', 'v4'].map((vm) => h1.state(vm, 'running')));
      const first = await scene.store.vms({ states: ['running'] }, { limit: 2 });
      await scene.apply(h1.state('v2', 'stopped'), h1.state('v3', 'stopped'), h1.state('v5', 'running'));
      const second = await scene.store.vms({ states: ['running'] }, { limit: 9, cursor: first.cursor ?? '' });
      expect(second.items.map(({ id }) => id)).toEqual(['v4', 'v5']);
    });

    test('D1: a cursor of another query, or of nobody, is refused', async () => {
      await using scene = await fleet(options);
      const { cursor = '' } = await scene.store.vms({}, { limit: 1 });
      const refused = { code: 'VDT_STORE_CURSOR', path: '/cursor' };
      const odd = Buffer.from('["vms",{"__proto__":1}]').toString('base64url');
      for (const bad of ['', 'x', '%%%', odd, `${cursor.slice(0, 4)}`]) {
        await expect(scene.store.vms({}, { limit: 1, cursor: bad })).rejects.toMatchObject(refused);
      }
      await expect(scene.store.hosts({}, { limit: 1, cursor })).rejects.toMatchObject(refused);
      await expect(scene.store.history('v1', { limit: 1, cursor })).rejects.toMatchObject(refused);
      await expect(scene.store.vms({ ip: '10.0.0.0/8' }, { limit: 1, cursor })).rejects.toMatchObject(refused);
    });

    test('D1: a limit or address that cannot be is refused', async () => {
      await using scene = await Scene.of(options);
      for (const limit of [0, -1, 1.5, Number.NaN]) {
        await expect(scene.store.vms({}, { limit })).rejects.toMatchObject({ code: 'VDT_STORE_QUERY', path: '/limit' });
      }
      for (const ip of ['', 'x', '10.0.0.0/33', '10.0.0', 'fe80::1%eth0']) {
        const refusal = expect(scene.store.vms({ ip }, { limit: 1 })).rejects;
        await refusal.toMatchObject({ code: 'VDT_STORE_QUERY', path: '/ip' });
      }
    });

    test('hosts by realm and state, in order of id, in pages', async () => {
      await using scene = await Scene.of(options);
      await scene.hosts(['h3', 'h1', 'h2']);
      const [h4] = await scene.hosts(['h4'], 'r2');
      await scene.apply(h4.hostState('up'), h4.state('v1', 'running'));
      const ids = async (query: Parameters<typeof scene.store.hosts>[0]) =>
        (await scene.store.hosts(query, { limit: 10 })).items.map(({ id }) => id);
      expect(await ids({})).toEqual(['h1', 'h2', 'h3', 'h4']);
      expect(await ids({ realm: 'r1' })).toEqual(['h1', 'h2', 'h3']);
      expect(await ids({ state: 'up' })).toEqual(['h4']);
      const paged = await collect((page) => scene.store.hosts({}, page), 3);
      expect(paged.map(({ id }) => id)).toEqual(['h1', 'h2', 'h3', 'h4']);
      expect(await scene.store.host('h4')).toMatchObject({ name: 'name of h4', realm: 'r2', url: 'test://h4', vms: 1 });
    });

    test('history is newest first: who saw what, when, how, and what the fleet was told', async () => {
      await using scene = await Scene.of(options);
      const [h1] = await scene.hosts(['h1']);
      await scene.apply(h1.state('v1', 'running'));
      await scene.apply(h1.state('v1', 'stopped', { reason: 'shutdown' }), h1.config('v1', 'web', '1'));
      const { items } = await scene.store.history('v1', { limit: 10 });
      expect(items.map(({ by, name, via }) => `${by} ${name} ${via}`)).toEqual([
        'fleet VMChanged ',
        'h1 VMConfigChanged poll',
        'fleet VMChanged ',
        'h1 VMStateChanged poll',
        'fleet VMChanged ',
        'h1 VMStateChanged poll',
      ]);
      expect(items.map(({ sequence }) => sequence)).toEqual(
        items.map(({ sequence }) => sequence).toSorted((a, b) => b - a),
      );
      expect(items[1]?.data).toEqual({
        version: { epoch: 1, seq: 3 },
        sections: ['info', 'config'],
        value: { name: 'web', hashes: { info: 'i1', config: 'c1' } },
      });
      expect(items[2]).toMatchObject({
        vm: 'v1',
        atMs: scene.clock.wallNow(),
        data: { vmVersion: 2, reason: 'stopped', previous: { state: 'running' } },
      });
      expect(items[3]).toMatchObject({
        vm: 'v1',
        atMs: Date.UTC(2026, 0, 1),
        data: { from: 'running', to: 'stopped' },
      });
      const paged = await collect((page) => scene.store.history('v1', page), 4);
      expect(paged).toEqual(items);
      expect(await scene.store.history('v9', { limit: 10 })).toEqual({ items: [] });
    });

    test('history tells of what a listing lacked, and nothing of what was old', async () => {
      await using scene = await Scene.of(options);
      const [h1] = await scene.hosts(['h1']);
      const old = h1.state('v1', 'running');
      await scene.apply(h1.state('v1', 'paused'));
      await scene.apply(old, old);
      await scene.apply(...h1.snapshot([]));
      const { items } = await scene.store.history('v1', { limit: 10 });
      const observed = items.filter(({ by }) => by === 'h1').map(({ name, data }) => `${name} ${String(data.to)}`);
      expect(observed).toEqual(['HostSnapshot absent', 'VMStateChanged paused']);
    });
  });
}

/** Two hosts in two realms with two VMs each. */
async function fleet(options: StoreConformanceOptions): Promise<Scene> {
  const scene = await Scene.of(options);
  const [h1] = await scene.hosts(['h1']);
  const [h2] = await scene.hosts(['h2'], 'r2');
  await scene.apply(h1.state('v1', 'running'), h1.config('v1', 'Web-1', '1'), h1.state('v2', 'stopped'));
  await scene.apply(h2.state('v3', 'running'), h2.config('v3', 'web-2', '2'), h2.state('v4', 'failed'));
  await scene.apply(h1.addresses('v1', [address('10.1.0.1'), address('10.1.0.9'), address('fd00::1')]));
  await scene.apply(h1.addresses('v2', [address('10.1.0.2')]), h2.addresses('v3', [address('10.2.0.3')]));
  return scene;
}

async function allIds(scene: Scene, query: Parameters<typeof scene.store.vms>[0], limit: number): Promise<string[]> {
  const records = await collect((page) => scene.store.vms(query, page), limit);
  const ids = records.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  return ids;
}

/** All pages of a query. */
async function collect<T>(query: (page: PageRequest) => Promise<Page<T>>, limit: number): Promise<T[]> {
  const items: T[] = [];
  for (let cursor: string | undefined; ; ) {
    const page = await query(cursor === undefined ? { limit } : { limit, cursor });
    expect(page.items.length).toBeLessThanOrEqual(limit);
    items.push(...page.items);
    if (page.cursor === undefined) return items;
    cursor = page.cursor;
  }
}
