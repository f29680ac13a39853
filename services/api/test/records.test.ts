import { address, coverage } from '@vedette/store/conformance';
import type Type from 'typebox';
import { Check, Errors } from 'typebox/schema';
import { describe, expect, test } from 'vitest';
import { operations } from '../src/operations.ts';
import { type Loose, World } from './world.ts';

function expectShape(schema: Type.TSchema, document: unknown): void {
  expect(Check(schema, document), JSON.stringify(Errors(schema, document)[1])).toBe(true);
}

/** Two hosts of two realms, three VMs. */
async function smallFleet(): Promise<World> {
  const world = await World.start();
  const h1 = await world.host('h1', 'r1');
  const h2 = await world.host('h2', 'r2');
  await world.apply(
    h1.state('vm-a', 'running'),
    h1.config('vm-a', 'web', '1'),
    h1.addresses('vm-a', [address('10.0.0.1')]),
    h1.state('vm-b', 'stopped'),
    h1.config('vm-b', 'db', '2'),
    h2.state('vm-c', 'running'),
    h2.config('vm-c', 'web-2', '3'),
  );
  return world;
}

const ids = (reply: { readonly json: Loose }): string[] => reply.json.items.map(({ id }: { id: string }) => id).sort();

describe('GET /v1/vms', () => {
  test('lists what is true of every VM, in the published shape, with its age and when that was observed', async () => {
    await using world = await smallFleet();
    await world.clock.advance(1_500);
    const reply = await world.get('/v1/vms');
    expect(reply.status).toBe(200);
    expectShape(operations.listVMs.reply.schema, reply.json);
    const web = reply.json.items.find(({ id }: { id: string }) => id === 'vm-a');
    expect(web).toMatchObject({ name: 'web', state: 'running', host: 'h1', realm: 'r1', ageMs: 1_500 });
    expect(web.addresses.map((one: { address: string }) => one.address)).toEqual(['10.0.0.1']);
    expect(web.observedAt).toBe('2026-01-01T00:00:00.000Z');
  });

  test.each([
    ['host=h1', ['vm-a', 'vm-b']],
    ['realm=r2', ['vm-c']],
    ['state=stopped', ['vm-b']],
    ['state=stopped,running', ['vm-a', 'vm-b', 'vm-c']],
    ['state=stopped&state=running&realm=r1', ['vm-a', 'vm-b']],
    ['ip=10.0.0.1', ['vm-a']],
    ['ip=10.0.0.0%2F8', ['vm-a']],
    ['ip=10.1.0.0%2F16', []],
    ['q=WEB', ['vm-a', 'vm-c']],
    ['q=vm-b', ['vm-b']],
    ['gone=true', ['vm-a', 'vm-b', 'vm-c']],
    ['gone', ['vm-a', 'vm-b', 'vm-c']],
  ])('filters by %s', async (query, expected) => {
    await using world = await smallFleet();
    expect(ids(await world.get(`/v1/vms?${query}`))).toEqual(expected);
  });

  test('gives every record once over its pages, and the position to follow from on the first only', async () => {
    await using world = await smallFleet();
    const pages = [await world.get('/v1/vms?limit=2')];
    const { cursor } = pages[0]?.json ?? {};
    pages.push(await world.get(`/v1/vms?limit=2&cursor=${encodeURIComponent(cursor)}`));
    expect(pages.flatMap(ids).sort()).toEqual(['vm-a', 'vm-b', 'vm-c']);
    const { id, position } = await world.store.identity();
    expect(pages.map(({ json }) => json.position)).toEqual([`${id}-${position}`, undefined]);
    expect(pages[1]?.json.cursor).toBeUndefined();
  });

  test('carries only the fields asked for, and the id', async () => {
    await using world = await smallFleet();
    const { json } = await world.get('/v1/vms?fields=state,name&host=h2');
    expect(json.items).toEqual([{ id: 'vm-c', name: 'web-2', state: 'running' }]);
  });

  test('a VM of a host that nobody watches reads as unknown, its last state beside it', async () => {
    await using world = await smallFleet();
    await world.clock.advance(60_000);
    await world.store.judgeCoverage(10_000);
    const { json } = await world.get('/v1/vms?state=unknown');
    expect(json.items).toHaveLength(3);
    expect(json.items[0].lastState).toBeDefined();
  });
});

describe('one VM', () => {
  test('shows what every observer says of it', async () => {
    await using world = await smallFleet();
    const reply = await world.get('/v1/vms/vm-a');
    expectShape(operations.getVM.reply.schema, reply.json);
    expect(reply.json.sightings).toHaveLength(1);
    expect(reply.json.sightings[0]).toMatchObject({ observer: 'h1' });
  });

  test('its history is newest first and in pages', async () => {
    await using world = await smallFleet();
    const all = await world.get('/v1/vms/vm-a/history');
    expectShape(operations.getVMHistory.reply.schema, all.json);
    const sequences = all.json.items.map(({ sequence }: { sequence: number }) => sequence);
    expect(sequences).toEqual([...sequences].sort((a, b) => b - a));
    const first = await world.get('/v1/vms/vm-a/history?limit=1');
    expect(first.json.items).toEqual(all.json.items.slice(0, 1));
    const second = await world.get(`/v1/vms/vm-a/history?limit=1&cursor=${encodeURIComponent(first.json.cursor)}`);
    expect(second.json.items).toEqual(all.json.items.slice(1, 2));
  });

  test.each(['/v1/vms/nobody', '/v1/vms/nobody/history', '/v1/hosts/nobody'])(
    '%s is a 404 with our code',
    async (path) => {
      await using world = await smallFleet();
      const reply = await world.get(path);
      expect(reply).toMatchObject({ status: 404, json: { code: 'VDT_API_NOT_FOUND', status: 404 } });
    },
  );

  test('forgetting it declares it gone where nobody can confirm that; a second time there is nothing to forget', async () => {
    await using world = await smallFleet();
    await world.store.removeHosts(['h1'], 'test');
    const reply = await world.ask('POST', '/v1/vms/vm-a/forget');
    expect(reply).toMatchObject({ status: 204, text: '' });
    expect((await world.get('/v1/vms/vm-a')).json.state).toBe('gone');
    expect((await world.ask('POST', '/v1/vms/nobody/forget')).status).toBe(404);
  });
});

describe('hosts and status', () => {
  test('hosts have their published shape and can be filtered', async () => {
    await using world = await smallFleet();
    const all = await world.get('/v1/hosts');
    expectShape(operations.listHosts.reply.schema, all.json);
    expect(ids(all)).toEqual(['h1', 'h2']);
    expect(ids(await world.get('/v1/hosts?realm=r2'))).toEqual(['h2']);
    expect(ids(await world.get('/v1/hosts?state=up'))).toEqual(['h1', 'h2']);
    expect(ids(await world.get('/v1/hosts?state=non_responsive'))).toEqual([]);
    const one = await world.get('/v1/hosts/h1');
    expectShape(operations.getHost.reply.schema, one.json);
    expect(one.json).toMatchObject({ id: 'h1', name: 'name of h1', vms: 2, state: 'up' });
  });

  test('the status counts by state and tells where the events stand', async () => {
    await using world = await smallFleet();
    await world.clock.advance(5_000);
    await world.store.applyCoverage(coverage('m1', 2));
    const { json } = await world.get('/v1/status');
    expectShape(operations.getStatus.reply.schema, json);
    const { id, position } = await world.store.identity();
    expect(json).toMatchObject({ uptimeMs: 5_000, position: `${id}-${position}`, hosts: { up: 2 } });
    expect(json.vms).toMatchObject({ running: 2, stopped: 1 });
  });
});
